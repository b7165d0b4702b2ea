"""Rows of the gain matrix: the sources of a scene, and the rows of the engine that play them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.scene.scene import STEMS, Scene

STEM_ROWS = 2 * (len(STEMS) + 1)
"""Rows of the engine's matrix for the stems and the residual; the direct inputs follow."""


@dataclass(frozen=True, slots=True)
class Source:
    """The sound of one row of the gain matrix."""

    object_id: int
    side: Literal["left", "right", "mono"]
    channel: int
    """Of a stem: 0 left, 1 right. Of an input object: the 0-based direct input."""


def sources_of(scene: Scene) -> tuple[Source, ...]:
    """The rows of the gain matrix, in the order of the scene's objects.

    A stem has two, left and right; an input object one per channel: two are left and right, other numbers mono.
    """
    rows: list[Source] = []
    for item in scene.objects:
        channels = (0, 1) if item.kind == "stem" else item.channels
        if len(channels) == 2:
            rows += [Source(item.id, "left", channels[0]), Source(item.id, "right", channels[1])]
        else:
            rows += [Source(item.id, "mono", channel) for channel in channels]
    return tuple(rows)


def engine_rows(sources: Sequence[Source], rows: int, stem_row: int = 0) -> NDArray[np.intp]:
    """The row of the engine's matrix that plays each source: stems by object id from `stem_row` on, inputs by channel.

    Several objects may play one input; their gains add up.
    """
    found = [
        2 * source.object_id + source.channel if 2 * source.object_id < STEM_ROWS else STEM_ROWS + source.channel
        for source in sources
    ]
    own = np.array(found, np.intp) + stem_row
    assert (own < rows).all(), "an object plays an input that the engine does not have"
    return own
