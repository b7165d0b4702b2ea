"""Counts of invalid samples, by where they came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BadSamples:
    """Counts since the start of the engine; each of these samples was replaced."""

    inputs: tuple[int, ...] = ()
    """NaN, infinite, or more than 80 dB over full scale, in the inputs of the mixture, then in the direct ones."""
    player: int = 0
    stems: tuple[int, ...] = ()
    """In each stem of the worker, both channels together."""
    overflows: int = 0
    """Samples of sources and outputs that filters made absurdly loud or NaN."""
