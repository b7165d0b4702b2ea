"""What the binaural monitor plays by the computer's clock, for one listener on the panner page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stemfield.control.problems import RefusedError

Hear = Callable[[bytes], None]


class Ears:
    """One listener at a time; without one nothing is copied.

    Attributes:
        rate_hz: of what is heard; 0 where there is nothing to hear.
    """

    def __init__(self) -> None:
        self._hear: Hear | None = None
        self.rate_hz = 0

    def take(self, feeds: NDArray[np.float32]) -> None:
        """Pass a block on, from the clock's thread; the ears are the last two rows of (outputs, frames)."""
        hear = self._hear
        if hear is not None and self.rate_hz:
            hear(np.round(np.clip(feeds[-2:].T, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())

    def listen(self, hear: Hear) -> Callable[[], None]:
        """Have every block as 16-bit stereo, called from another thread; the answer ends it.

        Raises:
            RefusedError: nothing can be heard, or somebody listens.
        """
        if not self.rate_hz:
            raise RefusedError("nothing to hear: the clock has to drive, and the binaural monitor to play (--binaural)")
        if self._hear is not None:
            raise RefusedError("somebody listens already: allowed one at a time")
        self._hear = hear

        def end() -> None:
            self._hear = None

        return end
