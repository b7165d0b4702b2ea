"""The tape: what the sources of an engine play, kept for some seconds for whoever writes it down.

While it runs, the processor copies every source to it, after its equaliser. It waits for nobody: who reads must come
round in time.
"""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from stemfield.renderer.engine import memory as m
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, as_pointer, load, load_acquire, store, store_release
from stemfield.renderer.native.views import floats2
from stemfield.renderer.ring import read_around

TAPE_FRAMES: Final = 1 << 18
"""A power of two; 5.5 s at 48 kHz."""
_NOTHING: Final = -1


@njit(**INNER)
def keep_sources(table: Words, count: int) -> None:
    """Copies the sources' next frames to the tape, if it runs."""
    address = load_acquire(table.ctypes.data + 8 * m.TAPE)
    if address == 0:
        return
    sources, position = table[m.SOURCES], table[m.POSITION]
    bus = floats2(table, m.SOURCE_BUS, sources, m.ROW_FRAMES)
    tape = carray(as_pointer(address), (sources, TAPE_FRAMES), np.float32)
    for row in range(sources):
        for i in range(count):
            tape[row, (position + i) & (TAPE_FRAMES - 1)] = bus[row, i]
    store_release(table.ctypes.data + 8 * m.TAPE_END, position + count)


class Tape:
    """The tape of one engine. It runs for as long as anybody wants it to.

    Args:
        memory: of the engine.
    """

    def __init__(self, memory: m.Memory) -> None:
        self._memory = memory
        self._sound: NDArray[np.float32] | None = None
        self._wanted = 0
        self._turn = threading.Lock()
        memory.table[m.TAPE_END] = _NOTHING

    def start(self) -> int:
        """Let it run, until as many have stopped it.

        Its memory stays until the engine is gone: the processor may be about to write.

        Returns:
            The position from which on everything will be on it.
        """
        with self._turn:
            self._wanted += 1
            if self._sound is None:
                self._sound = np.full((int(self._memory.table[m.SOURCES]), TAPE_FRAMES), 0.0, np.float32)
            if self._wanted == 1:
                store(self._memory.word_address(m.TAPE_END), _NOTHING)
                store(self._memory.word_address(m.TAPE), self._sound.ctypes.data)
        # What is being processed now may have passed the tape already.
        return int(load(self._memory.word_address(m.POSITION))) + m.CHUNK_FRAMES

    def stop(self) -> None:
        """Want it no more."""
        with self._turn:
            self._wanted -= 1
            if self._wanted == 0:
                store(self._memory.word_address(m.TAPE), 0)

    @property
    def end(self) -> int | None:
        """The position after the newest frame, or None while there is none."""
        end = int(load(self._memory.word_address(m.TAPE_END)))
        return None if end == _NOTHING else end

    def read(self, start: int, end: int) -> NDArray[np.float32] | None:
        """A copy of the frames from one position to another, (sources, n), or None where they are overwritten."""
        assert self._sound is not None
        found = read_around(self._sound, start, end - start)
        newest = self.end
        kept = newest is not None and newest - start <= TAPE_FRAMES - m.CHUNK_FRAMES
        return found if kept else None
