"""Numbers side by side in registers, for the inner loops of the audio path.

A value of lanes is a vector; arithmetic works on all of its lanes at once. With them a loop says itself how it is
vectorised: it is fast whatever LLVM guesses, soon compiled, and gives each frame the same bits however time is cut into
blocks, because the rest of a block is worked off like all of it.
"""

from stemfield.renderer.simd.arithmetic import (
    beyond,
    chosen,
    counting,
    differing,
    exceeding,
    fused,
    largest,
    largest_of,
    lowest_bit,
    magnitude,
    pick,
    root,
    signed_as,
    smallest_of,
    spread,
    total,
)
from stemfield.renderer.simd.load_store import copy, load, load_part, store, store_part
from stemfield.renderer.simd.transpose import turn_to_frames, turn_to_rows
from stemfield.renderer.simd.vectors import DOUBLES, FLOATS

__all__ = [
    "DOUBLES", "FLOATS", "beyond", "chosen", "copy", "counting", "differing", "exceeding", "fused", "largest",
    "largest_of", "load", "load_part", "lowest_bit", "magnitude", "pick", "root", "signed_as", "smallest_of",
    "spread", "store", "store_part", "total", "turn_to_frames", "turn_to_rows",
]  # fmt: skip
