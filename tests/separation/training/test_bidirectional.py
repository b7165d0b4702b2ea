"""A network for files: it begins as the live one, hears what follows, and is exported for chunks."""

import numpy as np
import pytest
import torch

from stemfield.separation.chunks.chunk_transform import ChunkTransform
from stemfield.separation.evaluation.evaluate import si_sdr
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.training.chunk_step import ChunkStep
from stemfield.separation.training.continuation import bidirectional, network_of_model
from stemfield.separation.training.export import CHUNK, Provenance, check, export
from stemfield.separation.training.level import LEVEL_DB, two_sided_gains
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.spectrum import BINS, CHUNK_STFT, STFT, stft
from stemfield.separation.training.validation import separate

RATE_HZ = 44100


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def live():
    torch.manual_seed(6)
    return Network(Shape(width=16, layers=2, lookahead=1)).eval()


@pytest.fixture(scope="module")
def heard(live):
    """A network whose backward halves have an effect."""
    both = bidirectional(live).eval()
    with torch.no_grad():
        for layer in both.layers:
            layer.after_time.weight[:, 16:].normal_(std=0.3)
    return both


def noise(seconds, seed=1):
    return 0.1 * np.random.default_rng(seed).standard_normal((2, int(seconds * RATE_HZ))).astype(np.float32)


def masks(network, hops=30, later=0.0):
    inputs = torch.randn(1, hops, 512, 4, generator=torch.Generator().manual_seed(2))
    inputs[:, 20:] += later
    with torch.no_grad():
        return network(inputs)[0][:, :19]


def test_it_begins_as_the_live_network(live):
    assert torch.equal(masks(bidirectional(live)), masks(live))


def test_it_hears_what_follows(live, heard):
    assert torch.equal(masks(live), masks(live, later=1.0))
    assert not torch.allclose(masks(heard), masks(heard, later=1.0), atol=1e-4)


def test_training_examples_have_the_transform_of_the_host():
    sound = noise(0.2)
    host = ChunkTransform(CHUNK_STFT, sound.shape[1]).analyse(sound)
    padded = np.pad(sound, ((0, 0), (STFT.n_fft // 2, STFT.n_fft)))
    trained = stft(torch.from_numpy(padded), symmetric=True).numpy().swapaxes(1, 2)[..., : host.shape[2]]
    np.testing.assert_allclose(trained, host, atol=1e-6)


@pytest.mark.parametrize("gain_db", [-50.0, 0.0])
def test_the_level_is_that_of_both_sides_without_digital_silence(gain_db):
    sound = noise(6.0) * np.float32(10.0 ** (gain_db / 20.0))
    sound[:, : 2 * RATE_HZ] = 0.0
    spectra = stft(torch.from_numpy(sound), symmetric=True)
    gains = two_sided_gains((spectra.real**2 + spectra.imag**2)[None])[0].numpy()
    level_db = 20.0 * np.log10(0.1) + gain_db
    found_db = level_db + 20.0 * np.log10(gains[len(gains) // 3 + 4 :])
    assert np.abs(found_db - LEVEL_DB).max() < 0.3


def test_a_recording_is_separated_alike_at_any_level(heard):
    sound = noise(1.0)
    loud, quiet = (separate(heard, np.float32(gain) * sound) / gain for gain in (1.0, 0.01))
    assert np.abs(loud - quiet).max() < 1e-4


def test_the_stems_are_the_mixture(heard):
    sound = noise(1.0)
    assert np.abs(separate(heard, sound).sum(0) - sound).max() < 1e-6


@pytest.fixture(scope="module")
def exported(heard, tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "both"
    return export(heard, place, Provenance("both", "Both", "Apache-2.0", ("nobody",), "Nothing."))


def test_the_exported_graph_is_the_network_and_its_training_can_be_continued(heard, exported):
    check(heard, exported)
    again = network_of_model(exported)
    assert again.shape == heard.shape
    assert all(torch.equal(again.state_dict()[name], weight) for name, weight in heard.state_dict().items())


def test_chunks_join_without_a_seam(heard, exported):
    """Where chunks join, the stems of a recording do not jump, and away from its ends they are those of one pass."""
    music = noise(25.0) * (1.0 + 0.5 * np.sin(np.arange(25 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    separator = Separator(exported, RATE_HZ)
    stems = np.concatenate([separator.feed(music), separator.flush()], axis=2)
    whole = separate(heard, music)
    assert stems.shape == whole.shape
    assert np.abs(stems.sum(0) - music).max() < 1e-5
    steps = np.abs(np.diff(stems, axis=2)).max((0, 1))
    joined = np.zeros(len(steps), bool)
    for seam in (CHUNK.hop, 2 * CHUNK.hop):
        joined[seam - CHUNK.crossfade : seam + 1] = True
    assert steps[joined].max() < 1.1 * steps[~joined].max()
    inside = slice(RATE_HZ, -RATE_HZ)
    assert si_sdr(whole[..., inside], stems[..., inside]) > 40.0


def test_silent_chunks_are_silent(heard):
    with torch.no_grad():
        found = ChunkStep(heard)(torch.zeros(2, 2, BINS, 20))
    assert torch.isfinite(found).all()
