"""The renderer of a machine that only separates: each row of the engine has an output of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemfield.control.audio.roles import STEM_PORTS
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.levels import SILENT, Levels, shown_levels
from stemfield.renderer.scene.timed_scene import TimedScene


class StemOutputs:
    """Outputs the stems and the residual of an engine unchanged; of a scene it uses only the separation settings.

    Args:
        engine: engine with as many outputs as rows.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.heard: NDArray[np.float32] = np.zeros((0, 3), np.float32)
        """Empty: this machine places no objects."""
        self._shown = (-1, SILENT)
        rows = engine.outputs
        self._metered = tuple(row // 2 for row in range(rows)), np.arange(rows)
        engine.publish(np.eye(rows, dtype=np.float32), np.ones(rows, np.int64), np.ones(rows, np.float32), 1)

    def follow(self, scenes: Sequence[TimedScene]) -> None:
        """Apply the separation settings of the present scene."""
        separation = scenes[0].scene.separation
        self.engine.timeline.threshold = separation.threshold
        self.engine.bypass(separation.bypass)

    def sounding(self, _: str) -> str:
        """Test signal of a loudspeaker: none."""
        return ""

    def levels(self) -> Levels:
        """Current meter levels; may be called from any thread."""
        meters = self.engine.meters()
        if meters.periods != self._shown[0]:
            self._shown = meters.periods, shown_levels(meters, *self._metered, STEM_PORTS)
        return self._shown[1]
