"""The Fourier transform on the audio path: a power-of-two length, real and imaginary parts apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from stemfield.renderer.native.arrays import Doubles, Words
from stemfield.renderer.native.operations import NATIVE


class Plan(NamedTuple):
    """The constants of one length."""

    order: Words
    """Bit reversal, shape (length,)."""
    cosines: Doubles
    """Shape (length / 2,)."""
    sines: Doubles
    """Shape (length / 2,)."""


def plan(length: int) -> Plan:
    """The constants for transforms of a power of two."""
    bits = length.bit_length() - 1
    order = np.array([int(f"{i:0{bits}b}"[::-1], 2) for i in range(length)], np.int64)
    angles = 2 * np.pi * np.arange(length // 2) / length
    return Plan(order, np.cos(angles), np.sin(angles))


@njit(**NATIVE)
def transform(real: Doubles, imaginary: Doubles, order: Words, cosines: Doubles, sines: Doubles) -> None:
    """Transforms in place, with exp(-i...) and without scaling.

    Swapping `real` and `imaginary` gives the inverse, times the length.

    Args:
        real: shape (length,).
        imaginary: shape (length,).
        order: `Plan.order`.
        cosines: `Plan.cosines`.
        sines: `Plan.sines`.
    """
    length = real.shape[0]
    for i in range(length):
        j = order[i]
        if i < j:
            real[i], real[j] = real[j], real[i]
            imaginary[i], imaginary[j] = imaginary[j], imaginary[i]
    half = 1
    while half < length:
        step = length // (2 * half)
        for begin in range(0, length, 2 * half):
            for k in range(half):
                c, s = cosines[k * step], sines[k * step]
                i, j = begin + k, begin + k + half
                x, y = real[j], imaginary[j]
                re = c * x + s * y
                im = c * y - s * x
                real[j], imaginary[j] = real[i] - re, imaginary[i] - im
                real[i], imaginary[i] = real[i] + re, imaginary[i] + im
        half *= 2
