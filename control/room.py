"""What sounds for as long as a driver runs: engine, driver, panner, and the scene put in force on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts import Layout
from stemfield.renderer.engine import Engine
from stemfield.renderer.gains import CLICK_FREE_S, Source, ramp_frames, source_gains, sources_of, speaker_gains
from stemfield.renderer.panning import Panner
from stemfield.renderer.scene import STEMS, Scene

STEM_ROWS = 2 * (len(STEMS) + 1)
"""Rows of the engine's matrix for the stems and the residual; the direct inputs follow."""


@dataclass(frozen=True, slots=True)
class Room:
    """A layout, its panner, and the engine that feeds its loudspeakers."""

    layout: Layout
    panner: Panner
    engine: Engine

    def apply(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Hands the scene to the engine.

        Args:
            scene: what shall sound.
            fade_s: ramps take at least this long.
        """
        engine, sources = self.engine, sources_of(scene)
        rate_hz, rows = engine.sample_rate_hz, engine_rows(sources, engine.sources)
        gains = np.zeros((engine.sources, len(self.layout.labels)), np.float32)
        np.add.at(gains, rows, source_gains(scene, self.layout, self.panner, sources))
        shortest_s = max(fade_s, CLICK_FREE_S)
        ramps = np.full(engine.sources, max(round(shortest_s * rate_hz), 1), np.int64)
        np.maximum.at(ramps, rows, ramp_frames(scene, sources, rate_hz, shortest_s))
        engine.publish(gains, ramps, speaker_gains(scene, self.layout), max(round(shortest_s * rate_hz), 1))
        engine.exchange.threshold = scene.separation.threshold
        engine.bypass(scene.separation.bypass)


def engine_rows(sources: Sequence[Source], rows: int) -> NDArray[np.intp]:
    """The row of the engine's matrix that plays each source: stems by object id, inputs by channel.

    Several objects may play one input; their gains add up.
    """
    found = [
        2 * source.object_id + source.channel if 2 * source.object_id < STEM_ROWS else STEM_ROWS + source.channel
        for source in sources
    ]
    assert all(row < rows for row in found), "an object plays an input that the engine does not have"
    return np.array(found, np.intp)
