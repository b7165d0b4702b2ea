import numpy as np

from stemfield.separation.signal.masks import Rule, SurreyRule, limit_sum


def spectra(masks):
    rng = np.random.default_rng(0)
    mixture = (rng.standard_normal((2, 5)) + 1j * rng.standard_normal((2, 5))).astype(np.complex64)
    return mixture, (np.asarray(masks, np.float32)[:, None, :] * mixture).astype(np.complex64)


def reject_below(threshold, mixture, stems):
    rule = Rule()
    rule.threshold = threshold
    rule.apply(mixture, stems, stems)


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


def test_masks_are_shared_only_where_they_claim_more_than_there_is():
    masks = np.array([[0.2, 0.9, 1.0, 0.0, 3.0], [0.5, 0.3, 1.0, 0.0, 1.0]])
    mixture, stems = spectra(masks)
    limit_sum(mixture, stems)
    shared = masks / np.maximum(masks.sum(axis=0), 1.0)
    np.testing.assert_allclose(stems, shared[:, None, :] * mixture, atol=1e-6)
    silent = np.zeros((2, 2, 3), np.complex64)
    limit_sum(np.zeros((2, 3), np.complex64), silent)
    assert not silent.any()


def test_silent_bins_stay_silent():
    stems = np.zeros((4, 2, 3), np.complex64)
    reject_below(0.5, np.zeros((2, 3), np.complex64), stems)
    assert not stems.any()


def slow_surrey(mixtures, stems, threshold):
    """The web remixer's rule by its definition, hop by hop and bin by bin."""
    hops, sources, _, bins = stems.shape
    won = np.zeros((hops, sources, bins))
    for hop in range(hops):
        masks = np.zeros((sources, bins))
        for source in range(sources):
            for k in range(bins):
                whole = np.abs(mixtures[hop, :, k]).sum()
                masks[source, k] = np.abs(stems[hop, source, :, k]).sum() / whole if whole else 0.0
            low, high = masks[source].min(), masks[source].max()
            masks[source] = (masks[source] - low) / (high - low) if high > low else 0.0
        for k in range(bins):
            best = int(np.argmax(masks[:, k]))
            if masks[best, k] > threshold:
                won[hop, best, k] = 1.0
    latest = [won[max(0, hop - 19) : hop + 1].sum(axis=0) / 20 for hop in range(hops)]
    return np.stack([share[:, None, :] * mixtures[hop] for hop, share in enumerate(latest)])


def test_surrey_is_the_web_remixers_rule():
    rng = np.random.default_rng(5)
    mixtures = (rng.standard_normal((30, 2, 9)) + 1j * rng.standard_normal((30, 2, 9))).astype(np.complex64)
    mixtures[7] = 0.0
    stems = (rng.uniform(0, 1, (30, 3, 2, 9)) * mixtures[:, None]).astype(np.complex64)
    for threshold in (0.0, 0.6, 1.0):
        rule = SurreyRule()
        rule.threshold = threshold
        for _ in range(2):  # and again after a reset
            rule.reset()
            found = stems.copy()
            for mixture, hop in zip(mixtures, found, strict=True):
                rule.apply(mixture, hop, hop)
            np.testing.assert_allclose(found, slow_surrey(mixtures, stems, threshold), atol=1e-5)
        assert found.any() == (threshold < 1.0)


def test_surrey_smooths_over_twenty_hops():
    rule = SurreyRule()
    mixture = np.ones((2, 4), np.complex64)
    stems = np.zeros((2, 2, 4), np.complex64)
    heard = []
    for hop in range(60):
        stems[:] = 0.0
        stems[0, :, 0] = 1.0 if hop < 30 else 0.0
        rule.apply(mixture, stems, stems)
        heard.append(stems[0, 0, 0].real)
    np.testing.assert_allclose(heard[:20], np.arange(1, 21) / 20, atol=1e-6)
    np.testing.assert_allclose(heard[30:50], np.arange(19, -1, -1) / 20, atol=1e-6)
