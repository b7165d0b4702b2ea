"""BW64 files: what is written is what is read, libsndfile reads it too, and no damage is more than a line."""

import logging
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemfield.renderer.files import wave_writer
from stemfield.renderer.files.audiofile import AudioFileError
from stemfield.renderer.files.bw64 import Bw64Reader, TrackEntry
from stemfield.renderer.files.bw64_writer import Bw64Writer

RATE = 48_000
ENTRIES = (
    TrackEntry(0, "ATU_00000001", "AT_00031001_01", "AP_00031001"),
    TrackEntry(2, "ATU_00000002", "AT_00031002_01", "AP_00031002"),
    TrackEntry(2, "ATU_00000003", "AT_00031003_01", "AP_00031003"),
)
AXML = b"<odd/>\n"  # of an odd number of bytes, so that a byte has to be added


def noise(tracks: int = 3, frames: int = 1001) -> np.ndarray:
    return np.random.default_rng(64).uniform(-1, 1, (tracks, frames)).astype(np.float32)


def written(path: Path, sound: np.ndarray, large_bytes: int = wave_writer.LARGE_BYTES) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wave_writer, "LARGE_BYTES", large_bytes)
        with Bw64Writer(path, RATE, len(sound), ENTRIES) as writer:
            for block in np.array_split(sound, 3, axis=1):
                writer.write(block)
            writer.axml = AXML
    return path


def read(path: Path) -> np.ndarray:
    with Bw64Reader(path) as reader:
        assert reader.sample_rate_hz == RATE
        found = np.concatenate(list(reader.blocks(77)), axis=1)
        assert found.shape == (reader.tracks, reader.frames)
        return found


def refusal_of(path: Path) -> str | None:
    """Why a file cannot be read, or None after reading all of it."""
    try:
        with Bw64Reader(path) as reader:
            assert len(reader.axml) <= path.stat().st_size
            assert all(np.isfinite(block).all() for block in reader.blocks(64))
    except AudioFileError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("limit", "head"), [(2**32 - 1, b"RIFF"), (1000, b"BW64")])
def test_what_is_written_is_read(limit, head, tmp_path):
    path = written(tmp_path / "a.wav", noise(), large_bytes=limit)
    data = path.read_bytes()
    assert data[:4] == head
    np.testing.assert_allclose(read(path), noise(), rtol=0, atol=2**-24)
    with Bw64Reader(path) as reader:
        assert reader.entries == ENTRIES
        assert reader.axml == AXML
    size, sizes = struct.unpack("<I", data[4:8])[0], struct.unpack("<QQQ", data[20:44])
    if head == b"BW64":
        assert (data[12:16], size) == (b"ds64", 0xFFFFFFFF)
        assert sizes == (len(data) - 8, 3 * 3 * 1001, 1001)
    else:
        assert size == len(data) - 8


def test_libsndfile_reads_it(tmp_path):
    path = written(tmp_path / "a.wav", noise())
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    np.testing.assert_array_equal(sound.T, read(path))


@pytest.mark.parametrize("kind", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_what_libsndfile_writes_is_read(kind, container, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2).T, RATE, subtype=kind, format=container)
    expected = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    np.testing.assert_allclose(read(tmp_path / "a.wav").T, expected, rtol=0, atol=1e-7)


def test_what_is_beyond_full_scale_is_limited_and_told(tmp_path, caplog):
    with Bw64Writer(tmp_path / "a.wav", RATE, 1, ()) as writer:
        writer.write(np.array([[0.5, 1.5, -1.5, 1.0, -1.0]], np.float32))
    assert writer.clipped == 2
    most = "by 3.5 dB at most, in channel 1 at 0.00 s"
    told = f"{tmp_path / 'a.wav'}: 2 samples were beyond full scale and are clipped, {most}; WAV of floats keeps them"
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.WARNING, told)]
    np.testing.assert_allclose(read(tmp_path / "a.wav"), [[0.5, 1.0, -1.0, 1.0, -1.0]], rtol=0, atol=2**-23)


