"""Compilation of the panner's inner loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compiles a function; the machine code is cached on disk.

    Its arithmetic is strictly IEEE 754, unlike the audio path, so that symmetric rooms are panned symmetrically.
    """
    return cast(_Function, njit(nogil=True, cache=True, error_model="numpy")(function))
