"""Binary telemetry of the page, thirty packets a second: levels and directions. Pure functions.

Little-endian: version (u8), flags (u8: 1 plays), share of the stems (u8, 255 is all), load of the worker (u8, percent),
revision of the object list (u16), number of objects (u16), then levels in tenths of a decibel (i16): four of the
mixture, four of the monitor, two per object, three per loudspeaker; then three i8 per object: the direction in which it
is heard, 127 is 1.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.control.status import SoundState
from stemfield.renderer.engine.levels import Levels
from stemfield.renderer.scene.scene import SILENCE_DB

VERSION: Final = 1
_HEAD: Final = struct.Struct("<4B2H")
_SILENT_PAIR: Final = (SILENCE_DB, SILENCE_DB)
_SILENT_FEED: Final = (SILENCE_DB, SILENCE_DB, 0.0)


def pack(
    objects: Sequence[int],
    labels: Sequence[str],
    levels: Levels,
    heard: NDArray[np.float32],
    sound: SoundState,
    revision: int,
) -> bytes:
    """Encode a packet.

    Args:
        objects: ids in the order of the object list.
        labels: labels of the loudspeakers, in layout order.
        levels: meter readings.
        heard: mean direction of each object's energy, shape (objects, 3); sent as zeros if it belongs to other objects.
        sound: state of the engine, for the header.
        revision: revision of the object list.
    """
    flags = int(sound.driver != "")
    share, load = round(255 * min(sound.stems_share, 1.0)), min(round(100 * sound.load), 255)
    decibels = chain(
        levels.mixture,
        levels.monitor,
        chain.from_iterable(levels.objects.get(ident, _SILENT_PAIR) for ident in objects),
        chain.from_iterable(levels.speakers.get(label, _SILENT_FEED) for label in labels),
    )
    tenths = np.round(10.0 * np.fromiter(decibels, np.float64)).astype("<i2")
    directions = np.zeros((len(objects), 3), np.int8)
    if heard.shape == directions.shape:
        directions[:] = np.round(127.0 * heard)
    head = _HEAD.pack(VERSION, flags, share, load, revision & 0xFFFF, len(objects))
    return head + tenths.tobytes() + directions.tobytes()
