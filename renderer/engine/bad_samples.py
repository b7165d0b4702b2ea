"""How many samples were no sound, by where they came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BadSamples:
    """Counts since the engine began; each of these samples was replaced."""

    inputs: tuple[int, ...] = ()
    """NaN, infinite, or more than 80 dB over full scale: of the mixture's inputs, then of the direct ones."""
    player: int = 0
    stems: tuple[int, ...] = ()
    """Of what the worker returned, both channels together."""
    overflows: int = 0
    """Samples of sources and outputs that filters made absurdly loud, or no numbers."""
