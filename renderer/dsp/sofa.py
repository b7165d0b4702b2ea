"""Measured heads from SOFA files (AES69), convention SimpleFreeFieldHRIR; needs the extra `stemfield[sofa]`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr

from stemfield.layouts.coordinates import cartesian
from stemfield.renderer.dsp.kinds import Doubles, Floats

CONVENTION: Final = "SimpleFreeFieldHRIR"
MAX_TAPS: Final = 1024


class SofaError(ValueError):
    """A SOFA file that cannot be used."""


class MeasuredHead:
    """Head-related impulse responses of a SOFA file; the nearest measured direction answers.

    Args:
        path: of the file.
        sample_rate_hz: to which the responses are resampled.

    Attributes:
        taps: length of each response, a multiple of 8.

    Raises:
        SofaError: the library is missing, or the file is of another kind.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        try:
            h5py: Any = importlib.import_module("h5py")
        except ImportError as error:
            raise SofaError(f"{path}: SOFA files need h5py: pip install 'stemfield[sofa]'") from error
        try:
            with h5py.File(path, "r") as file:
                convention = file.attrs.get("SOFAConventions", b"?")
                convention = convention.decode() if isinstance(convention, bytes) else str(convention)
                if convention != CONVENTION:
                    raise SofaError(f"{path}: convention {convention}, must be {CONVENTION}")
                responses = np.asarray(file["Data.IR"], np.float64)
                rate_hz = float(np.asarray(file["Data.SamplingRate"]).ravel()[0])
                positions = np.asarray(file["SourcePosition"], np.float64)
                kind = file["SourcePosition"].attrs.get("Type", b"spherical")
        except (OSError, KeyError) as error:
            raise SofaError(f"{path}: not a SOFA file of {CONVENTION}: {error}") from error
        if responses.ndim != 3 or responses.shape[1] != 2 or not np.isfinite(responses).all():
            raise SofaError(f"{path}: Data.IR has shape {responses.shape}, must be (directions, 2, taps) of numbers")
        if b"cartesian" in (kind if isinstance(kind, bytes) else str(kind).encode()):
            self._directions = positions / np.linalg.norm(positions, axis=1, keepdims=True)
        else:
            self._directions = cartesian(positions[:, 0], positions[:, 1])
        self._responses = _resampled(responses, rate_hz, sample_rate_hz)
        self.sample_rate_hz = sample_rate_hz
        self.taps = self._responses.shape[2]
        if self.taps > MAX_TAPS:
            raise SofaError(f"{path}: {self.taps} taps, at most {MAX_TAPS} are possible")

    def filters(self, directions: Doubles) -> Floats:
        """Responses of both ears for directions of shape (n, 3); shape (n, 2, taps)."""
        nearest = np.argmax(np.asarray(directions, np.float64) @ self._directions.T, axis=1)
        return self._responses[nearest]


def _resampled(responses: Doubles, rate_hz: float, wanted_hz: int) -> Floats:
    flat = responses.reshape(-1, responses.shape[2]).T
    if rate_hz != wanted_hz:
        flat = soxr.resample(flat, rate_hz, wanted_hz, quality="VHQ") * (rate_hz / wanted_hz)
    taps = 8 * -(-len(flat) // 8)
    padded = np.zeros((flat.shape[1], taps), np.float32)
    padded[:, : len(flat)] = flat.T
    return padded.reshape(*responses.shape[:2], taps)
