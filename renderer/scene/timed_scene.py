"""A scene and its time."""

from __future__ import annotations

from dataclasses import dataclass

from stemfield.renderer.scene.scene import Scene


@dataclass(frozen=True, slots=True)
class TimedScene:
    """A scene and the time from which it applies."""

    scene: Scene
    fade_s: float = 0.0
    """Minimum duration of the ramps."""
    at_s: float = 0.0
    """Monotonic time; 0 is at once."""
