"""The embedded head: how a rigid sphere with pinnae and shoulders changes sound on its way to both ears.

The sphere gives the differences of time and level between the ears, exactly. Pinnae and shoulders add echoes of what
reaches each ear, the same to both, and leave these differences alone. The pinna's five echoes and the shadow it casts
on sound from behind make up and down, front and back differ; so does one echo of the shoulders. The response is then
divided by its mean over all directions: a monitor must not be coloured.

R. O. Duda and W. L. Martens: Range dependence of the response of a spherical head model, JASA 104, 1998.
C. P. Brown and R. O. Duda: A structural model for binaural sound synthesis, IEEE Trans. Speech and Audio Processing 6,
1998 (pinna echoes). V. R. Algazi et al.: Approximating the head-related transfer function using simple geometric
models of the head and torso, JASA 112, 2002 (that shoulders matter, and where their echo falls).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stemfield.layouts.coordinates import cartesian
from stemfield.renderer.native.arrays import Doubles, Floats

Complexes = NDArray[np.complex128]

HEAD_RADIUS_M: Final = 0.0875
SPEED_OF_SOUND_M_S: Final = 343.2
EARS_AZIMUTH_DEG: Final = 100.0
"""The ears sit a little behind the middle of the head."""
DURATION_S: Final = 0.003
LEAD_S: Final = 0.0005
"""Time before the response of the nearer ear."""

PINNA_GAINS = np.array([0.5, -1.0, 0.5, -0.25, 0.25]) * 0.6
PINNA_SPANS_S = np.array([1.0, 5.0, 5.0, 5.0, 5.0]) / 44_100
PINNA_OFFSETS_S = np.array([2.0, 4.0, 7.0, 11.0, 13.0]) / 44_100
PINNA_BENDS = np.array([1.0, 0.5, 0.5, 0.5, 0.5])
REAR_LOSS_DB, REAR_CORNER_HZ = 8.0, 3000.0
SHOULDER_GAIN: Final = 0.25
SHOULDER_DISTANCE_M: Final = 0.16
SHOULDER_CORNER_HZ: Final = 3000.0
NEGLIGIBLE: Final = 1e100
"""Orders of the series that are smaller than its inverse are left out."""
GRID_DIRECTIONS: Final = 512
QUIETEST_DB: Final = -20.0
"""Maximum gain of any frequency when the mean is divided out."""


class AnalyticHead:
    """Head-related impulse responses from formulas, for any direction; see `binaural.Head`."""

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.taps = 8 * -(-round(DURATION_S * sample_rate_hz) // 8)
        self.latency_frames = round(LEAD_S * sample_rate_hz)
        self._length = 4 * self.taps
        self._frequencies_hz: Doubles = np.linspace(0.0, sample_rate_hz / 2, self._length // 2 + 1)
        self._orders = _sphere_orders(self._frequencies_hz)
        everywhere = evenly_spread(GRID_DIRECTIONS)
        mean = np.sqrt(np.mean(np.abs(self._spectra(everywhere)) ** 2, axis=(0, 1)))
        self._inverse = _minimum_phase(1 / np.maximum(mean, 10 ** (QUIETEST_DB / 20)))

    def filters(self, directions: Doubles) -> Floats:
        """Responses of both ears for directions of shape (n, 3), not zero: shape (n, 2, taps)."""
        unit = np.asarray(directions, np.float64).reshape(-1, 3)
        unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
        lead = np.exp(-2j * np.pi * self._frequencies_hz * (self.latency_frames / self.sample_rate_hz))
        responses = np.fft.irfft(self._spectra(unit) * self._inverse * lead, self._length, axis=-1)[..., : self.taps]
        fade = round(self.taps / 8)
        responses[..., -fade:] *= np.cos(0.5 * np.pi * np.arange(1, fade + 1) / fade) ** 2
        return responses.astype(np.float32)

    def _spectra(self, unit: Doubles) -> Complexes:
        """Shape (n, 2, frequencies)."""
        ears = cartesian([EARS_AZIMUTH_DEG, -EARS_AZIMUTH_DEG], 0.0)
        cosines = np.clip(unit @ ears.T, -1, 1)
        spectra: Complexes = _legendre(len(self._orders), cosines) @ self._orders
        # The echoes of pinna and shoulders are as late and as weak as the direct sound at that ear.
        echoes = _pinna(unit, self._frequencies_hz) + _shoulders(unit, self._frequencies_hz)
        return spectra * echoes[:, None]


def rotated(directions: Doubles, yaw_deg: float, pitch_deg: float, roll_deg: float) -> Doubles:
    """Directions as seen from a turned head.

    Args:
        directions: shape (n, 3), as seen from a head that looks to the front.
        yaw_deg: to the left.
        pitch_deg: up.
        roll_deg: to the right shoulder.

    >>> rotated(np.array([[0.0, 1.0, 0.0]]), 90.0, 0.0, 0.0).round(6).tolist()
    [[1.0, 0.0, 0.0]]
    """
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    c, s = np.cos(yaw), np.sin(yaw)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    c, s = np.cos(pitch), np.sin(pitch)
    about_y = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    c, s = np.cos(roll), np.sin(roll)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.asarray(directions @ (about_z @ about_y @ about_x), np.float64)


def _sphere_orders(frequencies_hz: Doubles) -> Complexes:
    """The series of Duda and Martens for a distant source, per order, shape (orders, frequencies)."""
    reach = 2 * np.pi * frequencies_hz * HEAD_RADIUS_M / SPEED_OF_SOUND_M_S
    safe = np.maximum(reach, 1e-3)
    count = int(np.ceil(safe.max())) + 24
    terms = np.zeros((count, len(frequencies_hz)), complex)
    for m in range(count):
        falling = special.spherical_yn(m, safe, derivative=True)
        counts = np.abs(falling) < NEGLIGIBLE
        slope = special.spherical_jn(m, safe[counts], derivative=True) + 1j * falling[counts]
        terms[m, counts] = (2 * m + 1) * (-1j) ** m * 1j / (safe[counts] ** 2 * slope)
    # The series is in the time convention of physics; signal processing has the other sign.
    return np.conj(terms)


def _legendre(count: int, cosines: Doubles) -> Doubles:
    """Legendre polynomials, shape (*cosines.shape, count)."""
    values = np.ones((count, *cosines.shape))
    values[1] = cosines
    for m in range(2, count):
        values[m] = ((2 * m - 1) * cosines * values[m - 1] - (m - 1) * values[m - 2]) / m
    return np.moveaxis(values, 0, -1)


def _pinna(unit: Doubles, frequencies_hz: Doubles) -> Complexes:
    """Shape (n, frequencies): direct sound, the echoes of the ridges, and what the pinna takes from sound behind it."""
    from_side = np.arcsin(np.clip(unit[:, 1], -1, 1))
    around = np.arctan2(unit[:, 2], unit[:, 0])
    around = np.where(around < -np.pi / 2, around + 2 * np.pi, around)
    shape = np.sin(PINNA_BENDS * (np.pi / 2 - around)[:, None])
    delays_s = PINNA_OFFSETS_S + PINNA_SPANS_S * np.cos(from_side / 2)[:, None] * shape
    echoes = np.exp(-2j * np.pi * delays_s[..., None] * frequencies_hz)
    ridges = 1 + np.einsum("k,nkf->nf", PINNA_GAINS, echoes)
    behind = np.clip(0.5 - 0.5 * unit[:, 0], 0, 1) ** 2
    loss = 10 ** (-REAR_LOSS_DB * behind / 20)
    bend = 1j * frequencies_hz / REAR_CORNER_HZ
    shadow = (1 + loss[:, None] * bend) / (1 + bend)
    return np.asarray(ridges * shadow)


def _shoulders(unit: Doubles, frequencies_hz: Doubles) -> Complexes:
    """Shape (n, frequencies): one low-passed echo, late for sound from above and gone for sound from below."""
    height = unit[:, 2]
    delays_s = SHOULDER_DISTANCE_M / SPEED_OF_SOUND_M_S * (1 + height)
    gains = SHOULDER_GAIN * np.clip(1 + height, 0, 1) * np.cos(0.5 * np.pi * np.clip(-height, 0, 1))
    low = 1 / (1 + 1j * frequencies_hz / SHOULDER_CORNER_HZ) ** 2
    return np.asarray(gains[:, None] * low * np.exp(-2j * np.pi * delays_s[:, None] * frequencies_hz))


def evenly_spread(count: int) -> Doubles:
    """Directions on a spiral of equal areas, shape (count, 3)."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


def _minimum_phase(magnitude: Doubles) -> Complexes:
    """The causal spectrum of a magnitude, by its cepstrum."""
    length = 2 * (len(magnitude) - 1)
    cepstrum = np.fft.irfft(np.log(magnitude), length)
    cepstrum[1 : length // 2] *= 2
    cepstrum[length // 2 + 1 :] = 0
    return np.asarray(np.exp(np.fft.rfft(cepstrum)))
