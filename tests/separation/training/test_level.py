"""Training examples have the level at which the host runs the model."""

import numpy as np
import pytest
import torch

from stemfield.separation.signal.level import RunningGain
from stemfield.separation.training.augmentation import Augmentation, augment_waveforms
from stemfield.separation.training.level import LEVEL_DB, at_level, level_gains
from stemfield.separation.training.spectrum import STFT, stft

RATE_HZ = 44100


def host_gains(sound):
    """The gain of each hop in the separator, shape (hops,)."""
    count = (sound.shape[1] - STFT.n_fft) // STFT.hop + 1
    hops = sound[:, STFT.n_fft - STFT.hop :][:, : count * STFT.hop].reshape(2, count, STFT.hop)
    gain = RunningGain(LEVEL_DB, STFT.hop / RATE_HZ)
    return np.array([gain.next(hops[:, number]) for number in range(count)])


def music(seconds, seed=0):
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = 0.1 * random.standard_normal((2, len(time))) * (1.0 + 0.8 * np.sin(4.0 * time))
    sound[:, len(time) // 2 : 2 * len(time) // 3] *= 0.01
    return (sound + 0.02).astype(np.float32)


def test_gains_are_those_of_the_host():
    sound = music(6.0)
    found = level_gains(stft(torch.from_numpy(sound))[None])[0].numpy()
    difference_db = 20.0 * np.log10(found / host_gains(sound))
    assert abs(np.median(difference_db)) < 0.05
    assert np.abs(difference_db).max() < 1.5  # where the level jumps by 40 dB


@pytest.mark.parametrize("gain_db", [-40.0, 0.0, 20.0])
def test_a_mixture_has_the_level_of_the_model_and_its_stems_their_shares(gain_db):
    stems = np.stack([music(3.0, seed) for seed in range(4)]) * np.float32(10.0 ** (gain_db / 20.0))
    spectra = stft(torch.from_numpy(stems))[None]
    found = at_level(spectra)
    shares, before = (torch.abs(s[:, 0]) / torch.abs(s.sum(1)).clamp_min(1e-12) for s in (found, spectra))
    torch.testing.assert_close(shares, before, rtol=1e-3, atol=1e-4)
    power = level_gains(found.sum(1)).square().log10()
    assert abs(10.0 * float(power.median())) < 1.0


def test_silence_stays_silence():
    assert not torch.count_nonzero(at_level(torch.zeros(1, 4, 2, 20, 1025, dtype=torch.complex64)))


def test_fades_are_common_to_all_stems_and_noise_belongs_to_other():
    stems = torch.from_numpy(np.stack([music(1.0, seed) for seed in range(4)]))[None].repeat(8, 1, 1, 1)
    groups = torch.eye(4).repeat(8, 1, 1)
    groups[:4] = torch.tensor([[1.0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])
    none = dict.fromkeys(("reverberant", "compressed", "mono", "noisy", "faded"), 0.0)

    def augmented(name):
        return augment_waveforms(stems.clone(), np.random.default_rng(3), Augmentation(**none | {name: 1.0}), groups)

    envelope = augmented("faded") / stems
    torch.testing.assert_close(envelope[:, 0], envelope[:, 3], rtol=1e-3, atol=1e-4)
    ends_db = 20.0 * torch.log10(envelope[:, 0, 0, [0, -1]].abs())
    assert (ends_db[:, 0] - ends_db[:, 1]).abs().min() > 3.0

    noisy = augmented("noisy")
    gain = noisy[:, 0] / stems[:, 0]
    noise = noisy - gain[:, None] * stems
    power_db = 10.0 * torch.log10(noise.square().mean((2, 3)) / noisy.sum(1).square().mean((1, 2))[:, None])
    rows = power_db.argmax(1)
    assert rows.tolist() == [1] * 4 + [3] * 4
    assert power_db.max(1).values.min() > -77.0
    assert power_db.max() < -38.0
    assert power_db[power_db < power_db.max(1, keepdim=True).values].max() < -120.0
