"""Channels of an ALSA sound card, by its channel map, which is read while a server plays on the card.

jackd numbers ports as the card numbers its channels, and gives each an alias with the card's name: `alsa_pcm:hw:0:in1`.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from stemfield.layouts.channels import channel_of

ALSA: Final = "libasound.so.2"
_ALIAS: Final = re.compile(r"alsa_pcm:(?P<device>.+):(?:in|playback_)(?P<number>[0-9]+)")
_DEVICE: Final = re.compile(r"(?:plug)?hw:(?:CARD=)?(?P<card>[^,]+)(?:,(?:DEV=)?(?P<device>[0-9]+))?(?:,.*)?")
_PLAYBACK: Final = 0
_FIXED: Final = 1
"""The kind of map that is fixed; those of other kinds can be chosen."""
_STANDARD: Final = ("FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR")
"""ALSA's default order (surround40, surround51, surround71)."""


class _Map(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int), ("channels", ctypes.c_uint), ("places", ctypes.c_uint * 64))


def channels_by_alias(aliases: Sequence[Sequence[str]]) -> list[str | None]:
    """The channels of output ports, by their aliases; None if no card's map tells."""
    places = [next((found for alias in of if (found := _ALIAS.fullmatch(alias))), None) for of in aliases]
    counts: dict[str, int] = {}
    for place in places:
        if place is not None:
            counts[place["device"]] = max(counts.get(place["device"], 0), int(place["number"]))
    maps = {device: channel_map(device, count) for device, count in counts.items()}
    return [
        maps[place["device"]][int(place["number"]) - 1] if place is not None and maps[place["device"]] else None
        for place in places
    ]


@cache
def channel_map(device: str, count: int) -> tuple[str | None, ...]:
    """The channels of a card such as `hw:0` or `hw:PCH,3` that plays `count`; empty if it does not tell."""
    named = _DEVICE.fullmatch(device)
    library = _library()
    if named is None or library is None:
        return ()
    card = library.snd_card_get_index(named["card"].encode())
    maps = library.snd_pcm_query_chmaps_from_hw(card, int(named["device"] or 0), -1, _PLAYBACK) if card >= 0 else None
    if not maps:
        return ()
    try:
        fitting = []
        for one in maps:
            if not one:
                break
            if one.contents.channels == count:
                fitting.append((one.contents.kind, one.contents.places[: min(count, 64)]))
        if not fitting:
            return ()
        fixed = next((places for kind, places in fitting if kind == _FIXED), None)
        if fixed is None:
            return _STANDARD[:count] if count in (4, 6, 8) else ()
        # a word may have flags, too
        return tuple(channel_of(library.snd_pcm_chmap_name(place & 0xFFFF).decode()) for place in fixed)
    finally:
        library.snd_pcm_free_chmaps(maps)


def _library() -> Any:
    try:
        library = ctypes.CDLL(ALSA)
    except OSError:
        return None
    library.snd_pcm_query_chmaps_from_hw.restype = ctypes.POINTER(ctypes.POINTER(_Map))
    library.snd_pcm_free_chmaps.argtypes = [ctypes.POINTER(ctypes.POINTER(_Map))]
    library.snd_pcm_free_chmaps.restype = None
    library.snd_pcm_chmap_name.restype = ctypes.c_char_p
    return library
