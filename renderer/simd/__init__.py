"""SIMD vectors for the inner loops of the audio path.

Arithmetic works on all lanes of a vector at once. A loop of vectors does not depend on LLVM's auto-vectorisation: it is
fast, compiles quickly, and gives each frame the same bits however time is divided into blocks, because the end of a
block is processed like the rest.
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
