"""What compiled code needs and Numba lacks: atomics, views of memory, state tables, and a cache of machine code.

Everything that is compiled imports from here; nothing here knows audio.
"""

__all__ = ["arrays", "code_cache", "operations", "state", "triple_buffer", "views"]
