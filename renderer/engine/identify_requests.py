"""Requests to identify a loudspeaker by a sound; each sound is made when it is first requested."""

from __future__ import annotations

from functools import lru_cache

from stemfield.renderer.dsp.binaural import MonitorTable
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.identify import SOUNDS, SPOKEN, IdentifyTable, Playing, identifying_sound
from stemfield.renderer.engine.memory import Memory
from stemfield.renderer.native.arrays import Floats
from stemfield.renderer.native.operations import store


class IdentifyRequests:
    """Hands requests to the processor of one engine."""

    def __init__(self, memory: Memory, chain: Chain) -> None:
        self._chain = chain
        self._stage = memory.stage(IdentifyTable)
        self._tables = (self._stage, *memory.stage(MonitorTable).parts)
        self._sounds: dict[tuple[int, int], Floats] = {}

    def request(self, speaker: int, sound: int, level: float) -> None:
        """Plays an identifying sound on a loudspeaker, mixed with what it plays.

        Args:
            speaker: index in layout order.
            sound: `dsp.identify.NOISE`, `SWEEP`, `SPOKEN`, or 0 to stop.
            level: linear peak, 0..1.

        Raises:
            ValueError: there is no such loudspeaker or sound, or the level is not 0 to 1.
        """
        if not 0 <= speaker < self._chain.speakers:
            raise ValueError(f"loudspeaker {speaker}: there are {self._chain.speakers}")
        if not 0 <= sound <= SOUNDS or not 0.0 <= level <= 1.0:
            raise ValueError(f"sound {sound} at level {level}: must be 0 to {SOUNDS} at 0 to 1")
        if sound and (speaker, sound) not in self._sounds:
            self._provide(speaker, sound)
        for table in self._tables:
            table[IdentifyTable.LEVELS][speaker] = level
            requests = table[IdentifyTable.REQUESTS]
            store(requests[speaker:].ctypes.data, ((int(requests[speaker]) >> 2) + 1 << 2) + sound)

    @property
    def sounding(self) -> tuple[int, ...]:
        """The identifying sound that each loudspeaker plays or is about to play; 0 is none."""
        playing, requests = self._stage[IdentifyTable.PLAYING], self._stage[IdentifyTable.REQUESTS]
        return tuple(
            int(own[Playing.SOUND] if own[Playing.REQUEST] == request else request & 3)
            for own, request in zip(playing, requests, strict=True)
        )

    def _provide(self, speaker: int, sound: int) -> None:
        chain = self._chain
        label = chain.labels[speaker] if sound == SPOKEN else ""
        samples = _made(sound, chain.sample_rate_hz, chain.lfe[speaker], label)
        self._sounds[speaker, sound] = samples
        for table in self._tables:
            table[IdentifyTable.SOUNDS][speaker, sound - 1] = samples.ctypes.data, len(samples)
            store(table.word_address(IdentifyTable.ANY), 1)


_made = lru_cache(maxsize=64)(identifying_sound)
