"""Capture: a ring of what the sources of an engine play, which a reader has some seconds to copy.

While it runs, the processor copies every source to it, after its equaliser. It waits for no reader.
"""

from __future__ import annotations

import threading
from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from stemfield.renderer.dsp.delay import into_ring
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, as_pointer, load, load_acquire, store, store_release
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import floats
from stemfield.renderer.timeline import read_around

CAPTURE_FRAMES: Final = 1 << 18
"""A power of two; 5.5 s at 48 kHz."""
_NOTHING: Final = -1


class CaptureTable(IntEnum):
    """Words of the stage."""

    RING = 0
    """Address of the ring, written by control; 0 while capture does not run."""
    END = auto()
    """Position after the newest frame."""


def state() -> State:
    """The stage's state."""
    return State(CaptureTable, {CaptureTable.END: _NOTHING})


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Copies the sources' next frames to the ring, if capture runs."""
    address = load_acquire(own.ctypes.data + 8 * CaptureTable.RING)
    if address == 0:
        return
    sources, position = engine[Shared.SOURCES], engine[Shared.POSITION]
    bus = floats(engine, Shared.SOURCE_BUS, sources, ROW_FRAMES)
    ring = carray(as_pointer(address), (sources, CAPTURE_FRAMES), np.float32)
    for row in range(sources):
        into_ring(ring[row], position, bus[row], count)
    store_release(own.ctypes.data + 8 * CaptureTable.END, position + count)


class Capture:
    """The capture of one engine. It runs while it has users."""

    def __init__(self, engine: State, own: State) -> None:
        self._engine, self._own = engine, own
        self._ring: NDArray[np.float32] | None = None
        self._users = 0
        self._turn = threading.Lock()

    def start(self) -> int:
        """Adds a user.

        The ring stays allocated until the engine is gone: the processor may be about to write.

        Returns:
            The position from which on everything will be captured.
        """
        with self._turn:
            self._users += 1
            if self._ring is None:
                self._ring = np.full((int(self._engine.table[Shared.SOURCES]), CAPTURE_FRAMES), 0.0, np.float32)
            if self._users == 1:
                store(self._own.word_address(CaptureTable.END), _NOTHING)
                store(self._own.word_address(CaptureTable.RING), self._ring.ctypes.data)
        # The chunk in progress may be past this stage already.
        return int(load(self._engine.word_address(Shared.POSITION))) + CHUNK_FRAMES

    def stop(self) -> None:
        """Removes a user."""
        with self._turn:
            self._users -= 1
            if self._users == 0:
                store(self._own.word_address(CaptureTable.RING), 0)

    @property
    def end(self) -> int | None:
        """The position after the newest frame, or None while there is none."""
        end = int(load(self._own.word_address(CaptureTable.END)))
        return None if end == _NOTHING else end

    def read(self, start: int, end: int) -> NDArray[np.float32] | None:
        """A copy of the frames from one position to another, (sources, n), or None where they are overwritten."""
        assert self._ring is not None
        found = read_around(self._ring, start, end - start)
        newest = self.end
        kept = newest is not None and newest - start <= CAPTURE_FRAMES - CHUNK_FRAMES
        return found if kept else None
