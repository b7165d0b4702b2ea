"""The scene against the untouched recording, as loud as each other: what is louder always seems better."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from stemfield.renderer.engine.levels import Levels
from stemfield.renderer.scene.scene import Scene

SETTLE_S: Final = 3.0
"""Time constant of the mean powers."""
PERIOD_S: Final = 0.1
MOST_DB: Final = 20.0
_SILENT: Final = 1e-9
"""A mean power, -90 dB re full scale, below which nothing can be said."""


class LoudnessMatch:
    """How much louder the loudspeakers are together than the mixture that comes in.

    Both are mean powers of the same seconds, so that the music's own changes cancel.
    """

    def __init__(self) -> None:
        self._played = 0.0
        self._mixture = 0.0

    def hear(self, levels: Levels) -> None:
        """Take in what the meters show; to be called ten times a second while the scene plays."""
        share = PERIOD_S / SETTLE_S
        played = sum(_power(level[1]) for level in levels.speakers.values())
        mixture = _power(levels.mixture[1]) + _power(levels.mixture[3])
        self._played += share * (played - self._played)
        self._mixture += share * (mixture - self._mixture)

    @property
    def gain_db(self) -> float:
        """What the recording needs to be as loud, -20..20; 0 where one of them is silent."""
        if min(self._played, self._mixture) < _SILENT:
            return 0.0
        return min(max(10.0 * math.log10(self._played / self._mixture), -MOST_DB), MOST_DB)


def untouched(scene: Scene) -> Scene:
    """What sounds of a scene: the scene itself, or where it is compared, the recording from the stereo pair."""
    if not scene.compare:
        return scene
    plain = tuple(replace(o, eq=()) if o.eq and o.kind == "stem" else o for o in scene.objects)
    return replace(scene, objects=plain, amount=0.0, master_gain_db=scene.master_gain_db + scene.compare_gain_db)


def _power(level_db: float) -> float:
    return float(10.0 ** (level_db / 10.0))
