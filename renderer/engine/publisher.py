"""Hands plans to the processor, by a triple buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.delay import DelayTable
from stemfield.renderer.dsp.equaliser import MAX_SECTIONS, EqualiserTable
from stemfield.renderer.dsp.night import NightTable
from stemfield.renderer.dsp.shared import STEPS, TARGETS, Shared
from stemfield.renderer.engine.memory import Memory, Word
from stemfield.renderer.engine.plan import NEVER, Targets
from stemfield.renderer.native import triple_buffer
from stemfield.renderer.native.operations import load


class Publisher:
    """The writing side of an engine's targets, for one thread at a time."""

    def __init__(self, memory: Memory, chain: Chain) -> None:
        self._memory = memory
        self._chain = chain
        self._sources = slice(0, int(memory.table[Shared.SOURCES]))
        self._middle = int(memory.table[Word.MIDDLE])
        self._back = self._published = 2
        self._plan: tuple[Targets, ...] = ()
        self._equalisers: Sequence[NDArray[np.float64]] = ()
        self._written: list[Sequence[NDArray[np.float64]] | None] = [None] * TARGETS

    @property
    def published(self) -> slice:
        """Rows of the arrays of targets of the plan published last."""
        first = self._published * STEPS
        return slice(first, first + len(self._plan))

    def publish(self, plan: Sequence[Targets]) -> None:
        """Publishes targets for now and for later. Never waits; the newest plan wins, as a whole.

        Args:
            plan: targets in the order of their frames, at most STEPS; the rest is left out.

        Raises:
            ValueError: delays that are too long, or too many sections.
        """
        plan = [self._completed(targets) for targets in plan]
        position, untaken = int(self._memory.table[Shared.POSITION]), bool(load(self._middle) & triple_buffer.DIRTY)
        if self._plan and plan[0].begin_frame > position:
            # The plan before ends with this one: what it has in force stays so until this one begins.
            plan.insert(0, self._in_force(position))
        plan = plan[:STEPS]
        before = enumerate(self._plan, self._published * STEPS)
        waiting = [(at, targets) for at, targets in before if untaken or targets.begin_frame >= position]
        for at, targets in enumerate(plan, self._back * STEPS):
            self._write(at, targets)
            # Rows on their way to the same gains keep their ramp.
            for earlier_at, earlier in waiting:
                if earlier.begin_frame <= targets.begin_frame:
                    self._keep_ramps(at, earlier_at)
            waiting.append((at, targets))
        begins = self._memory[Word.TARGET_BEGINS][self._back]
        begins[:] = NEVER
        begins[: len(plan)] = [0, *(targets.begin_frame for targets in plan[1:])]
        self._plan, self._published = tuple(plan), self._back
        self._back = triple_buffer.publish(self._middle, self._back)

    def _completed(self, targets: Targets) -> Targets:
        if targets.equalisers is None:
            return replace(targets, equalisers=self._equalisers)
        self._equalisers = targets.equalisers
        return targets

    def _in_force(self, position: int) -> Targets:
        return [self._plan[0], *(targets for targets in self._plan[1:] if targets.begin_frame <= position)][-1]

    def _write(self, at: int, targets: Targets) -> None:
        memory, chain, sources = self._memory, self._chain, self._sources
        gains, ramps, speakers = memory[Word.TARGET_GAINS][at], memory[Word.TARGET_RAMPS][at], chain.speakers
        gains[sources, :speakers] = targets.source_gains
        bass = 2 * speakers
        gains[sources, speakers:bass] = 0.0 if targets.diffuse_gains is None else targets.diffuse_gains
        gains[sources, bass] = 1.0 if targets.bass_gains is None else targets.bass_gains
        gains[sources, bass + 1 :] = 1.0 if targets.heard_together is None else targets.heard_together
        gains[-2, :speakers] = targets.speaker_gains * (chain.trims if targets.trims is None else targets.trims)
        gains[-1, :speakers] = targets.monitor_gain * targets.speaker_gains
        ramps[sources], ramps[-2:] = targets.ramp_frames, targets.speaker_ramp_frames
        delays_frames = chain.delays_frames if targets.delays_frames is None else targets.delays_frames
        longest = chain.max_delay_frames
        if delays_frames.min(initial=0) < 0 or delays_frames.max(initial=0) > longest:
            message = f"delays of {delays_frames.min()} to {delays_frames.max()} frames, must be 0 to {longest}"
            raise ValueError(message)
        memory.stage(DelayTable)[DelayTable.TARGETS][at] = delays_frames
        memory.stage(NightTable)[NightTable.TARGETS][at] = targets.night
        if targets.equalisers is not None and targets.equalisers is not self._written[at]:
            self._write_equalisers(at, targets.equalisers)

    def _write_equalisers(self, at: int, equalisers: Sequence[NDArray[np.float64]]) -> None:
        words = (EqualiserTable.TARGET_SECTIONS, EqualiserTable.TARGET_COUNTS, EqualiserTable.TARGET_VERSIONS)
        sections, counts, versions = (self._memory.stage(EqualiserTable)[word][at] for word in words)
        self._written[at] = equalisers
        counts[:], versions[:] = 0, 0
        for row, wanted in enumerate(equalisers):
            if len(wanted) > MAX_SECTIONS:
                message = f"source {row}: an equaliser has at most {MAX_SECTIONS} sections, not {len(wanted)}"
                raise ValueError(message)
            if len(wanted):
                sections[row, : len(wanted)] = wanted
                counts[row] = len(wanted)
                # A filter has the same number in every plan.
                versions[row] = hash(wanted.tobytes())

    def _keep_ramps(self, at: int, earlier: int) -> None:
        gains, ramps = self._memory[Word.TARGET_GAINS], self._memory[Word.TARGET_RAMPS]
        same = (gains[at] == gains[earlier]).all(axis=1)
        ramps[at][same] = ramps[earlier][same]
