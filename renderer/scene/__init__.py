"""Scenes as frozen values, and the gains that follow from a scene and a layout. Pure: no sound, no time.

`scene` has the values, `gains` and `object_gains` the matrices, `units` the conversions of positions and levels.
"""

__all__ = [
    "compare", "gains", "loudness", "object_gains", "placement", "rows", "scene", "solo", "timed_scene", "units",
]  # fmt: skip
