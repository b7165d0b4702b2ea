"""Models for files: networks that hear a recording forwards and backwards, exported for chunks."""

import numpy as np
import pytest
import torch

from stemfield.separation.cards.card_parts import Chunk
from stemfield.separation.chunks.chunk_transform import ChunkTransform
from stemfield.separation.evaluation.evaluate import si_sdr
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.training import export as export_module
from stemfield.separation.training.chunk_step import BACKWARD, ChunkStep
from stemfield.separation.training.continuation import network_of_model, networks_of_model
from stemfield.separation.training.export import Provenance, check, export
from stemfield.separation.training.level import LEVEL_DB, two_sided_gains
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.spectrum import BINS, CHUNK_STFT, STFT, stft
from stemfield.separation.training.validation import separate
from stemfield.separation.training.weights import directed, together

RATE_HZ = 44100
CHUNK = Chunk(samples=516 * 512, trim=43 * 512, overlap=86 / 430)
"""Half as long as the exporter's, so that it takes half the time."""


@pytest.fixture(scope="module", autouse=True)
def short_chunks():
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "CHUNK", CHUNK)
        yield


@pytest.fixture(scope="module")
def live():
    torch.manual_seed(6)
    return Network(Shape(width=16, layers=2, lookahead=1)).eval()


@pytest.fixture(scope="module")
def both(live):
    return together([live], backward=1)


def noise(seconds, seed=1):
    return 0.1 * np.random.default_rng(seed).standard_normal((2, int(seconds * RATE_HZ))).astype(np.float32)


def masks(network, hops=30, after=1.0):
    """Masks of a spectrum of noise that is louder from hop 20 on."""
    spectrum = torch.randn(2, 2, BINS, hops, generator=torch.Generator().manual_seed(2))
    spectrum[..., 20:] *= after
    with torch.no_grad():
        return ChunkStep(network)(spectrum)


def test_backwards_is_the_network_on_reversed_music(live):
    forward, backward = (directed(live, direction) for direction in ("forward", "backward"))
    spectrum = torch.randn(2, 2, BINS, 30, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(ChunkStep(backward)(spectrum), ChunkStep(forward)(spectrum.flip(-1)).flip(-1))


def test_an_ensemble_of_both_directions_hears_what_follows_except_in_drums(live, both):
    """Logits are averaged; those of drums are the forward network's, as the ratios of masks show."""
    alone = {name: masks(directed(live, name)).log() for name in ("forward", "backward")}
    found = masks(both).log()
    for first, second in ((0, 1), (0, 3)):
        expected = sum(alone[name][first] - alone[name][second] for name in alone) / 2.0
        torch.testing.assert_close(found[first] - found[second], expected, rtol=0.0, atol=2e-4)
    assert BACKWARD == {"drums": 0.0}
    drums, bass = alone["forward"][2], found[1]
    assert not torch.allclose(found[2] - bass, sum(one[2] - one[1] for one in alone.values()) / 2.0, atol=1e-2)
    assert torch.isfinite(drums).all()


def test_live_networks_beside_one_for_files_hear_files_forwards(live):
    mixed = together([live, directed(live, "backward")])
    assert [member.shape.direction for member in mixed.members] == ["forward", "backward"]
    assert together([live, live]).shape.direction == "live"
    with pytest.raises(ValueError, match="--backward: expected at most 1, the networks, got 2"):
        together([live], backward=2)


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


def test_a_recording_is_separated_alike_at_any_level(both):
    sound = noise(1.0)
    loud, quiet = (separate(both, np.float32(gain) * sound) / gain for gain in (1.0, 0.01))
    assert np.abs(loud - quiet).max() < 1e-4


def test_the_stems_are_the_mixture(both):
    sound = noise(1.0)
    assert np.abs(separate(both, sound).sum(0) - sound).max() < 1e-6


@pytest.fixture(scope="module")
def exported(both, tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "both"
    return export(both, place, Provenance("both", "Both", "Apache-2.0", ("nobody",), "Nothing."))


def test_the_exported_graph_is_the_ensemble_and_tells_its_networks(live, both, exported):
    check(both, exported)
    again = networks_of_model(exported)
    assert [network.shape for network in again] == [network.shape for network in both.members]
    for network in again:
        assert all(torch.equal(network.state_dict()[name], weight) for name, weight in live.state_dict().items())
    with pytest.raises(ValueError, match="expected a model of one network, got 2"):
        network_of_model(exported)


def test_chunks_join_without_a_seam(both, exported):
    """Where chunks join, the stems of a recording do not jump, and away from its ends they are those of one pass."""
    music = noise(12.0) * (1.0 + 0.5 * np.sin(np.arange(12 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    separator = Separator(exported, RATE_HZ)
    stems = np.concatenate([separator.feed(music), separator.flush()], axis=2)
    whole = separate(both, music)
    assert stems.shape == whole.shape
    assert np.abs(stems.sum(0) - music).max() < 1e-5
    steps = np.abs(np.diff(stems, axis=2)).max((0, 1))
    joined = np.zeros(len(steps), bool)
    for seam in (CHUNK.hop, 2 * CHUNK.hop):
        joined[seam - CHUNK.crossfade : seam + 1] = True
    assert steps[joined].max() < 1.1 * steps[~joined].max()
    inside = slice(RATE_HZ, -RATE_HZ)
    assert si_sdr(whole[..., inside], stems[..., inside]) > 35.0


def test_silent_chunks_are_silent(both):
    with torch.no_grad():
        found = ChunkStep(both)(torch.zeros(2, 2, BINS, 20))
    assert torch.isfinite(found).all()
