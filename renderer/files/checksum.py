"""Cyclic redundancy checks of FLAC and MP3: the highest bit first, nothing reflected."""

from __future__ import annotations


def crc(data: bytes, bits: int, polynomial: int, value: int = 0) -> int:
    """The check of some data, with this many bits, from a first value on."""
    top = 1 << bits - 1
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & (top << 1) - 1
    return value
