"""Head-related impulse responses of SOFA files (AES69), convention SimpleFreeFieldHRIR; needs `stemfield[sofa]`."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.problems import UserError
from stemfield.renderer.native.arrays import Doubles

CONVENTION: Final = "SimpleFreeFieldHRIR"
MAX_VALUES: Final = 1 << 25
"""Maximum number of samples of all responses of a file: a quarter of a gigabyte."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000.0, 384_000.0
MAX_DELAY_S: Final = 0.01
ROOM_TAPS: Final = 16
"""Frames added to a response, because a delay by a fraction of a frame spreads it."""
AT_ONCE: Final = 1024
"""Directions processed at once, which bounds the memory."""


class SofaError(UserError):
    """A SOFA file that cannot be used; the message is one line."""


class Measurement(NamedTuple):
    """The responses of a SOFA file."""

    responses: Doubles
    """Left and right ear, shape (directions, 2, taps)."""
    rate_hz: float
    directions: Doubles
    """Unit vectors from the head towards the sound, shape (directions, 3)."""


def read_sofa(path: Path) -> Measurement:
    """The responses of a file as they were measured.

    Raises:
        SofaError: the library is missing, or the file is not SOFA, damaged, of another convention, too large, or its
            numbers cannot be responses of a head.
    """
    try:
        sofar: Any = importlib.import_module("sofar")
    except ImportError as error:
        raise SofaError(f"{path}: SOFA files need a library: pip install 'stemfield[sofa]'") from error
    if not path.is_file():  # the library would also open an address on the network
        raise SofaError(f"{path}: no such file")
    try:
        with sofar.SofaStream(str(path.absolute())) as file:
            convention = str(file.GLOBAL_SOFAConventions)
            if convention != CONVENTION:
                raise SofaError(f"{path}: convention: expected {CONVENTION}, got {convention[:60]}")
            shape = tuple(file.Data_IR.shape)
            if len(shape) != 3 or shape[1] != 2 or 0 in shape or math.prod(shape) > MAX_VALUES:
                raise SofaError(f"{path}: Data.IR: expected shape (directions, 2 ears, taps), got {shape}")
            responses, rate_hz = _numbers(file.Data_IR), float(_numbers(file.Data_SamplingRate).ravel()[0])
            delays = _numbers(_found(file, "Data_Delay"), [[0.0, 0.0]]).reshape(-1, 2)
            ears = _places(file, "ReceiverPosition", [[0.0, 0.09, 0.0], [0.0, -0.09, 0.0]])
            with np.errstate(invalid="ignore", divide="ignore"):  # invalid directions are found below
                directions = _directions(file, shape[0])
    except SofaError:
        raise
    except (OSError, RuntimeError, AttributeError, LookupError, TypeError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120]
        raise SofaError(f"{path}: damaged, or not a SOFA file of convention {CONVENTION} ({reason})") from error
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        expected = f"expected {LOWEST_RATE_HZ:.0f} to {HIGHEST_RATE_HZ:.0f} Hz"
        raise SofaError(f"{path}: Data.SamplingRate: {expected}, got {rate_hz:g} Hz")
    if not np.isfinite(responses).all() or not responses.any() or not np.isfinite(directions).all():
        raise SofaError(f"{path}: the responses or their directions are not numbers, or silent")
    if len(delays) not in (1, shape[0]) or not (np.ptp(delays) <= MAX_DELAY_S * rate_hz):
        raise SofaError(f"{path}: Data.Delay: expected one per response, at most {MAX_DELAY_S:g} s apart")
    if ears.shape[0] == 2 and ears[0, 1] < ears[1, 1]:
        responses, delays = responses[:, ::-1], delays[:, ::-1]
    return Measurement(_delayed(responses, delays), rate_hz, directions)


def _found(file: Any, name: str) -> Any:
    """A variable, or None in files of older versions that lack it."""
    try:
        return getattr(file, name)
    except AttributeError:
        return None


def _numbers(variable: Any, default: Any = None) -> Doubles:
    """The variable with NaN for missing values."""
    values = default if variable is None else np.ma.filled(np.ma.asarray(variable[:], np.float64), np.nan)
    return np.asarray(values, np.float64)


def _places(file: Any, name: str, default: Any) -> Doubles:
    """Cartesian, shape (n, 3)."""
    variable = _found(file, name)
    places = _numbers(variable, default)
    places = places.reshape(places.shape[0], 3, -1)[..., 0]
    # The up vector has the type of the view vector.
    kind = _found(file, f"{name.replace('Up', 'View')}_Type") if variable is not None else None
    return cartesian(*places.T) if str(kind).strip().lower() == "spherical" else places


def _directions(file: Any, count: int) -> Doubles:
    """Positions of the sources relative to the listener's position and view."""
    sources = _places(file, "SourcePosition", None) - _places(file, "ListenerPosition", [[0.0, 0.0, 0.0]])
    ahead, up = _places(file, "ListenerView", [[1.0, 0.0, 0.0]]), _places(file, "ListenerUp", [[0.0, 0.0, 1.0]])
    axes = np.stack(np.broadcast_arrays(ahead, np.cross(up, ahead), up), axis=1)
    axes = axes / np.linalg.norm(axes, axis=2, keepdims=True)
    seen = np.einsum("naj,nj->na", np.broadcast_to(axes, (len(sources), 3, 3)), sources)
    return np.broadcast_to(seen / np.linalg.norm(seen, axis=1, keepdims=True), (count, 3))


def _delayed(responses: Doubles, delays: Doubles) -> Doubles:
    """Responses delayed by `delays` frames, shape (1 or directions, 2), minus the common delay."""
    later = np.broadcast_to(delays - delays.min(), responses.shape[:2])
    if not later.any():
        return responses
    taps = responses.shape[2] + math.ceil(later.max()) + ROOM_TAPS
    length = 2 * taps
    turn = -2j * np.pi * np.fft.rfftfreq(length)
    found = np.empty((*responses.shape[:2], taps))
    for at in range(0, len(responses), AT_ONCE):
        part = slice(at, at + AT_ONCE)
        spectra = np.fft.rfft(responses[part], length, axis=2) * np.exp(turn * later[part, :, None])
        found[part] = np.fft.irfft(spectra, length, axis=2)[..., :taps]
    return found
