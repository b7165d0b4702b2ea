"""The demo song: what ships is what the synthesiser makes, and the voice behaves like a voice."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from stemfield.control import demo
from stemfield.renderer.scene import STEMS
from stemfield.separation import demosong, instruments

RATE = instruments.RATE_HZ


@pytest.fixture(scope="module")
def stems() -> np.ndarray:
    return demo.demo_stems()


def test_shipped_song_is_what_the_synthesiser_makes(stems: np.ndarray) -> None:
    made = demosong.compose()
    assert made.shape == stems.shape == (4, 2, 24 * RATE)
    # another processor may round a sample the other way
    assert np.abs(made - stems).max() <= 2 / 32768


def test_command_writes_the_four_files(tmp_path: Path, stems: np.ndarray) -> None:
    paths = demosong.write(stems, tmp_path / "new" / "folder")
    assert [path.stem for path in paths] == list(STEMS) == list(demosong.STEMS)
    for path, stem in zip(paths, stems, strict=True):
        np.testing.assert_array_equal(soundfile.read(path, dtype="float32")[0].T, stem)
    helped = subprocess.run(
        [sys.executable, "-m", "stemfield.separation.demosong", "--help"], capture_output=True, text=True, check=True
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
    pitches = [pitch for *_, pitch, _ in demosong.MELODY]
    assert 150 < instruments.hz(min(pitches)) < instruments.hz(max(pitches)) < 600


def test_voice_has_the_pitch_the_formants_and_the_vibrato_it_was_asked_for() -> None:
    note = instruments.Syllable(0.2, 3.0, 57.0, "a")  # 220 Hz, long
    voice = instruments.sing([note], 3.5, np.random.default_rng(0))
    held = voice[RATE : 3 * RATE]
    spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held))))
    bins_hz = np.fft.rfftfreq(len(held), 1 / RATE)

    def peak(low: float, high: float) -> float:
        inside = (bins_hz > low) & (bins_hz < high)
        return float(bins_hz[inside][np.argmax(spectrum[inside])])

    assert abs(peak(150, 330) - 220) < 12
    # harmonics near the formants of "a" (850 and 1250 Hz) stand above those between 1600 and 2400 Hz
    assert spectrum[(bins_hz > 750) & (bins_hz < 1350)].max() > 8 * spectrum[(bins_hz > 1600) & (bins_hz < 2400)].max()

    analytic = signal.hilbert(signal.sosfilt(signal.butter(4, (150, 310), "band", fs=RATE, output="sos"), voice))
    pitch_hz = np.diff(np.unwrap(np.angle(analytic))) * RATE / (2 * np.pi)
    track = signal.decimate(signal.decimate(pitch_hz[RATE : 3 * RATE], 12), 20)
    swing = np.abs(np.fft.rfft((track - track.mean()) * np.hanning(len(track))))
    rate_hz = np.fft.rfftfreq(len(track), 240 / RATE)[np.argmax(swing)]
    assert 4.5 < rate_hz < 6.0
    depth_cents = 1200 * np.log2(np.percentile(track, 97) / np.percentile(track, 3))
    assert 40 < depth_cents < 160


def test_another_seed_is_another_performance_of_the_same_song() -> None:
    first, again = (instruments.snare(np.random.default_rng(seed)) for seed in (1, 1))
    other = instruments.snare(np.random.default_rng(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05