def test_it_appears_only_when_it_is_complete(tmp_path):
    with Bw64Writer(tmp_path / "kept.wav", RATE, 1, ()) as writer:
        writer.write(noise(1))
        assert not (tmp_path / "kept.wav").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["kept.wav"]
    with pytest.raises(ValueError, match="shape"), Bw64Writer(tmp_path / "a.wav", RATE, 1, ()) as writer:
        writer.write(noise(2))
    assert [path.name for path in tmp_path.iterdir()] == ["kept.wav"]


@pytest.mark.parametrize(
    ("limit", "blocks", "frames"), [(200_000, 20, 4800), (200_000, 2000, 50), (1000, 1, 500), (9, 1, 1)]
)
def test_a_full_disk_is_one_line_and_no_file(limit, blocks, frames, tmp_path):
    """In a large block, in what waits for being written, at the end, and in the head."""
    script = """
import resource, sys, numpy as np
from stemfield.renderer.files.audiofile import AudioFileError
from stemfield.renderer.files.bw64_writer import Bw64Writer
path, limit, blocks, frames = sys.argv[1], *map(int, sys.argv[2:])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with Bw64Writer(path, 48000, 2, ()) as writer:
        for _ in range(blocks): writer.write(np.ones((2, frames), np.float32))
except AudioFileError as error:
    print(error)
"""
    words = [sys.executable, "-c", script, *map(str, (tmp_path / "full.wav", limit, blocks, frames))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'full.wav'}: cannot be written: File too large\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "tracks", "message"),
    [
        ("a.flac", 1, "BW64 is written to .wav files only"),
        ("a.mp3", 1, "got .mp3"),
        ("none/a.wav", 1, "there is no folder"),
        ("a.wav", 1025, "expected 1 to 1024 tracks, got 1025"),
    ],
)
def test_what_cannot_be_written_is_refused(name, tracks, message, tmp_path):
    with pytest.raises(AudioFileError, match=message):
        Bw64Writer(tmp_path / name, RATE, tracks, ())


def test_any_file_that_is_cut_off_is_refused_in_a_line(tmp_path):
    data = written(tmp_path / "a.wav", noise(3, 40)).read_bytes()
    cut = tmp_path / "cut.wav"
    for length in range(0, len(data) - 1, 3):
        cut.write_bytes(data[:length])
        refusal = refusal_of(cut)
        if refusal is None:
            with Bw64Reader(cut) as reader:
                assert reader.axml == b""  # cut between two chunks: then there is no description
        else:
            assert str(cut) in refusal
            assert "\n" not in refusal


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@settings(max_examples=150, deadline=None)
@given(limit=st.sampled_from([10, 2**32]), changes=st.lists(st.tuples(st.integers(0, 480), st.integers(0, 255))))
def test_no_bytes_make_it_crash(folder, limit, changes):
    path = folder / "a.wav"
    whole = bytearray(written(path, noise(3, 20), large_bytes=limit).read_bytes())
    for at, value in changes:
        whole[at % len(whole)] = value
    path.write_bytes(whole)
    assert "\n" not in (refusal_of(path) or "")


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"RIFX", "not a BW64 or WAV file"),
        (56, b"\x02\x00", "got format 2 with 24 bits"),
        (58, b"\x00\x00", "expected 1 to 1024 tracks, got 0"),
        (60, struct.pack("<I", 0), "sample rate: expected 8000 to 384000 Hz, got 0 Hz"),
        (60, struct.pack("<I", 7_999), "sample rate: expected 8000 to 384000 Hz, got 7999 Hz"),
        (60, struct.pack("<I", 384_001), "sample rate: expected 8000 to 384000 Hz, got 384001 Hz"),
        (82, b"\xff\xff", "declares 65535 tracks and is too short"),
        (84, b"\x09\x00", "ATU_00000001 is track 9 in chna; the file has 3"),
    ],
)
def test_what_is_wrong_is_named(at, value, message, tmp_path):
    data = bytearray(written(tmp_path / "a.wav", noise()).read_bytes())
    data[at : at + len(value)] = value
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(AudioFileError, match=message):
        Bw64Reader(tmp_path / "a.wav")


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    for name, message in (("text.wav", "not a BW64"), ("none.wav", "no such file"), (".", "is a folder")):
        with pytest.raises(AudioFileError, match=message):
            Bw64Reader(tmp_path / name)
