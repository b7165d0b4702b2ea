"""Files whose header and sound disagree: the sound is read to its end, once, as others decode it, and that is told."""

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemfield.renderer.files.audiofile import AudioFileError, AudioReader
from stemfield.renderer.files.bw64 import Bw64Reader

RATE = 44100


def music(seconds: float, seed: int = 4) -> np.ndarray:
    """Tones and noise that come and go, so that the frames of a variable rate borrow from each other."""
    t = np.arange(int(seconds * RATE)) / RATE
    swell = np.sin(2 * np.pi * 0.7 * t) ** 2
    noise = np.random.default_rng(seed).standard_normal((2, len(t)))
    tones = np.stack([np.sin(2 * np.pi * 220 * t), np.sin(2 * np.pi * 331 * t)])
    return (0.4 * tones * swell + 0.1 * noise * swell).astype(np.float32)


def ffmpeg(*words: str | Path, given: bytes | None = None) -> bytes:
    command = ["ffmpeg", "-v", "error", "-y", *map(str, words)]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def decoded(path: Path, channels: int = 2) -> np.ndarray:
    """By another decoder."""
    data = ffmpeg("-i", path, "-f", "f32le", "-ac", str(channels), "-")
    return np.frombuffer(data, np.float32).reshape(-1, channels).T


def encoded(path: Path, sound: np.ndarray, *options: str) -> Path:
    raw = ("-f", "f32le", "-ar", str(RATE), "-ac", str(len(sound)), "-i", "-")
    ffmpeg(*raw, *options, path, given=np.ascontiguousarray(sound.T).tobytes())
    return path


def read(path: Path, block_frames: int = 4096) -> tuple[np.ndarray, str | None]:
    with AudioReader(path) as reader:
        sound = np.concatenate(list(reader.blocks(block_frames)), axis=1)
        assert reader.frames == sound.shape[1]
        whole = AudioReader(path)
        with whole:
            np.testing.assert_array_equal(whole.read(whole.frames + 1), sound)  # however it is cut into blocks
        reader.rewind()
        np.testing.assert_array_equal(reader.read(5000), sound[:, :5000])
        return sound, "; ".join(reader.warnings) or None


VBR = ("-q:a", "2")
NO_HEADER = ("-write_xing", "0")


