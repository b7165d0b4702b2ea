"""Bytes damaged as by a broken line, a broken disk or an attacker."""

from __future__ import annotations

import random
from collections.abc import Sequence

ODD = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\x80\0\0", b"*", b"/", b"[", b'"', b"../", b"1e999", b"{", b"\n", b"-")


def damaged(packet: bytes, others: Sequence[bytes], chance: random.Random, most: int = 4) -> bytes:
    """A packet with up to `most` faults: changed, missing or odd bytes, or the end of another packet."""
    made = bytearray(packet)
    for _ in range(chance.randint(0, most)):
        place = chance.randrange(len(made) + 1)
        match chance.randrange(5):
            case 0:
                made[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del made[place:]
            case 2:
                made[place:place] = chance.choice(ODD)
            case 3:
                del made[place : place + chance.randint(1, 9)]
            case _:
                other = chance.choice(others)
                made[place:] = other[chance.randrange(len(other)) :]
    return bytes(made)
