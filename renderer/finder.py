"""Which loudspeaker is looked for, and by what sound; the sounds are made when the first one is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer import chain_memory as c
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.identify import NOISE, SWEEP, sounds
from stemfield.renderer.memory import Memory
from stemfield.renderer.native import store


class Finder:
    """Hands requests to the processor of one engine."""

    def __init__(self, memory: Memory, chain: Chain) -> None:
        self._memory = memory
        self._chain = chain
        self._sounds: tuple[tuple[NDArray[np.float32], ...], ...] = ()

    def request(self, speaker: int, sound: int, level: float) -> None:
        """See `Engine.identify`.

        Raises:
            ValueError: there is no such loudspeaker or sound, or the level is not 0 to 1.
        """
        if not 0 <= speaker < self._chain.speakers:
            raise ValueError(f"loudspeaker {speaker}: there are {self._chain.speakers}")
        if sound not in (0, NOISE, SWEEP) or not 0.0 <= level <= 1.0:
            raise ValueError(f"sound {sound} at level {level}: must be 0, {NOISE} or {SWEEP} at 0 to 1")
        if not self._sounds:
            self._provide()
        chain = self._memory.chain
        chain[c.IDENTIFY_LEVELS][speaker] = level
        requests = chain[c.IDENTIFY_REQUESTS]
        store(requests[speaker:].ctypes.data, ((int(requests[speaker]) >> 2) + 1 << 2) + sound)

    def _provide(self) -> None:
        self._sounds = _sounds(self._chain.sample_rate_hz)
        for row, lfe in zip(self._memory.chain[c.IDENTIFY_SOUNDS], self._chain.lfe, strict=True):
            row[:] = [sound.ctypes.data for sound in self._sounds[int(lfe)]]
        noise, swept = self._sounds[0]
        self._memory.table[c.SWEEP_FRAMES] = len(swept)
        store(self._memory.word_address(c.NOISE_FRAMES), len(noise))


_sounds = lru_cache(maxsize=2)(sounds)
