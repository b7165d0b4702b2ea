"""Correction filters: the partitioned convolution against scipy's, and the files they come from."""

import os
import re

import numpy as np
import pytest
import soundfile
from scipy import signal

from stemfield.renderer.dsp.fft import plan, transform
from stemfield.renderer.dsp.fir import HEAD, FirError, convolve, load_fir, partition, state


def run(sound, taps, block, turn=0):
    made, out = state([partition(taps)]), sound.astype(np.float32)
    for at in range(0, len(out), block):
        piece = out[at : at + block]
        convolve(piece, len(piece), made.table, made.parts[0].table, at + turn)
    return out


@pytest.mark.parametrize("length", [1, 100, HEAD, HEAD + 1, 2 * HEAD, 3001])
def test_equals_scipys_without_delay(length):
    random = np.random.default_rng(length)
    sound, taps = random.standard_normal(6000), random.standard_normal(length) / np.sqrt(length)
    wanted = signal.fftconvolve(sound, taps)[:6000]
    assert np.abs(run(sound, taps, 64, turn=77) - wanted).max() < 2e-5


@pytest.mark.parametrize("block", [1, 16, 63, 255])
def test_blocks_do_not_matter(block):
    random = np.random.default_rng(1)
    sound, taps = random.standard_normal(9000), random.standard_normal(1500) / 40
    assert np.array_equal(run(sound, taps, block, 33), run(sound, taps, 256, 33))


def test_the_transform_is_numpys():
    random = np.random.default_rng(0)
    values = random.standard_normal(512) + 1j * random.standard_normal(512)
    real, imaginary = values.real.copy(), values.imag.copy()
    transform(real, imaginary, *plan(512))
    assert np.abs(real + 1j * imaginary - np.fft.fft(values)).max() < 1e-11


def test_a_file_of_another_rate_keeps_its_response(tmp_path):
    taps = signal.firwin(401, 3000, fs=96_000)
    soundfile.write(tmp_path / "fir.wav", taps, 96_000, subtype="DOUBLE")
    found = load_fir(tmp_path / "fir.wav", 48_000)
    f_hz = np.array([0.0, 100.0, 1000.0, 3000.0, 5000.0])
    wanted = np.abs(signal.freqz(taps, 1, f_hz, fs=96_000)[1])
    assert np.abs(signal.freqz(found, 1, f_hz, fs=48_000)[1]) == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize(
    ("sound", "problem"),
    [
        (np.zeros((100, 2)), "one channel, not 2"),
        (np.full(10, np.nan), "taps that are numbers"),
        (np.zeros(0), "taps that are numbers"),
        (np.zeros(70_000), "70000 taps at 48000 Hz, at most 65536"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, sound, problem):
    soundfile.write(tmp_path / "fir.wav", sound, 48_000, subtype="FLOAT")
    with pytest.raises(FirError, match=problem):
        load_fir(tmp_path / "fir.wav", 48_000)


def test_no_file_and_no_sound_are_refused(tmp_path):
    (tmp_path / "text.wav").write_text("this is not sound")
    os.mkfifo(tmp_path / "pipe.wav")
    for name, problem in (
        ("text.wav", "not a correction filter: damaged, or not a WAV or FLAC file"),
        ("nothing.wav", "no such file"),
        ("pipe.wav", "is a pipe or a device"),
        (".", "is a folder"),
    ):
        with pytest.raises(FirError, match=f"{re.escape(str(tmp_path / name))}: {problem}"):
            load_fir(tmp_path / name, 48_000)
