"""SIMD vectors for the inner loops of the audio path.

Arithmetic works on all lanes of a vector at once. A loop of vectors does not depend on LLVM's auto-vectorisation: it is
fast, compiles quickly, and gives each frame the same bits however time is divided into blocks, because the end of a
block is processed like the rest.
"""

__all__ = ["arithmetic", "load_store", "transpose", "vectors"]
