"""Where the power of true stems goes, on stems that overlap everywhere."""

import tracemalloc

import numpy as np
import pytest
from scipy import signal

from stemfield.separation.evaluation import routing as module
from stemfield.separation.evaluation.routing import REGISTERS, RESIDUAL, WHOLE, routing

RATE_HZ = 44100
FRAMES = 6 * RATE_HZ
NAMES = ("vocals", "bass", "drums", "other")


@pytest.fixture(scope="module")
def stems():
    """Noise of four slopes and four rhythms, all of it at all frequencies, as wide as they like; (2, n) each."""
    rng = np.random.default_rng(0)
    f_hz = np.fft.rfftfreq(FRAMES, 1.0 / RATE_HZ)
    t = np.arange(FRAMES) / RATE_HZ
    found = {}
    for index, name in enumerate(NAMES):
        spectra = np.fft.rfft(rng.standard_normal((2, FRAMES))) / np.maximum(f_hz, 30.0) ** (0.4 + 0.15 * index)
        sound = np.fft.irfft(spectra, FRAMES) * (1.0 + 0.9 * np.sin(2.0 * np.pi * (0.7 + index) * t + index))
        found[name] = (0.1 * sound / sound.std()).astype(np.float32)
    return found


@pytest.fixture(scope="module")
def mixture(stems):
    return sum(stems.values())


def shares(found, register=WHOLE):
    return np.array([[*row.shares.values()] for row in found[register].values()])


def silence(stems):
    return {name: np.zeros_like(sound) for name, sound in stems.items()}


@pytest.mark.parametrize("register", [WHOLE, *REGISTERS])
def test_true_stems_go_to_themselves_although_they_overlap(stems, mixture, register):
    found = routing(mixture, stems, stems, RATE_HZ)
    assert [*found[register]["bass"].shares] == [*NAMES, RESIDUAL]
    np.testing.assert_allclose(shares(found, register), np.eye(4, 5), atol=0.01)


def test_exchanged_stems_go_to_each_other(stems, mixture):
    exchanged = stems | {"bass": stems["drums"], "drums": stems["bass"]}
    found = shares(routing(mixture, stems, exchanged, RATE_HZ))
    np.testing.assert_allclose(found, np.eye(4, 5)[[0, 2, 1, 3]], atol=0.01)


def test_all_in_other_is_a_column_of_ones(stems, mixture):
    found = routing(mixture, stems, silence(stems) | {"other": mixture}, RATE_HZ)
    for register in (WHOLE, *REGISTERS):
        np.testing.assert_allclose(shares(found, register), [[0, 0, 0, 1, 0]] * 4, atol=1e-6)


def test_nothing_separated_is_all_residual(stems, mixture):
    found = shares(routing(mixture, stems, silence(stems), RATE_HZ))
    np.testing.assert_allclose(found, [[0, 0, 0, 0, 1]] * 4, atol=1e-6)


def test_a_mask_of_a_half_has_a_half(stems, mixture):
    found = shares(routing(mixture, stems, silence(stems) | {"vocals": 0.5 * mixture, "bass": 0.2 * mixture}, RATE_HZ))
    np.testing.assert_allclose(found, [[0.5, 0.2, 0, 0, 0.3]] * 4, atol=1e-5)


def test_half_of_one_stem_is_a_half_of_that_stem_only(stems, mixture):
    found = shares(routing(mixture, stems, silence(stems) | {"vocals": 0.5 * stems["vocals"]}, RATE_HZ))
    np.testing.assert_allclose(found[:, 0], [0.5, 0, 0, 0], atol=0.01)
    np.testing.assert_allclose(found[:, -1], [0.5, 1, 1, 1], atol=0.01)


@pytest.mark.parametrize("smooth", [1, 9])
def test_masks_have_the_shares_that_their_effect_on_each_stem_has(stems, mixture, smooth):
    """Masks of another resolution, 1024; random from bin to bin, or smooth over 9 by 9 bins."""
    rng = np.random.default_rng(1)
    spectra = {name: signal.stft(sound, RATE_HZ, nperseg=1024)[2] for name, sound in stems.items()}
    bins, hops = spectra["vocals"].shape[1:]
    masks = rng.random((4, bins, hops))
    kernel = np.ones((1, smooth, smooth)) / smooth**2
    masks = signal.fftconvolve(masks, kernel, mode="same").clip(1e-3) ** 4
    masks /= masks.sum(axis=0)

    def apply(mask, spectrum):
        return signal.istft(mask * spectrum, RATE_HZ, nperseg=1024)[1][:, :FRAMES].astype(np.float32)

    parts = {name: [apply(mask, spectrum) for mask in masks] for name, spectrum in spectra.items()}
    estimates = {name: sum(parts[stem][index] for stem in NAMES) for index, name in enumerate(NAMES)}
    expected = [
        [np.vdot(stems[name], part) / np.vdot(stems[name], stems[name]) for part in parts[name]] for name in NAMES
    ]
    found = shares(routing(mixture, stems, estimates, RATE_HZ))
    np.testing.assert_allclose(found[:, :4], expected, atol=0.02)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)


