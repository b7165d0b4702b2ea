import numpy as np
import pytest

from stemfield.separation.evaluation.evaluate import csdr, sdr, si_sdr

RATE_HZ = 1000


@pytest.fixture
def sounds():
    """A stem and noise that is orthogonal to it, both of energy 1; (2, 4000)."""
    rng = np.random.default_rng(0)
    stem, noise = rng.standard_normal((2, 2, 4 * RATE_HZ))
    stem /= np.linalg.norm(stem)
    noise -= np.vdot(stem, noise) * stem
    return stem, noise / np.linalg.norm(noise)


def test_orthogonal_noise_has_its_ratio(sounds):
    stem, noise = sounds
    assert sdr(stem, stem + 0.1 * noise) == pytest.approx(20.0)
    assert si_sdr(stem, stem + 0.1 * noise) == pytest.approx(20.0)


@pytest.mark.parametrize("scale", [0.01, 3.0, -1.0])
def test_si_sdr_does_not_see_scale_or_polarity_but_sdr_does(sounds, scale):
    stem, noise = sounds
    estimate = scale * (stem + 0.1 * noise)
    assert si_sdr(stem, estimate) == pytest.approx(20.0)
    assert sdr(stem, estimate) < 1.0


def test_extremes(sounds):
    stem, noise = sounds
    assert sdr(stem, stem) == np.inf
    assert sdr(stem, np.zeros_like(stem)) == pytest.approx(0.0)
    assert si_sdr(stem, np.zeros_like(stem)) == -np.inf
    for measured in (sdr(0 * stem, noise), si_sdr(0 * stem, noise), csdr(0 * stem, noise, RATE_HZ)):
        assert np.isnan(measured)


def test_csdr_is_the_median_of_the_seconds_that_sound():
    rng = np.random.default_rng(1)
    stem = rng.standard_normal((2, 4 * RATE_HZ + 500))
    stem[:, RATE_HZ : 2 * RATE_HZ] = 0.0
    ratios_db = np.repeat([10.0, -50.0, 30.0, 20.0, -80.0], RATE_HZ)[: stem.shape[1]]
    estimate = stem * (1.0 + 10.0 ** (-ratios_db / 20.0)) + (ratios_db == -50.0)
    assert csdr(stem, estimate, RATE_HZ) == pytest.approx(20.0)


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"estimate: expected shape \(2, 3\), the reference's, got \(2, 4\)"):
        sdr(np.ones((2, 3)), np.ones((2, 4)))
