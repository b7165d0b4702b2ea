"""The binaural monitor as a stream for one listener on the panner page, while the clock driver runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.problems import RefusedError

Receive = Callable[[bytes], None]


class HeadphoneStream:
    """A stream for at most one listener; without one nothing is copied."""

    def __init__(self) -> None:
        self._receive: Receive | None = None
        self.rate_hz = 0
        """Sample rate; 0 where there is nothing to play."""

    def write(self, feeds: NDArray[np.float32]) -> None:
        """Pass a block on, from the clock's thread; the monitor is the last two rows of (outputs, frames)."""
        receive = self._receive
        if receive is not None and self.rate_hz:
            receive(np.round(np.clip(feeds[-2:].T, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())

    def listen(self, receive: Receive) -> Callable[[], None]:
        """Receive every block as 16-bit stereo, in another thread. Returns what ends it.

        Raises:
            RefusedError: nothing to play, or another listener is connected.
        """
        if not self.rate_hz:
            raise RefusedError("no stream: it needs driver: clock and the binaural monitor (--binaural)")
        if self._receive is not None:
            raise RefusedError("another listener is connected: expected one at a time")
        self._receive = receive

        def end() -> None:
            self._receive = None

        return end
