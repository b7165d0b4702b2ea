"""How the panner's inner loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """The function as native code, kept on disk between runs.

    Its arithmetic is IEEE's, unlike that on the audio path, so that symmetric rooms are panned symmetrically.
    """
    return cast(_Function, njit(nogil=True, cache=True, error_model="numpy")(function))
