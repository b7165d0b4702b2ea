"""The demo song: what ships is what the synthesiser makes, and the voice behaves like a voice."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from stemfield.control.offline import demo
from stemfield.renderer.scene.scene import STEMS
from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.presets import DEFAULT
from stemfield.separation.streaming.streaming import Separator
from tools import demosong, instruments

RATE = instruments.RATE_HZ


@pytest.fixture(scope="module")
def stems() -> np.ndarray:
    return demo.demo_stems()


def test_shipped_song_is_what_the_synthesiser_makes(stems: np.ndarray) -> None:
    """But for the voice, which is recorded, and for the common gain, which depends on it."""
    made = demosong.compose(lambda _: np.zeros(24 * RATE))
    assert made.shape == stems.shape == (4, 2, 24 * RATE)
    gains = [np.vdot(made[stem], stems[stem]) / np.vdot(made[stem], made[stem]) for stem in (1, 2, 3)]
    assert np.ptp(gains) < 1e-3
    # another processor may round a sample the other way
    assert np.abs(np.mean(gains) * made[1:] - stems[1:]).max() <= 2 / 32768


def test_command_writes_the_four_files(tmp_path: Path, stems: np.ndarray) -> None:
    paths = demosong.write(stems, tmp_path / "new" / "folder")
    assert [path.stem for path in paths] == list(STEMS) == list(demosong.STEMS)
    for path, stem in zip(paths, stems, strict=True):
        np.testing.assert_array_equal(soundfile.read(path, dtype="float32")[0].T, stem)
    helped = subprocess.run(
        [sys.executable, "-m", "tools.demosong", "--help"], capture_output=True, text=True, check=True
    )
    assert "folder" in helped.stdout


def test_shipped_files_are_small() -> None:
    files = sorted(demo.DEMO_FOLDER.iterdir())
    assert [file.name for file in files] == sorted(f"{name}.flac" for name in STEMS)
    assert sum(file.stat().st_size for file in files) < 6e6


def test_mixture_is_the_exact_sum_below_full_scale(stems: np.ndarray) -> None:
    mixture = demo.demo_mixture()
    np.testing.assert_array_equal(mixture.astype(np.float64), stems.astype(np.float64).sum(axis=0))
    assert 0.5 < np.abs(mixture).max() <= 0.9


def test_mixture_file(tmp_path: Path) -> None:
    path = demo.demo_mixture_file(tmp_path)
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == demo.DEMO_RATE_HZ
    np.testing.assert_array_equal(sound.T, demo.demo_mixture())


def test_every_stem_sounds_and_the_song_ends_in_silence(stems: np.ndarray) -> None:
    level_db = 10 * np.log10(np.mean(stems**2, axis=(1, 2)))
    assert level_db.min() > -30
    assert level_db.max() - level_db.min() < 8
    assert np.abs(stems[..., -RATE // 50 :]).max() < 2e-3
    # and no stem is silent for long before that
    seconds = np.abs(stems[..., : 22 * RATE]).reshape(4, 2, 11, -1).max(axis=(1, 3))
    assert seconds.min() > 0.01


def test_voice_stands_in_the_centre_and_in_a_singers_range(stems: np.ndarray) -> None:
    left, right = stems[0]
    assert 10 * np.log10(np.sum((left + right) ** 2) / np.sum((left - right) ** 2)) > 12
    pitches = [pitch for *_, pitch in demosong.MELODY]
    assert 150 < instruments.hz(min(pitches)) < instruments.hz(max(pitches)) < 600


def test_voice_sings_the_melody(stems: np.ndarray) -> None:
    """Of every note long enough to be measured, the pitch by autocorrelation."""
    voice, off_cents = stems[0].mean(axis=0).astype(np.float64), []
    for bar, beat, length, pitch in demosong.MELODY:
        middle = demosong._at(bar, beat) + 0.6 * length * demosong.BEAT_S
        part = voice[int((middle - 0.06) * RATE) : int((middle + 0.06) * RATE)]
        likeness = signal.correlate(part, part)[len(part) - 1 :]
        expected = RATE / instruments.hz(pitch)
        near = slice(int(expected / 1.12), int(expected * 1.12))
        found = near.start + int(likeness[near].argmax())
        off_cents.append(1200 * np.log2(found / expected))
    assert abs(np.median(off_cents)) < 25
    assert np.percentile(np.abs(off_cents), 80) < 60


def test_without_the_recorded_voice_it_says_which(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no recordings of rhasspy/dataset-voice-kerstin in a folder named rhasspy\+"):
        demosong.sung_by(tmp_path)


def test_another_seed_is_another_performance_of_the_same_song() -> None:
    first, again = (instruments.snare(np.random.default_rng(seed)) for seed in (1, 1))
    other = instruments.snare(np.random.default_rng(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05


def test_the_default_model_hears_the_singer(stems: np.ndarray) -> None:
    """The first thing that a person tries is to send the singer elsewhere."""
    separator = Separator(load_card(DEFAULT), RATE)
    sung = slice(2 * RATE, 11 * RATE)
    found = np.concatenate([separator.feed(demo.demo_mixture()[:, : 12 * RATE]), separator.flush()], axis=2)
    singer = stems[0].sum(0)[sung]
    shares = found.sum(1)[:, sung] @ singer / (singer @ singer)
    assert shares[0] > 0.7
    assert shares[1:].max() < 0.3
