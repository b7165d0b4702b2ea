import numpy as np

from stemfield.separation.masks import reject_below


def spectra(masks):
    rng = np.random.default_rng(0)
    mixture = (rng.standard_normal((2, 5)) + 1j * rng.standard_normal((2, 5))).astype(np.complex64)
    return mixture, (np.asarray(masks, np.float32)[:, None, :] * mixture).astype(np.complex64)


def test_only_estimates_below_the_threshold_are_rejected():
    masks = [[0.1, 0.29, 0.31, 0.9, 0.0], [0.9, 0.71, 0.69, 0.1, 1.0]]
    mixture, stems = spectra(masks)
    before = stems.copy()
    reject_below(0.3, mixture, stems)
    kept = np.asarray(masks) >= 0.3
    assert np.array_equal(stems, np.where(kept[:, None, :], before, 0.0))


def test_channels_are_judged_apart():
    mixture = np.ones((2, 1), np.complex64)
    stems = np.array([[[0.2], [0.8]]], np.complex64)
    reject_below(0.5, mixture, stems)
    assert stems.ravel().tolist() == [0.0, np.complex64(0.8)]


def test_threshold_zero_changes_no_bit():
    mixture, stems = spectra(np.random.default_rng(1).uniform(0.0, 1.0, (4, 5)))
    before = stems.copy()
    reject_below(0.0, mixture, stems)
    assert stems.tobytes() == before.tobytes()


def test_a_stem_that_is_the_whole_mixture_passes_threshold_one():
    mixture, stems = spectra([[1.0] * 5, [0.999] * 5])
    reject_below(1.0, mixture, stems)
    assert np.array_equal(stems[0], mixture)
    assert not stems[1].any()


def test_silent_bins_stay_silent():
    stems = np.zeros((4, 2, 3), np.complex64)
    reject_below(0.5, np.zeros((2, 3), np.complex64), stems)
    assert not stems.any()
