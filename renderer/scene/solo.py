"""The rule of mute and solo, for objects and for loudspeakers."""

from __future__ import annotations

from collections.abc import Iterable

from stemfield.renderer.scene.scene import SceneObject, SpeakerTrim


def any_solo(items: Iterable[SceneObject | SpeakerTrim]) -> bool:
    """Whether any of them has a solo."""
    return any(item.solo for item in items)


def is_silenced(item: SceneObject | SpeakerTrim, soloed: bool) -> bool:
    """Whether it is silent: muted, or without a solo while another one (`soloed`) has one."""
    return item.mute or (soloed and not item.solo)
