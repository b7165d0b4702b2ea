"""A measured head: the responses of a SOFA file, prepared for the binaural monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from stemfield.renderer.dsp.hrtf import evenly_spread
from stemfield.renderer.dsp.sofa import AT_ONCE, SofaError, read_sofa
from stemfield.renderer.native.arrays import Doubles, Floats

MAX_TAPS: Final = 1024
ONSET: Final = 0.3
"""A response begins where it first reaches this part of its peak."""
LEAD_S: Final = 0.0005
"""Time kept before the earliest response."""
TAIL_DB: Final = -50.0
"""Maximum energy that is cut off at the end, in all."""
FADE_TAPS: Final = 16
SPREAD: Final = 512
BAND_HZ: Final = (300.0, 12_000.0)


class MeasuredHead:
    """Head-related impulse responses of a SOFA file, of the nearest measured direction; see `binaural.Head`.

    They are resampled, trimmed of silence, and as loud as the embedded head: sound from everywhere has the power that
    it would have without a head.

    Raises:
        SofaError: the library is missing, or the file cannot be used.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        found = read_sofa(path)
        responses = _without_silence(_resampled(found.responses, found.rate_hz, sample_rate_hz), sample_rate_hz)
        if responses.shape[2] > MAX_TAPS:
            taps = f"{responses.shape[2]} taps at {sample_rate_hz} Hz"
            raise SofaError(f"{path}: the responses sound on for {taps}, at most {MAX_TAPS} are possible")
        self.sample_rate_hz = sample_rate_hz
        self.taps = responses.shape[2]
        self.latency_frames = round(float(np.median(_onsets(responses).mean(axis=1))))
        self._directions = found.directions
        self._responses = (responses / self._level(responses)).astype(np.float32)

    def filters(self, directions: Doubles) -> Floats:
        """Responses of both ears for directions of shape (n, 3), not zero; shape (n, 2, taps)."""
        return self._responses[self._nearest(np.asarray(directions, np.float64))]

    def _level(self, responses: Doubles) -> float:
        """Root mean square of the response to sound from everywhere, in the band that all measurements have."""
        spectra = np.fft.rfft(responses[self._nearest(evenly_spread(SPREAD))], 2 * MAX_TAPS, axis=2)
        f_hz = np.fft.rfftfreq(2 * MAX_TAPS, 1 / self.sample_rate_hz)
        band = (f_hz >= BAND_HZ[0]) & (f_hz <= BAND_HZ[1])
        return float(np.sqrt(np.square(np.abs(spectra[..., band])).mean()))

    def _nearest(self, directions: Doubles) -> NDArray[np.intp]:
        return np.argmax(directions @ self._directions.T, axis=1)


def _resampled(responses: Doubles, rate_hz: float, wanted_hz: int) -> Doubles:
    """Responses at another sample rate, with the same spectra."""
    if rate_hz == wanted_hz:
        return responses
    parts = []
    for at in range(0, len(responses), AT_ONCE):
        part = responses[at : at + AT_ONCE]
        flat = part.reshape(-1, part.shape[2]).T
        flat = soxr.resample(flat, rate_hz, wanted_hz, quality="VHQ") * (rate_hz / wanted_hz)
        parts.append(flat.T.reshape(*part.shape[:2], -1))
    return np.concatenate(parts)


def _onsets(responses: Doubles) -> NDArray[np.intp]:
    """Frames, shape (directions, 2)."""
    levels = np.abs(responses)
    return np.argmax(levels >= ONSET * levels.max(axis=2, keepdims=True), axis=2)


def _without_silence(responses: Doubles, sample_rate_hz: int) -> Doubles:
    """Responses without the silence before the first one begins and after the last has decayed."""
    start = max(int(_onsets(responses).min()) - round(LEAD_S * sample_rate_hz), 0)
    left = np.cumsum(np.square(responses).sum(axis=(0, 1))[::-1])[::-1]
    end = int(np.count_nonzero(left > 10 ** (TAIL_DB / 10) * left[0]))
    taps = 8 * -(-(end + FADE_TAPS - start) // 8)
    kept = np.zeros((*responses.shape[:2], taps))
    part = responses[..., start : start + taps]
    kept[..., : part.shape[2]] = part
    if start + taps < responses.shape[2]:
        kept[..., -FADE_TAPS:] *= np.cos(0.5 * np.pi * np.arange(1, FADE_TAPS + 1) / (FADE_TAPS + 1)) ** 2
    return kept
