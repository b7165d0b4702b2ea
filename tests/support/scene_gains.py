"""The gains of a whole scene, row by row, as `Placed` has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout
from stemfield.renderer.panning.panner import Panner, amplitude_normalised
from stemfield.renderer.scene.gains import placed
from stemfield.renderer.scene.scene import Scene

Gains = NDArray[np.float32]


def both_gains(scene: Scene, layout: Layout, panner: Panner) -> tuple[Gains, Gains]:
    """The direct and the diffuse gains of every source, shape (sources, loudspeakers)."""
    found = placed(scene, layout, panner)
    return found.direct.astype(np.float32), found.diffuse.astype(np.float32)


def source_gains(scene: Scene, layout: Layout, panner: Panner) -> Gains:
    """The direct gains of every source."""
    return both_gains(scene, layout, panner)[0]


def diffuse_gains(scene: Scene, layout: Layout, panner: Panner) -> Gains:
    """The diffuse gains of every source."""
    return both_gains(scene, layout, panner)[1]


def band_gains(scene: Scene, layout: Layout, panner: Panner) -> tuple[Gains, Gains]:
    """The gains of every source below and above the crossover of dual-band panning."""
    above = source_gains(scene, layout, panner)
    return amplitude_normalised(above.astype(np.float64)).astype(np.float32), above
