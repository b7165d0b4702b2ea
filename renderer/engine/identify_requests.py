"""Which loudspeaker is looked for, and by what sound; each sound is made when it is first asked for."""

from __future__ import annotations

from functools import lru_cache

from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.identify import SEEN, SOUND, SOUNDS, SPOKEN, identifying_sound
from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine.memory import Memory
from stemfield.renderer.native.arrays import Floats
from stemfield.renderer.native.operations import store


class Finder:
    """Hands requests to the processor of one engine."""

    def __init__(self, memory: Memory, chain: Chain) -> None:
        self._memory = memory
        self._chain = chain
        self._sounds: dict[tuple[int, int], Floats] = {}

    def request(self, speaker: int, sound: int, level: float) -> None:
        """See `Engine.identify`.

        Raises:
            ValueError: there is no such loudspeaker or sound, or the level is not 0 to 1.
        """
        if not 0 <= speaker < self._chain.speakers:
            raise ValueError(f"loudspeaker {speaker}: there are {self._chain.speakers}")
        if not 0 <= sound <= SOUNDS or not 0.0 <= level <= 1.0:
            raise ValueError(f"sound {sound} at level {level}: must be 0 to {SOUNDS} at 0 to 1")
        if sound and (speaker, sound) not in self._sounds:
            self._provide(speaker, sound)
        chain = self._memory.chain
        chain[c.IDENTIFY_LEVELS][speaker] = level
        requests = chain[c.IDENTIFY_REQUESTS]
        store(requests[speaker:].ctypes.data, ((int(requests[speaker]) >> 2) + 1 << 2) + sound)

    @property
    def sounding(self) -> tuple[int, ...]:
        """Of each loudspeaker the sound by which it is found that it plays or is about to play; 0 is none."""
        chain = self._memory.chain
        words, requests = chain[c.IDENTIFY], chain[c.IDENTIFY_REQUESTS]
        return tuple(
            int(own[SOUND] if own[SEEN] == request else request & 3)
            for own, request in zip(words, requests, strict=True)
        )

    def _provide(self, speaker: int, sound: int) -> None:
        chain = self._chain
        label = chain.labels[speaker] if sound == SPOKEN else ""
        samples = _made(sound, chain.sample_rate_hz, chain.lfe[speaker], label)
        self._sounds[speaker, sound] = samples
        self._memory.chain[c.IDENTIFY_SOUNDS][speaker, sound - 1] = samples.ctypes.data, len(samples)
        store(self._memory.word_address(c.IDENTIFYING), 1)


_made = lru_cache(maxsize=64)(identifying_sound)
