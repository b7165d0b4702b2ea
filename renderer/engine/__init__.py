"""The engine: renders blocks of audio, compiled, and takes gains and music from control without waiting.

`engine.Engine` is what a driver calls and what control uses; `plan.Targets` is what it is told to render.
`chain_builder` prepares one for a layout, `levels` turns its meters into levels.
"""

__all__ = ["bad_samples", "capture", "chain_builder", "engine", "freewheel", "levels", "memory", "plan", "processor"]
