"""Sound files: what goes in comes out, broken ones say so in one line, broken runs leave nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemfield.renderer.files import wave_writer
from stemfield.renderer.files.audiofile import AudioFileError, AudioReader, AudioWriter
from stemfield.renderer.files.bw64 import Bw64Reader

RATE = 48000


def music(seconds: float = 3.0, channels: int = 2) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    tones = [0.3 * np.sin(2 * np.pi * 220 * (k + 1) * t) for k in range(channels)]
    noise = 0.02 * np.random.default_rng(4).standard_normal((channels, len(t)))
    return (np.stack(tones) + noise).astype(np.float32)


def save(path: Path, sound: np.ndarray, **options: str) -> Path:
    soundfile.write(path, sound.T, RATE, **options)
    return path


@pytest.fixture(params=["wav", "flac", "ogg", "mp3"])
def song(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return save(tmp_path / f"song.{request.param}", music())


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


class TestReading:
    def test_blocks_are_the_file(self, song: Path) -> None:
        whole = soundfile.read(song, dtype="float32")[0].T
        with AudioReader(song) as reader:
            assert (reader.sample_rate_hz, reader.channels, reader.frames) == (RATE, 2, whole.shape[1])
            blocks = list(reader.blocks(1000))
            assert reader.warnings == []
        assert {block.shape for block in blocks[:-1]} == {(2, 1000)}
        assert all(block.dtype == np.float32 for block in blocks)
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)

    def test_from_the_beginning_it_is_the_same_again_wherever_it_was(self, song: Path) -> None:
        whole = soundfile.read(song, dtype="float32")[0].T
        random = np.random.default_rng(1)
        with AudioReader(song) as reader:
            for _ in range(100):
                counts = random.integers(1, whole.shape[1] // 3, random.integers(1, 5)).tolist()
                read = np.concatenate([reader.read(count) for count in counts], axis=1)
                np.testing.assert_array_equal(read, whole[:, : sum(counts)])
                reader.rewind()

    def test_loop_has_no_gap(self, song: Path) -> None:
        whole = soundfile.read(song, dtype="float32")[0].T
        with AudioReader(song) as reader:
            blocks = [reader.read_looped(977) for _ in range(450)]
        looped = np.concatenate(blocks, axis=1)
        turns = -(-looped.shape[1] // whole.shape[1])
        assert turns >= 4
        np.testing.assert_array_equal(looped, np.tile(whole, turns)[:, : looped.shape[1]])

    @pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
    def test_mono_plays_on_both_sides(self, tmp_path: Path, suffix: str) -> None:
        path = save(tmp_path / f"mono.{suffix}", music(0.5, channels=1))
        with AudioReader(path) as reader:
            assert reader.channels == 1
            sound = reader.read(100000)
        assert np.abs(sound).max() > 0.2
        np.testing.assert_array_equal(sound[0], sound[1])

    def test_more_than_two_channels_are_refused_by_number(self, tmp_path: Path) -> None:
        path = save(tmp_path / "surround.wav", music(0.1, channels=6))
        with pytest.raises(AudioFileError, match=r"surround\.wav: expected 1 .* or 2 .* channels, got 6"):
            AudioReader(path)

    def test_title_tag_else_name(self, tmp_path: Path) -> None:
        tagged = tmp_path / "x.flac"
        with soundfile.SoundFile(tagged, "w", RATE, 1) as file:
            file.title = "A Night In"
            file.write(np.zeros(100))
        for path, title in ((tagged, "A Night In"), (save(tmp_path / "plain.wav", music(0.1)), "plain")):
            with AudioReader(path) as reader:
                assert reader.title == title

    def test_values_that_are_no_numbers_become_silence_and_a_warning(self, tmp_path: Path) -> None:
        sound = music(0.1)
        sound[0, 100], sound[1, 200] = np.nan, np.inf
        with AudioReader(save(tmp_path / "nan.wav", sound, subtype="FLOAT")) as reader:
            read = reader.read(4800)
            assert "no numbers" in str(reader.warnings)
        sound[0, 100], sound[1, 200] = 0, 0
        np.testing.assert_array_equal(read, sound)

    def test_memory_does_not_grow_with_length(self, tmp_path: Path) -> None:
        path = tmp_path / "long.wav"
        script = """
import resource, sys
from stemfield.renderer.files.audiofile import AudioReader, AudioWriter
import numpy as np
block = np.zeros((2, 48000), np.float32)
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with AudioWriter(sys.argv[1], 48000, 2) as writer: writer.write(block)
with AudioReader(sys.argv[1]) as reader: list(reader.blocks(4096))
before = peak()
with AudioWriter(sys.argv[1], 48000, 2) as writer:
    for _ in range(300): writer.write(block)
