"""Comparison of the scene with the untouched recording."""

from __future__ import annotations

from dataclasses import replace

from stemfield.renderer.scene.scene import Scene


def untouched(scene: Scene) -> Scene:
    """The scene to render: the scene itself, or during a comparison the recording from the stereo pair."""
    if not scene.compare:
        return scene
    plain = tuple(replace(o, eq=()) if o.eq and o.kind == "stem" else o for o in scene.objects)
    return replace(scene, objects=plain, amount=0.0, master_gain_db=scene.master_gain_db + scene.compare_gain_db)
