"""What the limiter takes away from a file: told with how much, how often and where, or left out."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemfield.control.cli.main import main
from stemfield.control.offline import render as offline
from stemfield.layouts.loader import load_layout
from stemfield.renderer.drivers.limiting import Limiting
from stemfield.renderer.scene.scene import default_scene

RATE = 48000
LAYOUT = load_layout("5.1")


class Quarters:
    """A separator that gives every instrument its part of everything, at once."""

    latency_frames = 0

    def feed(self, mixture: np.ndarray) -> np.ndarray:
        return np.stack([mixture / 4] * 4)


def music(*bursts: tuple[float, float]) -> np.ndarray:
    """A quiet tone in stereo, 3 s, and at these seconds a tenth of a second of it at these peaks."""
    t = np.arange(3 * RATE) / RATE
    level = np.full(len(t), 0.05)
    for at_s, peak in bursts:
        level[round(at_s * RATE) : round((at_s + 0.1) * RATE)] = peak
    return np.tile(level * np.sin(2 * np.pi * 500 * t), (2, 1)).astype(np.float32)


def rendered(sound: np.ndarray, *, limit: bool = True) -> tuple[np.ndarray, Limiting]:
    limiting = Limiting()
    blocks = np.split(sound, range(4096, sound.shape[1], 4096), axis=1)
    feeds = offline.feeds_of(iter(blocks), RATE, LAYOUT, default_scene(), Quarters(), limit=limit, limiting=limiting)
    return np.concatenate(list(feeds), axis=1), limiting


def test_what_is_limited_is_told_with_where_and_how_much() -> None:
    loud = music((0.5, 2.0), (2.0, 4.0))
    feeds, limiting = rendered(loud)
    plain, silent = rendered(loud, limit=False)
    assert np.abs(feeds).max() <= 1.0
    peaks = np.abs(plain).max(axis=1)
    assert peaks.max() > 2.0
    assert limiting.most_db == pytest.approx(20 * np.log10(peaks.max()), abs=0.2)
    assert limiting.label == LAYOUT.labels[int(np.argmax(peaks))]
    assert limiting.at_s == pytest.approx(2.05, abs=0.1)
    assert limiting.places == 2
    assert 0.2 < limiting.seconds < 1.6
    told = f"limited in 2 places, {limiting.seconds:.1f} s in all, by {limiting.most_db:.1f} dB at most"
    assert str(limiting) == f"{told}, at {limiting.at_s:.1f} s ({limiting.label})"
    assert (silent.places, str(silent)) == (0, "")


def test_what_is_not_limited_is_the_same_without_a_limiter() -> None:
    feeds, limiting = rendered(music())
    np.testing.assert_array_equal(feeds, rendered(music(), limit=False)[0])
    assert (limiting.places, limiting.seconds, limiting.most_db) == (0, 0.0, 0.0)


def test_the_last_moment_counts() -> None:
    assert rendered(music((2.99, 4.0)))[1].places == 1


@pytest.mark.parametrize("binaural", [False, True])
def test_the_commands_tell_it_and_let_it_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], binaural: bool
) -> None:
    song, out = tmp_path / "song.wav", tmp_path / "out.wav"
    soundfile.write(song, music((0.5, 3.0))[:, : 2 * RATE].T, RATE, subtype="FLOAT")
    words = ["upmix", str(song), str(out), "--model", "light", "--layout", "5.1", *(["--binaural"] if binaural else [])]
    assert main(words) == 0
    (told,) = [record.getMessage() for record in caplog.records if "limited" in record.getMessage()]
    assert told.startswith(f"{out}: limited in one place, ")
    assert "(right ear)" in told or "(left ear)" in told if binaural else "M+" in told or "M-" in told
    assert told.endswith("; --no-limit (in a plan, limit: false) keeps the peaks")
    assert np.abs(soundfile.read(out)[0]).max() <= 1.0
    caplog.clear()
    assert main([*words, "--no-limit"]) == 0
    assert np.abs(soundfile.read(out)[0]).max() > 1.2
    assert "limited" not in caplog.text
