"""What the meters show, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stemfield.renderer.scene.scene import SILENCE_DB

Decibels = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels in dB re full scale, -120 and more, to a tenth."""

    mixture: Decibels = (SILENCE_DB,) * 4
    """Peak and root mean square of the left channel, then of the right one."""
    monitor: Decibels = (SILENCE_DB,) * 4
    """The same of the ears of the binaural monitor."""
    objects: Mapping[int, Decibels] = field(default_factory=dict)
    """By id: peak and root mean square of the louder channel, after the equaliser, before its level."""
    speakers: Mapping[str, Decibels] = field(default_factory=dict)
    """By label: peak, root mean square, and by how much its limiter has turned down, 0 and more."""


SILENT: Final = Levels()