def test_registers_are_told_apart_and_add_up_to_the_whole(stems, mixture):
    spectrum = np.fft.rfft(stems["vocals"])
    f_hz = np.fft.rfftfreq(FRAMES, 1.0 / RATE_HZ)
    low, high = f_hz < 250.0, f_hz >= 2000.0
    to_bass = np.fft.irfft(spectrum * low, FRAMES).astype(np.float32)
    to_drums = np.fft.irfft(spectrum * high, FRAMES).astype(np.float32)
    estimates = stems | {
        "vocals": stems["vocals"] - to_bass - to_drums,
        "bass": stems["bass"] + to_bass,
        "drums": stems["drums"] + to_drums,
    }
    found = routing(mixture, stems, estimates, RATE_HZ)
    # the edges are as wide as a bin of the window
    for register, estimate in zip(REGISTERS, ("bass", "vocals", "drums"), strict=True):
        assert found[register]["vocals"].shares[estimate] == pytest.approx(1.0, abs=0.06)
        assert found[register]["other"].shares["other"] == pytest.approx(1.0, abs=0.02)
    power = np.square(np.abs(spectrum)).sum(axis=0)
    assert found[REGISTERS[0]]["vocals"].power == pytest.approx(power[low].sum() / power.sum(), abs=0.02)
    assert found[REGISTERS[2]]["vocals"].power == pytest.approx(power[high].sum() / power.sum(), abs=0.02)
    assert found[WHOLE]["vocals"].power == 1.0
    for index, name in enumerate(NAMES):
        weighted = sum(found[register][name].power * shares(found, register)[index] for register in REGISTERS)
        np.testing.assert_allclose(weighted, shares(found)[index], atol=1e-6)


def test_stems_known_together_are_one_row(stems, mixture):
    truth = {"vocals": stems["vocals"], "drums+bass": stems["drums"] + stems["bass"], "other": stems["other"]}
    row = routing(mixture, truth, stems, RATE_HZ)[WHOLE]["drums+bass"]
    assert row.shares["drums"] + row.shares["bass"] == pytest.approx(1.0, abs=0.01)
    assert row.shares["drums"] == pytest.approx(0.5, abs=0.05)  # they are equally loud


def test_what_no_one_can_tell_apart_goes_where_the_mixture_goes(stems):
    truth = {"vocals": stems["vocals"], "other": 0.5 * stems["vocals"]}
    found = shares(routing(truth["vocals"] + truth["other"], truth, truth, RATE_HZ))
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3, 0]] * 2, atol=1e-3)


def test_a_louder_mixture_changes_nothing(stems, mixture):
    louder = {name: 3.0 * sound for name, sound in stems.items()}
    found = shares(routing(3.0 * mixture, stems, louder, RATE_HZ))
    np.testing.assert_allclose(found, np.eye(4, 5), atol=0.01)


def test_a_stem_that_is_silent_or_not_in_the_mixture_has_no_shares(stems, mixture):
    truth = stems | {"bass": np.zeros_like(mixture)}
    rest = mixture - stems["bass"] - stems["vocals"]
    rows = routing(rest, truth, truth | {"vocals": np.zeros_like(mixture)}, RATE_HZ)[WHOLE]
    assert all(np.isnan([*rows["bass"].shares.values()]))
    assert all(np.isnan([*rows["vocals"].shares.values()]))
    assert rows["drums"].shares["drums"] == pytest.approx(1.0, abs=0.01)


def test_pieces_do_not_matter(stems, mixture, monkeypatch):
    estimates = {name: 0.7 * sound + 0.1 * mixture for name, sound in stems.items()}
    at_once = routing(mixture, stems, estimates, RATE_HZ)
    monkeypatch.setattr(module, "_PIECE_TILES", 1)
    in_pieces = routing(mixture, stems, estimates, RATE_HZ)
    for register in (WHOLE, *REGISTERS):
        np.testing.assert_allclose(shares(in_pieces, register), shares(at_once, register), atol=1e-6)


def test_memory_does_not_grow_with_the_song():
    def peak(frames):
        sounds = np.random.default_rng(0).standard_normal((3, 2, frames), dtype=np.float32)
        truth = {"vocals": sounds[0], "other": sounds[1]}
        tracemalloc.start()
        try:
            routing(sounds[2], truth, truth, 8000)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(120 * 8000) < 1.1 * peak(20 * 8000)


def test_other_shapes_are_refused(stems, mixture):
    shorter = stems | {"bass": stems["bass"][:, 1:]}
    with pytest.raises(
        ValueError, match=r"truth, bass: expected shape \(2, 264600\), the mixture's, got \(2, 264599\)"
    ):
        routing(mixture, shorter, stems, RATE_HZ)
    with pytest.raises(ValueError, match="estimates, bass: expected shape"):
        routing(mixture, stems, shorter, RATE_HZ)
