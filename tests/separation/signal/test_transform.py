import numpy as np
import pytest

from stemfield.separation.cards.card_schema import Stft
from stemfield.separation.signal.transform import Transform, windows


def stft(n_fft=2048, hop=512):
    return Stft(n_fft=n_fft, hop=hop, synthesis_tail=2 * hop, window="asymmetric_hann", scale="amplitude")


@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 512), (1024, 512), (4096, 256), (96, 24)])
def test_hops_of_analysis_times_synthesis_add_up_to_one(n_fft, hop):
    analysis, synthesis = windows(stft(n_fft, hop))
    both = analysis[-2 * hop :] * synthesis
    np.testing.assert_allclose(both[:hop] + both[hop:], 1.0, atol=1e-12)


@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 512), (1024, 512), (96, 24)])
def test_untouched_spectra_give_the_sound_one_hop_later(n_fft, hop):
    sound = np.random.default_rng(3).uniform(-1.0, 1.0, (2, 40 * hop)).astype(np.float32)
    transform = Transform(stft(n_fft, hop), 1)
    out = np.zeros((1, *sound.shape), np.float32)
    for at in range(0, sound.shape[1], hop):
        spectrum = transform.analyse(sound[:, at : at + hop])
        transform.synthesise(spectrum[None], out[..., at : at + hop])
    error = np.abs(out[0, :, hop:] - sound[:, :-hop]).max()
    assert 20 * np.log10(error) < -130.0


def test_analysis_is_the_discrete_fourier_transform_of_the_newest_samples():
    shape = stft(96, 24)
    sound = np.random.default_rng(4).standard_normal((2, 240)).astype(np.float32)
    transform = Transform(shape, 1)
    for at in range(0, 240, 24):
        spectrum = transform.analyse(sound[:, at : at + 24])
    window = windows(shape)[0]
    n = np.arange(96)
    for k in (0, 1, 17, 48):
        expected = (sound[:, -96:] * window * np.exp(-2j * np.pi * k * n / 96)).sum(axis=1) * 2.0 / window.sum()
        np.testing.assert_allclose(spectrum[:, k], expected, atol=1e-6)


def test_a_sine_reads_its_amplitude():
    transform = Transform(stft(), 1)
    sine = (0.25 * np.cos(2 * np.pi * 100 * np.arange(4096) / 2048)).astype(np.float32)
    for at in range(0, 4096, 512):
        spectrum = transform.analyse(np.stack([sine, -sine])[:, at : at + 512])
    np.testing.assert_allclose(np.abs(spectrum[:, 100]), 0.25, rtol=1e-4)


def test_reset_forgets_everything():
    sound = np.random.default_rng(5).standard_normal((2, 512)).astype(np.float32)
    used, fresh = Transform(stft(), 2), Transform(stft(), 2)
    for _ in range(5):
        used.synthesise(np.stack([used.analyse(sound)] * 2), np.empty((2, 2, 512), np.float32))
    used.reset()
    outputs = []
    for transform in (used, fresh):
        out = np.empty((2, 2, 512), np.float32)
        transform.synthesise(np.stack([transform.analyse(sound)] * 2), out)
        outputs.append(out)
    assert np.array_equal(*outputs)