with AudioReader(sys.argv[1]) as reader: assert sum(b.shape[1] for b in reader.blocks(4096)) == 48000 * 300
print(peak() - before)
"""
        done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
        assert path.stat().st_size > 100e6
        assert int(done.stdout) < 20_000  # kB


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("text.mp3", b"hello world, this is no music\n" * 90, "not a sound file"),
            ("noise.wav", np.random.default_rng(0).bytes(5000), "not a sound file"),
            ("empty.flac", b"", "got an empty file"),
            ("head.wav", b"RIFF\x24\0\0\0WAVE", "damaged|no sound"),
            ("head.flac", b"fLaC" + bytes(60), "damaged"),
        ],
    )
    def test_not_sound(self, tmp_path: Path, name: str, content: bytes, message: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(AudioFileError, match=message) as caught:
            AudioReader(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_missing_folder_and_silent_length(self, tmp_path: Path) -> None:
        with pytest.raises(AudioFileError, match="no such file"):
            AudioReader(tmp_path / "none.wav")
        with pytest.raises(AudioFileError, match="is a folder"):
            AudioReader(tmp_path)
        with pytest.raises(AudioFileError, match="holds no sound"):
            AudioReader(save(tmp_path / "zero.wav", np.zeros((2, 0), np.float32)))

    @pytest.mark.parametrize("suffix", ["wav", "ogg", "mp3"])
    def test_cut_file_gives_what_is_there_and_a_warning(self, tmp_path: Path, suffix: str) -> None:
        path = save(tmp_path / f"cut.{suffix}", music())
        whole = soundfile.read(path, dtype="float32")[0].T
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        with AudioReader(path) as reader:
            sound = np.concatenate(list(reader.blocks(4096)), axis=1)
            assert "cut off" in str(reader.warnings)
            assert reader.read_looped(5000).shape == (2, 5000)  # and it still loops
        assert 0.4 < sound.shape[1] / whole.shape[1] < 0.75
        np.testing.assert_array_equal(sound[:, :40000], whole[:, :40000])

    def test_cut_flac_names_the_second(self, tmp_path: Path) -> None:
        path = save(tmp_path / "cut.flac", music())
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        with AudioReader(path) as reader, pytest.raises(AudioFileError, match=r"cut off after 1\.\d+ s of 3\.00 s"):
            list(reader.blocks(1000))


class TestWriting:
    @pytest.mark.parametrize(("name", "channels"), [("a.wav", 24), ("b.WAV", 2), ("c.flac", 8), ("d.wav", 1)])
    def test_round_trip(self, tmp_path: Path, name: str, channels: int) -> None:
        sound = music(0.5, channels)
        with AudioWriter(tmp_path / name, RATE, channels) as writer:
            for start in range(0, sound.shape[1], 1000):
                writer.write(sound[:, start : start + 1000])
        read, rate = soundfile.read(tmp_path / name, dtype="float32", always_2d=True)
        assert rate == RATE
        tolerance = 2**-23 if name.endswith("flac") else 0.0
        np.testing.assert_allclose(read.T, sound, rtol=0, atol=tolerance)
        assert names(tmp_path) == [name]

    def test_wav_keeps_what_passes_full_scale_and_flac_counts_it(self, tmp_path: Path) -> None:
        loud = np.zeros((2, 50), np.float32)
        loud[0, :3], loud[1, 7] = 1.5, -2.0
        with AudioWriter(tmp_path / "a.wav", RATE, 2) as wav:
            wav.write(loud)
        with AudioWriter(tmp_path / "a.flac", RATE, 2) as flac:
            flac.write(loud)
        assert (wav.clipped, flac.clipped) == (0, 4)
        np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="float32")[0].T, loud)
        np.testing.assert_allclose(soundfile.read(tmp_path / "a.flac")[0].T, np.clip(loud, -1, 1), atol=2**-22)

    @pytest.mark.parametrize(("limit", "kind"), [(10_000, b"RF64"), (10_000_000, b"RIFF")])
    def test_large_files_are_rf64(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, kind: bytes
    ) -> None:
        monkeypatch.setattr(wave_writer, "LARGE_BYTES", limit)
        sound = np.tile(music(0.1), (12, 1))
        with AudioWriter(tmp_path / "a.wav", RATE, 24) as writer:
            writer.write(sound)
        assert (tmp_path / "a.wav").read_bytes()[:4] == kind
        np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="float32")[0].T, sound)
        with Bw64Reader(tmp_path / "a.wav") as reader:
            np.testing.assert_array_equal(next(reader.blocks(5000)), sound)

    def test_broken_run_leaves_no_file_and_keeps_the_old_one(self, tmp_path: Path) -> None:
        old = tmp_path / "old.wav"
        old.write_bytes(b"precious")

        def fail(path: Path) -> None:
            with AudioWriter(path, RATE, 2) as writer:
                writer.write(music(0.01))
                raise KeyboardInterrupt

        for path in (old, tmp_path / "new.wav"):
            with pytest.raises(KeyboardInterrupt):
                fail(path)
        assert names(tmp_path) == ["old.wav"]
        assert old.read_bytes() == b"precious"

    def test_nothing_stands_under_the_name_before_the_end(self, tmp_path: Path) -> None:
        with AudioWriter(tmp_path / "x.flac", RATE, 2) as writer:
            writer.write(music(0.01))
            assert not (tmp_path / "x.flac").exists()
        assert (tmp_path / "x.flac").exists()

    @pytest.mark.parametrize("suffix", ["wav", "flac"])
    def test_full_disk_is_one_line_and_no_file(self, tmp_path: Path, suffix: str) -> None:
        script = """
