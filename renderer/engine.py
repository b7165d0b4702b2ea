"""The engine: the memory of one block processor, and what control may do with it while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer import chain_memory as c
from stemfield.renderer import memory as m
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.equaliser import MAX_SECTIONS
from stemfield.renderer.finder import Finder
from stemfield.renderer.native import load, store, swap
from stemfield.renderer.processor import process
from stemfield.renderer.ring import Exchange
from stemfield.renderer.targets import DIRTY

FADE_S = 0.005
METER_PERIOD_S = 1 / 30
SHORTEST_TIMELINE = 1 << 17


def fade_frames(sample_rate_hz: int) -> int:
    """Length of the cross-fade between stems and mixture; the engine's latency exceeds the separator's by it."""
    return max(round(FADE_S * sample_rate_hz), 1)


@dataclass(frozen=True, slots=True)
class Counters:
    """What the processor has counted since the engine began."""

    position_frames: int
    """Frames of the timeline rendered."""
    calls: int
    bad_input: int
    """Input samples that were not a sound (NaN, infinite, absurdly loud) and were silenced."""
    bad_stems: int
    missing_frames: int
    """Frames that were played from the mixture because stems were wanted and missing."""
    cuts: int
    """Cross-fades that found no stem frames left: heard as a click."""
    player_gaps: int
    """Blocks in which the file player had too little."""


class Engine:
    """Renders blocks, and takes gains and music from control without waiting.

    Args:
        sample_rate_hz: of the driver.
        inputs: mixture channels the driver gives, 0 (only the player sounds), 1 or 2.
        direct: direct object inputs.
        speakers: loudspeaker feeds.
        stems: stereo stems of the separator.
        latency_frames: how far the stems run behind the mixture; at least the separator's own latency.
        chain: of the loudspeakers; what is panned to them is their feed when not given.

    Attributes:
        outputs: rows of a block of feeds: the loudspeakers, and two for the ears if the chain has a monitor.
        stem_latency_frames: how far the stems run behind the mixture.
        direct_latency_frames: how far the loudspeakers run behind the direct inputs.
        latency_frames: how far the loudspeakers run behind the mixture.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        inputs: int,
        direct: int,
        speakers: int,
        stems: int,
        latency_frames: int,
        chain: Chain | None = None,
    ) -> None:
        self.chain = Chain.plain(speakers, sample_rate_hz) if chain is None else chain
        if (self.chain.speakers, self.chain.sample_rate_hz) != (speakers, sample_rate_hz):
            message = f"a chain of {self.chain.speakers} loudspeakers at {self.chain.sample_rate_hz} Hz does not fit"
            raise ValueError(message)
        self.sample_rate_hz = sample_rate_hz
        self.stem_latency_frames = latency_frames
        self.direct_latency_frames = self.chain.latency_frames
        self.latency_frames = latency_frames + self.chain.latency_frames
        self.outputs = self.chain.outputs
        # A worker reads and writes within the latency, and that must be less than half of the timeline.
        self.exchange = Exchange.create(stems, max(SHORTEST_TIMELINE, 1 << (4 * latency_frames).bit_length() - 1))
        self.memory = m.Memory(
            inputs,
            direct,
            speakers,
            self.exchange,
            latency_frames,
            fade_frames(sample_rate_hz),
            round(METER_PERIOD_S * sample_rate_hz),
            self.chain,
        )
        self.sources = int(self.memory.table[m.SOURCES])
        self._back = self._published = 2
        self._block_inputs = np.zeros(max(inputs + direct, 1), np.int64)
        self._back_head, self._heads = 2, 0
        self._block_outputs = np.zeros(max(self.outputs, 1), np.int64)
        self._finder = Finder(self.memory, self.chain)

    def publish(
        self,
        source_gains: NDArray[np.float32],
        ramp_frames: NDArray[np.int64],
        speaker_gains: NDArray[np.float32],
        speaker_ramp_frames: int,
        *,
        diffuse_gains: NDArray[np.float32] | None = None,
        bass_gains: NDArray[np.float32] | None = None,
        trims: NDArray[np.float32] | None = None,
        delays_frames: NDArray[np.int64] | None = None,
        equalisers: Sequence[NDArray[np.float64]] | None = None,
    ) -> None:
        """Hands new gains to the processor, which ramps to them from wherever it is. Never waits; the newest wins.

        Args:
            source_gains: linear, shape (sources, speakers).
            ramp_frames: shape (sources,).
            speaker_gains: what the listener has set, linear, shape (speakers,); the monitor is subject to it too.
            speaker_ramp_frames: ramp of the loudspeakers' own gains.
            diffuse_gains: to the decorrelators, linear, shape (sources, speakers); none when not given.
            bass_gains: of what lies below the crossover of dual-band panning, shape (sources,); 1 when not given.
            trims: what the room asks for, linear, shape (speakers,); the chain's when not given.
            delays_frames: at most the chain's longest, shape (speakers,); the chain's when not given.
            equalisers: sections of every source, shape (at most 16, 5) each; as they are when not given.
        """
        memory, back, middle = self.memory, self._back, int(self.memory.table[m.MIDDLE])
        speakers = self.chain.speakers
        gains, ramps = memory.target_gains[back], memory.target_ramps[back]
        sources = slice(0, self.sources)
        gains[sources, :speakers] = source_gains
        gains[sources, speakers:-1] = 0.0 if diffuse_gains is None else diffuse_gains
        gains[sources, -1] = 1.0 if bass_gains is None else bass_gains
        gains[-2, :speakers] = speaker_gains * (self.chain.trims if trims is None else trims)
        gains[-1, :speakers] = speaker_gains
        ramps[sources], ramps[-2:] = ramp_frames, speaker_ramp_frames
        if load(middle) & DIRTY:
            # The last targets were not taken yet: rows that stay as they were then keep the ramp they were given.
            same = (gains == memory.target_gains[self._published]).all(axis=1)
            ramps[same] = memory.target_ramps[self._published][same]
        self._publish_delays(back, self.chain.delays_frames if delays_frames is None else delays_frames)
        self._publish_equalisers(back, equalisers)
        self._published = back
        self._back = swap(middle, back | DIRTY) & 3

    def _publish_delays(self, back: int, delays_frames: NDArray[np.int64]) -> None:
        longest = self.chain.max_delay_frames
        if delays_frames.min(initial=0) < 0 or delays_frames.max(initial=0) > longest:
            message = f"delays of {delays_frames.min()} to {delays_frames.max()} frames, must be 0 to {longest}"
            raise ValueError(message)
        self.memory.chain[c.TARGET_DELAYS][back] = delays_frames

    def _publish_equalisers(self, back: int, equalisers: Sequence[NDArray[np.float64]] | None) -> None:
        words = (c.TARGET_SECTIONS, c.TARGET_COUNTS, c.TARGET_VERSIONS)
        sections, counts, versions = (self.memory.chain[word] for word in words)
        for array in (sections, counts, versions):
            array[back] = array[self._published]
        for row, wanted in enumerate(equalisers or ()):
            if len(wanted) > MAX_SECTIONS:
                message = f"source {row}: an equaliser has at most {MAX_SECTIONS} sections, not {len(wanted)}"
                raise ValueError(message)
            if not np.array_equal(sections[back, row, : counts[back, row]], wanted):
                sections[back, row, : len(wanted)] = wanted
                counts[back, row] = len(wanted)
                versions[back, row] += 1

    def publish_head(self, filters: NDArray[np.float32]) -> None:
        """Hands new filters to the binaural monitor, which fades over to them. Never waits; the newest wins.

        Args:
            filters: of `dsp.binaural.monitor_filters`, shape (speakers, 2, taps of the chain's monitor).
        """
        back, memory = self._back_head, self.memory
        self._heads += 1
        memory.chain[c.MONITOR_TARGETS][back] = filters
        memory.chain[c.MONITOR_VERSIONS][back] = self._heads
        self._back_head = swap(int(memory.table[c.MONITOR_MIDDLE]), back | DIRTY) & 3

    def identify(self, speaker: int, sound: int, level: float) -> None:
        """Lets a loudspeaker be found by its sound, beside all that plays.

        Args:
            speaker: index in layout order.
            sound: `dsp.identify.NOISE`, `SWEEP`, or 0 to end what sounds.
            level: linear peak, 0..1.
        """
        self._finder.request(speaker, sound, level)

    def settle(self) -> None:
        """Puts the published gains in force without a ramp and the stems at full share: for the start of a file.

        The processor must not be running.
        """
        table = self.memory.table
        table[m.FADE_AT] = 0 if table[m.BYPASS] else table[m.FADE]
        self.memory.target_ramps[:] = 0
        self.exchange.restart_stems(-self.stem_latency_frames)
        self.exchange.write_stems(np.zeros((self.exchange.stems, 2, self.stem_latency_frames), np.float32))

    def process(self, inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> None:
        """Renders one block from Python: inputs (inputs + direct, n) to outputs (outputs, n), rows contiguous."""
        frames = outputs.shape[1]
        if outputs.shape[0] and inputs.shape[0] and inputs.shape[1] != frames:
            message = f"inputs have {inputs.shape[1]} frames, outputs {frames}"
            raise ValueError(message)
        _row_addresses(inputs, self._block_inputs)
        _row_addresses(outputs, self._block_outputs)
        process(self.memory.table_address, self._block_inputs.ctypes.data, self._block_outputs.ctypes.data, frames)

    def bypass(self, on: bool) -> None:
        """Cross-fades to the mixture and back."""
        self.memory.table[m.BYPASS] = int(on)

    def play(self, music: NDArray[np.float32]) -> int:
        """Offers music, shape (2, n), to the player; returns how many frames fitted."""
        end = int(self.memory.table[m.PLAYER_END])
        room = m.PLAYER_FRAMES - (end - int(load(self.memory.word_address(m.PLAYER_AT))))
        count = min(music.shape[1], room)
        at = end % m.PLAYER_FRAMES
        head = min(count, m.PLAYER_FRAMES - at)
        self.memory.player[:, at : at + head] = music[:, :head]
        self.memory.player[:, : count - head] = music[:, head:count]
        store(self.memory.word_address(m.PLAYER_END), end + count)
        return int(count)

    def playing(self, on: bool) -> None:
        """Says whether the player is meant to sound, so that gaps can be counted."""
        self.memory.table[m.PLAYING] = int(on)

    @property
    def stems_share(self) -> float:
        """0..1: how much of what sounds comes from the separator; the rest is the mixture as it is."""
        return float(self.memory.table[m.FADE_AT] / self.memory.table[m.FADE])

    def counters(self) -> Counters:
        """What happened so far."""
        table = self.memory.table
        calls = int(load(self.memory.word_address(m.CALLS)))
        words = (m.BAD_INPUT, m.BAD_STEMS, m.MISSING_FRAMES, m.CUTS, m.PLAYER_GAPS)
        return Counters(int(table[m.POSITION]), calls, *(int(table[word]) for word in words))

    def peaks(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Peaks of the last meter period: mixture (2,), sources (sources,), feeds (outputs,)."""
        return self._meters(self.memory.meter_peak)

    def rms(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Root mean squares of the last meter period: mixture (2,), sources (sources,), feeds (outputs,)."""
        return self._meters(np.sqrt(self.memory.meter_mean_squares))

    def _meters(
        self, values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        shown = values.copy()
        return shown[:2], shown[2 : 2 + self.sources], shown[2 + self.sources :]

    def call_times_s(self, last: int) -> NDArray[np.float64]:
        """Durations of the latest calls of the processor, oldest first, at most `last` and at most 65,536."""
        calls = int(load(self.memory.word_address(m.CALLS)))
        count = min(last, calls, m.TIMES)
        times: NDArray[np.int64] = self.memory.call_times[np.arange(calls - count, calls) % m.TIMES]
        return 1e-9 * times.astype(np.float64)


def _row_addresses(rows: NDArray[np.float32], addresses: NDArray[np.int64]) -> None:
    if rows.dtype != np.float32 or (rows.size and rows.strides[1] != 4):
        message = f"audio blocks are float32 with contiguous rows, not {rows.dtype} with strides {rows.strides}"
        raise ValueError(message)
    addresses[: rows.shape[0]] = rows.ctypes.data + rows.strides[0] * np.arange(rows.shape[0])
