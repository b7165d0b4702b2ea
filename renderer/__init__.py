"""Rendering: scenes, panning gains, and the one block processor that live and file rendering share.

`renderer.Renderer` puts scenes in force on an `engine.engine.Engine`; a driver of `drivers` calls the engine. `adm` is
the Audio Definition Model, `files` audio files, `timeline` the memory shared with the separation.
"""

__all__ = ["renderer", "timeline"]
