"""The engine: renders blocks of audio, compiled, and takes gains and music from control without waiting.

`engine.Engine` is what a driver calls and what control uses; `plan.Targets` is what it is told to render.
`chain_builder` prepares one for a layout, `levels` and `loudness` turn what it measures into numbers to display.
"""

__all__ = [
    "bad_samples", "capture", "chain_builder", "engine", "freewheel", "levels", "loudness", "memory", "plan",
    "processor",
]  # fmt: skip