class TestMp3:
    @pytest.mark.parametrize("block_frames", [977, 4096])
    def test_variable_rate_after_silence(self, tmp_path: Path, block_frames: int) -> None:
        sound = np.concatenate([np.zeros((2, RATE), np.float32), music(2.0)], axis=1)
        path = encoded(tmp_path / "a.mp3", sound, *VBR)
        found, warning = read(path, block_frames)
        np.testing.assert_allclose(found, decoded(path), rtol=0, atol=1e-5)
        assert found.shape == sound.shape
        assert warning is None

    @pytest.mark.parametrize("options", [VBR, ("-b:a", "128k"), ("-q:a", "7", "-ar", "22050"), ("-ac", "1")])
    def test_without_a_header(self, tmp_path: Path, options: tuple[str, ...]) -> None:
        path = encoded(tmp_path / "a.mp3", music(3.0), *options, *NO_HEADER)
        found, warning = read(path)
        channels = 1 if "-ac" in options else 2
        np.testing.assert_allclose(found[:channels], decoded(path, channels), rtol=0, atol=1e-5)
        assert warning is None

    def test_from_the_middle_of_a_stream(self, tmp_path: Path) -> None:
        whole = encoded(tmp_path / "a.mp3", music(3.0), *VBR, *NO_HEADER)
        path = tmp_path / "b.mp3"
        path.write_bytes(whole.read_bytes()[20_000:])
        found, warning = read(path)
        np.testing.assert_allclose(found, decoded(path), rtol=0, atol=1e-5)
        assert "left out" in str(warning)

    def test_joined_files_are_as_long_as_both(self, tmp_path: Path) -> None:
        first = encoded(tmp_path / "a.mp3", music(2.0), *VBR, "-metadata", "title=One")
        second = encoded(tmp_path / "b.mp3", music(1.5, seed=9), "-ac", "1")
        joined = tmp_path / "c.mp3"
        joined.write_bytes(first.read_bytes() + second.read_bytes())
        found, warning = read(joined)
        np.testing.assert_allclose(found[:, : 2 * RATE], decoded(first), rtol=0, atol=1e-5)
        np.testing.assert_allclose(found[:1, 2 * RATE :], decoded(second, 1), rtol=0, atol=1e-5)
        assert f"{joined}: holds 2 pieces of sound in a row; all of them are read" in str(warning)
        with AudioReader(joined) as reader:
            assert reader.title == "One"

    def test_joined_files_of_two_rates_are_refused(self, tmp_path: Path) -> None:
        first = encoded(tmp_path / "a.mp3", music(0.5)).read_bytes()
        (tmp_path / "c.mp3").write_bytes(first + encoded(tmp_path / "b.mp3", music(0.5), "-ar", "48000").read_bytes())
        with pytest.raises(AudioFileError, match=r"c\.mp3: its sample rate changes: 44100 Hz, then 48000 Hz; convert"):
            AudioReader(tmp_path / "c.mp3")

    @pytest.mark.parametrize(("count", "told"), [(40, "header says 1.0"), (5000, "cut off; read is what there is")])
    def test_a_header_that_is_wrong(self, tmp_path: Path, count: int, told: str) -> None:
        path = encoded(tmp_path / "a.mp3", music(2.0), *VBR)
        data = bytearray(path.read_bytes())
        at = data.find(b"Xing") + 8
        data[at : at + 4] = count.to_bytes(4, "big")
        path.write_bytes(data)
        found, warning = read(path)
        assert 2 * RATE <= found.shape[1] < 2 * RATE + 2000
        np.testing.assert_allclose(found[:, :RATE], decoded(path)[:, :RATE], rtol=0, atol=1e-5)
        assert told in str(warning)

    def test_what_is_no_sound_is_left_out(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        path = encoded(tmp_path / "a.mp3", music(2.0), *VBR, "-id3v2_version", "0")
        expected, data = decoded(path), path.read_bytes()
        junk = np.random.default_rng(3).bytes(777)
        id3 = b"ID3\x03\0\0\0\0\x02\0" + bytes(256)
        ape = b"APETAGEX" + struct.pack("<IIII8x", 2000, 64, 0, 1 << 31 | 1 << 29) + bytes(32)
        ape += b"APETAGEX" + struct.pack("<IIII8x", 2000, 64, 0, 1 << 31)
        for before, behind, told in (
            (junk, b"", "777 bytes that are neither sound nor a tag are left out"),
            (id3, b"", "None"),
            (id3 + id3, ape + b"TAG" + bytes(125), "None"),
            (b"", junk, "777 bytes"),
        ):
            path.write_bytes(before + data + behind)
            found, warning = read(path)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
            assert told in str(warning)
        assert capfd.readouterr().err == ""

    def test_cut_within_a_frame(self, tmp_path: Path) -> None:
        path = encoded(tmp_path / "a.mp3", music(2.0), *VBR, *NO_HEADER)
        expected = decoded(path)
        path.write_bytes(path.read_bytes()[:-50])
        found, warning = read(path)
        assert expected.shape[1] - found.shape[1] == 1152
        np.testing.assert_allclose(found, expected[:, :-1152], rtol=0, atol=1e-5)
        assert "cut off" in str(warning)

    @pytest.mark.parametrize(("at", "instead"), [(20000, b""), (38021, b""), (38021, bytes(2000)), (74063, b"")])
    def test_a_hole_costs_the_frames_that_need_what_is_missing(self, tmp_path: Path, at: int, instead: bytes) -> None:
        """Others take what they find in its place, which is twice as loud as the music."""
        path = encoded(tmp_path / "a.mp3", music(4.0), *VBR)
        clean, _ = read(path)
        data = path.read_bytes()
        path.write_bytes(data[:at] + instead + data[at + 2000 :])
        found, warning = read(path)
        assert np.abs(found).max() <= np.abs(clean).max()
        lost = next(n for n in range(0, 6 * 1152, 1152) if n >= clean.shape[1] - found.shape[1])
        behind = int((at + 2000) / len(data) * clean.shape[1]) + RATE // 4
        expected = clean[:, behind + lost :]
        np.testing.assert_allclose(found[:, behind:][:, : expected.shape[1]], expected, rtol=0, atol=1e-5)
        assert "lost a part" in str(warning)

    @pytest.mark.parametrize("options", [VBR, ("-b:a", "160k"), ("-b:a", "64k", "-ar", "22050")])
    def test_a_frame_that_a_hole_cuts_through_is_silent(
        self, tmp_path: Path, options: tuple[str, ...], capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A decoder takes the next frame's bytes for its end: up to 100 dB over full scale."""
        path = encoded(tmp_path / "a.mp3", 0.3 * music(2.0), *options)
        clean, _ = read(path)
        data = path.read_bytes()
        for at, missing in enumerate((1, 3, 50, 300, 700)):
            hole = len(data) // 3 + at * 331
            path.write_bytes(data[:hole] + data[hole + missing :])
            with AudioReader(path) as reader:
                found = reader.read(2 * reader.frames)
            assert np.abs(found).max() <= 1.01 * np.abs(clean).max()
            if missing < 60:
                assert found.shape == clean.shape
                np.testing.assert_allclose(found[:, -9000:], clean[:, -9000:], rtol=0, atol=1e-5)
            assert "1 frame has lost a part" in str(reader.warnings)
        assert "mpg123" not in capfd.readouterr().err

    def test_what_the_decoder_says_of_damage_is_a_warning(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = encoded(tmp_path / "a.mp3", music(2.0), *VBR)
        data = bytearray(path.read_bytes())
        for at in range(len(data) // 4, len(data) // 2, 97):
            data[at] ^= 1 << at % 8
        path.write_bytes(data)
        with AudioReader(path) as reader:
            found = reader.read(2 * reader.frames)
        assert np.abs(found).max() <= 8.0
        assert "some of its sound is damaged" in str(reader.warnings)
        assert "mpg123" not in capfd.readouterr().err

    def test_in_a_wav_file(self, tmp_path: Path) -> None:
        path = encoded(tmp_path / "a.wav", music(1.0), "-c:a", "libmp3lame", *NO_HEADER)
        found, warning = read(path)
        np.testing.assert_allclose(found, decoded(path), rtol=0, atol=1e-5)
        assert warning is None


def ogg_checksum(page: bytes) -> int:
    """RFC 3533, section 6."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1) & 0xFFFFFFFF
    return value


class TestOgg:
    @pytest.mark.parametrize("codec", ["libvorbis", "libopus"])
    def test_a_chain_is_read_to_its_end(self, tmp_path: Path, codec: str) -> None:
        first = encoded(tmp_path / "a.ogg", music(2.0), "-c:a", codec)
        second = encoded(tmp_path / "b.ogg", music(1.5, seed=9), "-c:a", codec)
        chain = tmp_path / "c.ogg"
        chain.write_bytes(first.read_bytes() + second.read_bytes())
        found, warning = read(chain)
        np.testing.assert_array_equal(found, np.concatenate([read(first)[0], read(second)[0]], axis=1))
        assert "2 pieces of sound in a row" in str(warning)
        assert read(first)[1] is None

    def test_as_others_decode_it(self, tmp_path: Path) -> None:
        path = encoded(tmp_path / "a.ogg", music(2.0), "-c:a", "libvorbis")
        np.testing.assert_allclose(read(path)[0], decoded(path), rtol=0, atol=1e-5)

    def test_recorded_from_the_middle_of_a_stream(self, tmp_path: Path) -> None:
        path = encoded(tmp_path / "a.ogg", music(2.0), "-c:a", "libvorbis")
        expected, data, late, at = decoded(path), path.read_bytes(), b"", 0
        while at < len(data):
            size = 27 + data[at + 26] + sum(data[at + 27 : at + 27 + data[at + 26]])
            page, granule = bytearray(data[at : at + size]), int.from_bytes(data[at + 6 : at + 14], "little")
            if granule:
                page[6:14] = (granule + 3600 * RATE).to_bytes(8, "little")
            page[22:26] = bytes(4)
            page[22:26] = ogg_checksum(page).to_bytes(4, "little")
            late, at = late + page, at + size
        path.write_bytes(late)
        found, warning = read(path)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert warning is None

    def test_a_cut_chain_is_told(self, tmp_path: Path) -> None:
        data = encoded(tmp_path / "a.ogg", music(4.0), "-c:a", "libvorbis").read_bytes()
        (tmp_path / "a.ogg").write_bytes(data + data[: len(data) // 2])
        found, warning = read(tmp_path / "a.ogg")
        assert 4.5 * RATE < found.shape[1] < 7.5 * RATE
        assert "cut off" in str(warning)


class TestFlac:
    def test_without_a_length(self, tmp_path: Path) -> None:
        sound = music(2.0)
        data = ffmpeg(
            "-f", "f32le", "-ar", str(RATE), "-ac", "2", "-i", "-", "-f", "flac", "-", given=sound.T.tobytes()
        )
        (tmp_path / "a.flac").write_bytes(data)
        assert int.from_bytes(data[21:26], "big") & (1 << 36) - 1 == 0
        found, warning = read(tmp_path / "a.flac")
        np.testing.assert_allclose(found, sound, rtol=0, atol=2**-15)
        assert warning is None
        id3v1 = b"TAG" + bytes(124) + b"\xff"
        for tag in (id3v1, b"APETAGEX" + bytes(24) + id3v1, b"ID3\3\0\0\0\0\0\x0a" + bytes(9) + b"x"):
            (tmp_path / "a.flac").write_bytes(data + tag)
            tagged, warning = read(tmp_path / "a.flac")
            np.testing.assert_array_equal(tagged, found)
            assert warning is None
        # cut off while it was streamed
        (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
        found, warning = read(tmp_path / "a.flac")
        assert 0.8 * RATE < found.shape[1] < 1.2 * RATE
        np.testing.assert_allclose(found, sound[:, : found.shape[1]], rtol=0, atol=2**-15)
        assert f"cut off; read is what there is, {found.shape[1] / RATE:.2f} s" in str(warning)

    def test_a_rate_of_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "a.flac"
        soundfile.write(path, music(0.2).T, RATE)
        data = bytearray(path.read_bytes())
        data[18:26] = bytes((0, 0, data[20] & 0x0F, *data[21:26]))
        path.write_bytes(data)
        with pytest.raises(AudioFileError, match=r"a\.flac: damaged: its header says a sample rate of 0 Hz"):
            AudioReader(path)

    @pytest.mark.parametrize("blocks", ["fixed", "odd"])
    def test_a_length_that_is_too_short(self, tmp_path: Path, blocks: str) -> None:
        sound, path = music(2.0), tmp_path / "a.flac"
        if blocks == "fixed":
            soundfile.write(path, sound.T, RATE, subtype="PCM_24")
        else:
            encoded(path, sound, "-frame_size", "1000", "-sample_fmt", "s32")
        data = bytearray(path.read_bytes())
        data[21:26] = (int.from_bytes(data[21:26], "big") & ~((1 << 36) - 1) | RATE).to_bytes(5, "big")
        path.write_bytes(data)
        found, warning = read(path)
        np.testing.assert_allclose(found, sound, rtol=0, atol=2**-22)
        assert "its header says 1.00 s and 2.00 s are there; all of it is read" in str(warning)

    def test_joined_and_tagged(self, tmp_path: Path) -> None:
        sound, path = music(1.0), tmp_path / "a.flac"
        soundfile.write(path, sound.T, RATE, subtype="PCM_24")
        data = path.read_bytes()
        path.write_bytes(b"ID3\x03\0\0\0\0\x02\0" + bytes(256) + data + b"TAG" + bytes(125) + data)
        found, warning = read(path)
        np.testing.assert_allclose(found, np.concatenate([sound, sound], axis=1), rtol=0, atol=2**-22)
        assert "2 pieces of sound" in str(warning)


def wav(tmp_path: Path, sound: np.ndarray, change: Callable[[bytearray], object], subtype: str = "PCM_16") -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, sound.T, RATE, subtype=subtype)
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def with_sizes(riff: int, sound: int) -> Callable[[bytearray], object]:
    def change(data: bytearray) -> None:
        at = data.find(b"data") + 4
        data[4:8], data[at : at + 4] = struct.pack("<I", riff), struct.pack("<I", sound)

    return change


class TestWav:
    @pytest.mark.parametrize(
        ("sizes", "told"),
        [
            ((36, 0), "its header says 0.00 s and 2.00 s are there; all of it is read"),  # lost its power
            ((0, 0), "its header says 0.00 s and 2.00 s are there; all of it is read"),
            ((0x7FFFF024, 0x7FFFF000), None),  # sox into a pipe
            ((0xFFFFFFFF, 0xFFFFFFFF), None),  # ffmpeg into a pipe
            ((0x80000000, 0x7FFFFFFF), None),
            ((0xFFFFFFFF, 0x80000000), None),
            ((36 + 4 * RATE // 2, 4 * RATE // 2), "its header says 0.50 s and 2.00 s are there"),  # saved at times
            ((36 + 40 * RATE, 40 * RATE), "cut off; read is what there is, 2.00 s of 10.00 s"),
        ],
    )
    @pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
    def test_the_sound_goes_on_to_the_end(
        self, tmp_path: Path, sizes: tuple[int, int], told: str | None, subtype: str
    ) -> None:
        sound = music(2.0)
        wide = 1 if subtype == "PCM_16" else 2
        sizes = sizes if sizes[1] > 2**30 else (sizes[0], wide * sizes[1])
        found, warning = read(wav(tmp_path, sound, with_sizes(*sizes), subtype))
        np.testing.assert_allclose(found, sound, rtol=0, atol=2**-15)
        assert (warning is None) if told is None else told in str(warning)

    def test_a_length_that_is_a_little_too_short_is_told(self, tmp_path: Path) -> None:
        """Less than a second may be anything: it isn't played, but not passed over in silence either."""
        sound = music(2.0)
        sound[:, int(1.5 * RATE) : int(1.7 * RATE)] = 0.0
        found, warning = read(wav(tmp_path, sound, with_sizes(36 + 6 * RATE, 6 * RATE)))
        assert found.shape[1] == 1.5 * RATE
        assert f"{2 * RATE} bytes behind the sound, as long as its header says it is, are left out" in str(warning)

    @pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
    @pytest.mark.parametrize("length", ["true", "none", "unknown"])
    def test_sizes_of_64_bits(self, tmp_path: Path, kind: bytes, length: str) -> None:
        sound = music(1.0)

        def change(data: bytearray) -> None:
            at = data.find(b"data")
            bytes_ = {"true": 4 * RATE, "none": 0, "unknown": 2**64 - 1}[length]
            with_sizes(0xFFFFFFFF, 0xFFFFFFFF)(data)
            del data[at + 8 + 4 * RATE :]
            data[:4] = kind
            data[12:12] = b"ds64" + struct.pack("<IQQQI", 28, len(data) + 28, bytes_, RATE, 0)

        path = wav(tmp_path, sound, change)
        found, _ = read(path)
        np.testing.assert_allclose(found, sound, rtol=0, atol=2**-15)
        with Bw64Reader(path) as reader:
            np.testing.assert_array_equal(np.concatenate(list(reader.blocks(1000)), axis=1), found)

    def test_what_stands_behind_the_sound_is_no_sound(self, tmp_path: Path) -> None:
        sound = music(1.0)
        text = b"LIST" + struct.pack("<I", 18) + b"INFOINAM" + struct.pack("<I", 6) + b"Title\0"
        path = wav(tmp_path, sound, lambda data: data.extend(text))
        found, warning = read(path)
        np.testing.assert_allclose(found, sound, rtol=0, atol=2**-15)
        assert warning is None
        with AudioReader(path) as reader:
            assert reader.title == "Title"
        found, warning = read(wav(tmp_path, sound, lambda data: data.extend(b"\xff\xfe" * 200)))
        assert found.shape == sound.shape
        assert "400 bytes behind the sound" in str(warning)

    def test_no_sound_is_no_sound(self, tmp_path: Path) -> None:
        for extra in (b"", b"LIST" + struct.pack("<I", 4) + b"INFO"):
            path = wav(tmp_path, np.zeros((2, 0), np.float32), lambda data, extra=extra: data.extend(extra))
            with pytest.raises(AudioFileError, match="holds no sound"):
                AudioReader(path)

    def test_joined_files(self, tmp_path: Path) -> None:
        sound = music(1.0)
        path = wav(tmp_path, sound, lambda data: data.extend(bytes(data)))
        found, warning = read(path)
        np.testing.assert_allclose(found, np.concatenate([sound, sound], axis=1), rtol=0, atol=2**-15)
        assert "2 pieces of sound" in str(warning)

    @pytest.mark.parametrize("codec", ["adpcm_ms", "pcm_alaw", "pcm_u8", "pcm_s24le"])
    def test_other_samples(self, tmp_path: Path, codec: str) -> None:
        path = encoded(tmp_path / "a.wav", music(1.0), "-c:a", codec)
        np.testing.assert_allclose(read(path)[0], decoded(path), rtol=0, atol=2**-14)

    def test_the_last_frame_may_be_cut(self, tmp_path: Path) -> None:
        sound = music(1.0)
        found, warning = read(wav(tmp_path, sound, lambda data: data.__delitem__(slice(-3, None))))
        np.testing.assert_allclose(found, sound[:, :-1], rtol=0, atol=2**-15)
        assert "cut off" in str(warning)


class TestOthers:
    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("a.aiff", "an AIFF file"),
            ("a.m4a", "an MP4 file"),
            ("a.caf", "a CAF file"),
            ("a.w64", "a Wave64 file"),
            ("a.aac", "an AAC file"),
            ("a.wv", "a WavPack file"),
            ("a.mka", "a Matroska or WebM file"),
            ("a.au", "an AU file"),
            ("a.mp2", "an MPEG file of layer II"),
        ],
    )
    def test_what_is_not_read_is_called_by_its_name(self, tmp_path: Path, name: str, told: str) -> None:
        path = encoded(tmp_path / name, music(0.2))
        with pytest.raises(AudioFileError, match=f"{name}: expected WAV, FLAC, OGG or MP3, got {told}"):
            AudioReader(path)

    def test_codecs_in_ogg_too(self, tmp_path: Path) -> None:
        path = encoded(tmp_path / "a.ogg", music(0.2), "-c:a", "flac")
        with pytest.raises(AudioFileError, match=r"a\.ogg: expected Vorbis or Opus in OGG, got FLAC"):
            AudioReader(path)

    def test_a_pipe_is_refused_and_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.wav")
        for path in (tmp_path / "pipe.wav", Path("/dev/null")):
            for reader in (AudioReader, Bw64Reader):
                with pytest.raises(AudioFileError, match=f"^{path}: is a pipe or a device: sound is read from files"):
                    reader(path)
