"""The spatial filter: against its definition, and its effect on audio."""

from __future__ import annotations

import numpy as np
import pytest
from slow_spatial_filter import SlowSpatialFilter

from stemfield.separation.evaluation.evaluate import si_sdr
from stemfield.separation.signal.spatial_filter import SpatialFilter

HOP_S, MEMORY_S, BINS = 512 / 44100, 4.0, 40
KEEP = float(np.exp(-HOP_S / MEMORY_S))


def spectra(random, *shape):
    return (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(np.complex64)


def masked(random, mixture, sources=3):
    masks = random.random((sources, 2, mixture.shape[1])).astype(np.float32) ** 3
    return masks / masks.sum(axis=0) * mixture


def test_equals_the_definition():
    random = np.random.default_rng(1)
    spatial, slow = SpatialFilter(HOP_S, MEMORY_S), SlowSpatialFilter(KEEP)
    for _ in range(12):
        mixture = spectra(random, 2, BINS)
        mixture[:, 7] = 0.0
        stems = masked(random, mixture)
        expected = slow.apply(mixture, stems)
        stems = spatial.apply(mixture, stems)
        assert np.abs(stems - expected).max() < 1e-5


def test_stems_sum_to_the_mixture_also_where_left_and_right_are_alike():
    random = np.random.default_rng(2)
    spatial = SpatialFilter(HOP_S, MEMORY_S)
    for level in (1.0, 1e-6, 1e6):
        for right in (1.0, -1.0, 0.0, 1.0 + 1e-6):
            mixture = spectra(random, 1, BINS) * np.array([[level], [level * right]], np.complex64)
            stems = masked(random, mixture)
            stems = spatial.apply(mixture, stems)
            assert np.abs(stems.sum(axis=0) - mixture).max() < 1e-5 * level


def test_a_mono_mixture_keeps_its_masks():
    random = np.random.default_rng(3)
    spatial = SpatialFilter(HOP_S, MEMORY_S)
    for _ in range(20):
        mixture = np.repeat(spectra(random, 1, BINS), 2, axis=0)
        stems = masked(random, mixture)
        stems[:, 1] = stems[:, 0] = stems[:, 0] / stems[:, 0].sum(axis=0) * mixture[0]
        before = stems
        stems = spatial.apply(mixture, stems)
        assert np.abs(stems - before).max() < 1e-5


def test_a_stem_without_a_mask_stays_silent():
    random = np.random.default_rng(4)
    spatial = SpatialFilter(HOP_S, MEMORY_S)
    for _ in range(5):
        mixture = spectra(random, 2, BINS)
        stems = np.concatenate([masked(random, mixture, 2), np.zeros((1, 2, BINS), np.complex64)])
        stems = spatial.apply(mixture, stems)
        assert np.abs(stems[2]).max() < 1e-9


def test_sources_that_masks_confuse_are_told_apart_by_where_they_are():
    random = np.random.default_rng(5)
    spatial = SpatialFilter(HOP_S, MEMORY_S)
    pans = np.array([[1.0, 0.2], [0.3, 1.0]], np.float32)
    truths, masks_only, found = [], [], []
    for _ in range(200):
        loud = random.random((2, 1, BINS)) ** 4
        truth = (loud * spectra(random, 2, 1, BINS) * pans[:, :, None]).astype(np.complex64)
        mixture = truth.sum(axis=0)
        blurred = np.abs(truth) + 0.5 * np.abs(truth).mean(axis=0)
        stems = (blurred / blurred.sum(axis=0) * mixture).astype(np.complex64)
        truths.append(truth)
        masks_only.append(stems)
        stems = spatial.apply(mixture, stems)
        found.append(stems)
    for source in range(2):
        flat = [
            np.stack([hop[source] for hop in hops]).view(np.float32).ravel() for hops in (truths, masks_only, found)
        ]
        assert si_sdr(flat[0], flat[2]) > si_sdr(flat[0], flat[1]) + 5.0


def test_in_a_chunk_the_places_are_known_from_the_beginning():
    """Two sources at two places whose masks are confused: the first hops are as good as the last, and sum up."""
    random = np.random.default_rng(5)
    hops = 400
    sources = spectra(random, 2, 1, BINS, hops) * np.array([[[[1.0]], [[0.2]]], [[[0.3]], [[1.0]]]], np.complex64)
    mixture = sources.sum(axis=0)
    estimates = (np.float32(0.7) * sources + np.float32(0.3) * sources[::-1]).astype(np.complex64)
    found = SpatialFilter(HOP_S, MEMORY_S).apply_to_chunk(mixture, estimates)
    assert np.abs(found.sum(axis=0) - mixture).max() < 1e-4

    def sdr_db(stems, part):
        error = np.square(np.abs(stems[..., part] - sources[..., part])).sum()
        return 10.0 * np.log10(np.square(np.abs(sources[..., part])).sum() / error)

    first, last = slice(0, 20), slice(hops - 20, hops)
    assert sdr_db(found, first) > sdr_db(estimates, first) + 1.0
    assert abs(sdr_db(found, first) - sdr_db(found, last)) < 1.0
    streamed = SpatialFilter(HOP_S, MEMORY_S)
    causal = np.stack([streamed.apply(mixture[..., hop], estimates[..., hop]) for hop in range(3)], axis=3)
    assert sdr_db(found, slice(0, 3)) > sdr_db(np.pad(causal, ((0, 0),) * 3 + ((0, hops - 3),)), slice(0, 3))


@pytest.mark.parametrize("hops", [1, 50])
def test_forgets(hops):
    random = np.random.default_rng(6)
    spatial, fresh = SpatialFilter(HOP_S, MEMORY_S), SpatialFilter(HOP_S, MEMORY_S)
    for _ in range(hops):
        mixture = spectra(random, 2, BINS)
        spatial.apply(mixture, masked(random, mixture))
    spatial.reset()
    mixture = spectra(random, 2, BINS)
    stems = masked(random, mixture)
    expected = stems
    stems = spatial.apply(mixture, stems)
    expected = fresh.apply(mixture, expected)
    assert np.array_equal(stems, expected)


def test_a_silent_channel_stays_silent():
    random = np.random.default_rng(7)
    spatial = SpatialFilter(HOP_S, MEMORY_S)
    for _ in range(20):
        mixture = spectra(random, 2, BINS)
        mixture[1] = 0.0
        assert not spatial.apply(mixture, masked(random, mixture))[:, 1].any()


def test_a_stem_that_is_silent_for_minutes_leaves_nothing_denormal():
    random = np.random.default_rng(6)
    spatial = SpatialFilter(HOP_S, 2 * HOP_S)  # so that minutes are soon over
    for hop in range(400):
        mixture = spectra(random, 2, BINS)
        stems = masked(random, mixture)
        if hop > 5:
            stems[2] += stems[1]
            stems[1] = 0.0
        found = spatial.apply(mixture, stems)
    assert np.abs(found[1]).max() < 1e-6
    for kept in (spatial._power, spatial._cross.real, spatial._cross.imag):
        assert not ((kept != 0.0) & (np.abs(kept) < np.finfo(np.float32).tiny)).any()
