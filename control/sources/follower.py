"""Follows the clock of a sender by resampling, so that the buffer between sender and server stays equally full.

A controller with a proportional and an integral part (Adriaensen, "Controlling adaptive resampling", LAC 2012) sets the
ratio of a variable-rate resampler, soxr's. It is slow, so that the jitter of packets is no wow: 0.01 Hz.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import soxr

from stemfield.control.sources.formats import Audio

MOST: Final = 0.002
"""Largest deviation of the clocks that is followed, 2000 ppm."""
_BANDWIDTH_HZ: Final = 0.01
_SMOOTHING_S: Final = 2.0


class RateFollower:
    """Resamples a sender's frames to a server's rate and clock.

    Args:
        sender_hz: nominal rate of the sender.
        server_hz: rate of the server.
        target_frames: wanted fill of the buffer, at the server's rate.

    Attributes:
        deviation: how much faster the sender's clock is, as last estimated, as a share.
    """

    def __init__(self, sender_hz: int, server_hz: int, target_frames: int) -> None:
        self._sender_hz, self._server_hz = sender_hz, server_hz
        self._target = target_frames
        pole = 2.0 * math.pi * _BANDWIDTH_HZ
        self._proportional, self._integral = 2.0 * pole / server_hz, pole * pole / server_hz
        self._resampler = soxr.ResampleStream(sender_hz * (1.0 + MOST), server_hz, 2, "float32", "HQ", vr=True)
        self.deviation = 0.0
        self.restart()

    def restart(self) -> None:
        """Forget the sound, but not the sender's clock, because another stream follows."""
        self._resampler.clear()
        self._error = 0.0
        self._resampler.set_io_ratio(self._sender_hz * (1.0 + self.deviation), self._server_hz, 0)

    def resample(self, frames: Audio, held_frames: float, *, waited: bool = False) -> Audio:
        """The next frames at the server's rate.

        Args:
            frames: from the sender, shape (n, 2).
            held_frames: fill of the buffer before them.
            waited: whether the sender had to wait for the server: then it follows the server's clock.

        Returns:
            Shape (m, 2).
        """
        if not len(frames):
            return np.zeros((0, 2), np.float32)
        passed_s = len(frames) / self._sender_hz
        if not waited:
            error = held_frames - self._target
            self._error += min(passed_s / _SMOOTHING_S, 1.0) * (error - self._error)
            self.deviation = _limited(self.deviation + self._integral * self._error * passed_s)
        wanted = _limited(self.deviation + (0.0 if waited else self._proportional * self._error))
        self._resampler.set_io_ratio(self._sender_hz * (1.0 + wanted), self._server_hz, len(frames))
        made: Audio = self._resampler.resample_chunk(frames)
        return made


def _limited(deviation: float) -> float:
    return min(max(deviation, -MOST), MOST)
