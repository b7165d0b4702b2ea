"""A scene and when it is heard."""

from __future__ import annotations

from dataclasses import dataclass

from stemfield.renderer.scene.scene import Scene


@dataclass(frozen=True, slots=True)
class TimedScene:
    """A scene and when it is to be heard."""

    scene: Scene
    fade_s: float = 0.0
    """Ramps take at least this long."""
    at_s: float = 0.0
    """Monotonic; 0 is at once."""