import resource, sys, numpy as np
from stemfield.renderer.files.audiofile import AudioFileError, AudioWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
noise = np.random.default_rng(1).uniform(-1, 1, (2, 4800)).astype(np.float32)
try:
    with AudioWriter(sys.argv[1], 48000, 2) as writer:
        for _ in range(20): writer.write(noise)
except AudioFileError as error:
    print(error)
"""
        target = tmp_path / f"full.{suffix}"
        done = subprocess.run([sys.executable, "-c", script, str(target)], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == (f"{target}: cannot be written: File too large\n", "")
        assert names(tmp_path) == []

    def test_what_a_killed_process_left_is_removed_by_the_next_one(self, tmp_path: Path) -> None:
        script = """
import os, signal, sys, numpy as np
from stemfield.renderer.files.audiofile import AudioWriter
writer = AudioWriter(sys.argv[1], 48000, 2)
writer.write(np.ones((2, 4800), np.float32))
os.kill(os.getpid(), signal.SIGKILL)
"""
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.wav")], check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(names(tmp_path)) == 1
        with AudioWriter(tmp_path / "b.wav", RATE, 2) as other, AudioWriter(tmp_path / "c.wav", RATE, 2) as writer:
            assert len(names(tmp_path)) == 2  # each its own
            for each in (other, writer):
                each.write(music(0.01))
        assert sorted(names(tmp_path)) == ["b.wav", "c.wav"]

    @pytest.mark.parametrize("suffix", ["wav", "flac"])
    def test_equal_sound_is_equal_bytes(self, tmp_path: Path, suffix: str) -> None:
        for name in ("a", "b"):
            with AudioWriter(tmp_path / f"{name}.{suffix}", RATE, 2) as writer:
                writer.write(music(0.1))
        first = (tmp_path / f"a.{suffix}").read_bytes()
        assert first == (tmp_path / f"b.{suffix}").read_bytes()
        assert b"PEAK" not in first  # has the time

    @pytest.mark.parametrize("length", [243, 255])
    def test_names_may_be_as_long_as_the_disk_takes(self, tmp_path: Path, length: int) -> None:
        name = "n" * (length - 4) + ".wav"
        with AudioWriter(tmp_path / name, RATE, 2) as writer:
            writer.write(music(0.01))
        assert names(tmp_path) == [name]
        with pytest.raises(AudioFileError, match="cannot be written: File name too long"):
            AudioWriter(tmp_path / ("n" * 252 + ".wav"), RATE, 2)

    @pytest.mark.parametrize(
        ("name", "channels", "message"),
        [
            ("x.mp3", 2, r"expected a \.wav or \.flac file, got \.mp3"),
            ("x", 2, r"got no suffix"),
            ("x.flac", 9, r"at most 8 channels, got 9"),
            ("nowhere/x.wav", 2, r"there is no folder"),
            ("folder.wav", 2, r"is a folder"),
        ],
    )
    def test_refusals_come_before_the_work(self, tmp_path: Path, name: str, channels: int, message: str) -> None:
        (tmp_path / "folder.wav").mkdir()
        with pytest.raises(AudioFileError, match=message):
            AudioWriter(tmp_path / name, RATE, channels)
        assert names(tmp_path) == ["folder.wav"]

    def test_the_input_is_never_overwritten(self, tmp_path: Path) -> None:
        song = save(tmp_path / "song.wav", music(0.1))
        (tmp_path / "alias.wav").symlink_to(song)
        before = song.read_bytes()
        for name in ("song.wav", "alias.wav", "../" + tmp_path.name + "/song.wav"):
            with pytest.raises(AudioFileError, match="is the input itself"):
                AudioWriter(tmp_path / name, RATE, 2, sources=[song])
        assert song.read_bytes() == before
