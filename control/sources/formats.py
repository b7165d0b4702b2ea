"""Raw PCM: bytes in, stereo frames out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

SAMPLE_BYTES: Final[Mapping[str, int]] = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}
"""Bytes of a sample by the name of its format, as ffmpeg names them; s24le is packed."""
LOUDEST: Final = np.float32(8.0)
"""Floating-point samples above this count as rubbish."""


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """How a sender writes its sound.

    >>> PcmFormat("s24le", 48_000, 2).frame_bytes
    6
    """

    sample: str
    """One of `SAMPLE_BYTES`."""
    rate_hz: int
    channels: int
    """1 or 2."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return SAMPLE_BYTES[self.sample] * self.channels


DEFAULT_FORMAT: Final = PcmFormat("s16le", 48_000, 2)


class Decoder:
    """Decodes a stream that may be cut anywhere.

    Attributes:
        bad: number of samples so far that were not finite or absurdly loud, and became silence.
    """

    def __init__(self, form: PcmFormat) -> None:
        self._form = form
        self._rest = b""
        self.bad = 0

    def restart(self) -> None:
        """Forget an incomplete frame, because another stream follows."""
        self._rest = b""

    def decode(self, data: bytes) -> Audio:
        """The complete frames, shape (n, 2); a mono sender is heard on both sides."""
        data = self._rest + data
        whole = len(data) - len(data) % self._form.frame_bytes
        data, self._rest = data[:whole], data[whole:]
        samples = self._samples(data).reshape(-1, self._form.channels)
        return np.ascontiguousarray(np.broadcast_to(samples, (len(samples), 2)))

    def _samples(self, data: bytes) -> Audio:
        match self._form.sample:
            case "s16le":
                return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(1 << 15)
            case "s24le":
                wide = np.zeros((len(data) // 3, 4), np.uint8)
                wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
                return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(1 << 31)
            case "s32le":
                return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(1 << 31)
            case _:
                samples = np.frombuffer(data, "<f4").astype(np.float32)
                good = np.abs(samples) <= LOUDEST  # NaN is not
                self.bad += int(len(samples) - good.sum())
                return np.where(good, samples, np.float32(0.0))
