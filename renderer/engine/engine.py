"""The engine: the memory of one block processor, and what control may do with it while it runs.

`process` renders a block; everything else may be called from another thread meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.binaural import MonitorTable
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.equaliser import EqualiserTable
from stemfield.renderer.dsp.limiter import LimiterTable
from stemfield.renderer.dsp.output_fade import FadeTable
from stemfield.renderer.dsp.programme import ProgrammeTable, Steps, steps_after
from stemfield.renderer.dsp.shared import Shared
from stemfield.renderer.engine.bad_samples import BadSamples
from stemfield.renderer.engine.capture import Capture, CaptureTable
from stemfield.renderer.engine.identify_requests import IdentifyRequests
from stemfield.renderer.engine.memory import (
    METER_KEPT,
    PLAYER_FRAMES,
    STARTS,
    TIMES,
    Memory,
    Word,
    sources_of,
)
from stemfield.renderer.engine.plan import Targets
from stemfield.renderer.engine.processor import process
from stemfield.renderer.engine.publisher import Publisher
from stemfield.renderer.engine.stages import STAGES
from stemfield.renderer.native import triple_buffer
from stemfield.renderer.native.operations import load, store
from stemfield.renderer.timeline import Timeline

FADE_S = 0.005
SHORTEST_TIMELINE = 1 << 17
BELIEVED_CALLS = 16
RECENT_NS = 500_000_000
"""Age up to which calls tell when the next one is due."""


def fade_frames(sample_rate_hz: int) -> int:
    """Length of the cross-fade between stems and mixture; the engine's latency exceeds the separator's by it."""
    return max(round(FADE_S * sample_rate_hz), 1)


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of the processor since the start of the engine."""

    position_frames: int
    """Frames of the timeline rendered."""
    calls: int
    bad_input: int
    """Invalid input samples (NaN, infinite, absurdly loud), which were silenced; the player's too."""
    bad_stems: int
    missing_frames: int
    """Frames played from the mixture because stems were missing."""
    cuts: int
    """Cross-fades without stem frames to fade with: heard as a click."""
    player_gaps: int
    """Blocks for which the file player had too little."""


@dataclass(frozen=True, slots=True)
class Meters:
    """Measurements of some meter periods of `METER_PERIOD_S`, oldest first, linear.

    The columns of peaks and powers: mixture (2), sources after their equalisers (sources), feeds (outputs).
    """

    periods: int
    """Number of periods since the start of the engine."""
    peaks: NDArray[np.float32]
    """Shape (periods, columns)."""
    mean_squares: NDArray[np.float32]
    """Shape (periods, columns)."""
    limits: NDArray[np.float32]
    """Lowest gain of each output's limiter, shape (periods, outputs)."""


class Engine:
    """Renders blocks, and takes gains and music from control without waiting.

    Args:
        sample_rate_hz: sample rate of the driver.
        inputs: number of mixture channels: 0 (only the player sounds), 1 or 2.
        direct: number of direct object inputs, or for each one whether it is to be as late as the stems.
        speakers: number of loudspeaker feeds.
        stems: number of stereo stems of the separator; 0 for an engine that plays the mixture as it is.
        latency_frames: delay of the stems behind the mixture: at least the separator's latency, 0 without one.
        chain: loudspeaker chain; by default what is panned to a loudspeaker is its feed.

    Attributes:
        outputs: rows of a block of feeds: the loudspeakers, and two for the ears if the chain has a monitor.
        stem_latency_frames: delay of the stems behind the mixture.
        direct_latency_frames: delay of the loudspeakers behind the direct inputs.
        latency_frames: delay of the loudspeakers behind the mixture.
        input_latencies_frames: delay of the loudspeakers behind each input.
        late_frames: additional latency of each output: that of the binaural filters.
        publisher: takes plans of gains.
        identify: requests of sounds that identify loudspeakers.
        capture: a ring of what the sources play, for recordings.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        inputs: int,
        direct: int | Sequence[bool],
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
        self.late_frames = self.chain.late_frames
        # A worker reads and writes within the latency, which must be less than half of the timeline.
        frames = max(SHORTEST_TIMELINE, 1 << (4 * latency_frames | 1).bit_length() - 1)
        self.timeline = Timeline.create(stems, frames, sample_rate_hz)
        late = (False,) * direct if isinstance(direct, int) else tuple(direct)
        self.sources = sources_of(stems, len(late))
        self.input_latencies_frames = (self.latency_frames,) * inputs + tuple(
            self.latency_frames if each else self.direct_latency_frames for each in late
        )
        self.memory = Memory(
            inputs,
            late,
            self.timeline,
            latency_frames,
            fade_frames(sample_rate_hz),
            self.chain,
            [stage.state(self.chain, self.sources) for stage in STAGES],
        )
        self._fade = self.memory.stage(FadeTable)
        self.bypass(False)
        self.publisher = Publisher(self.memory, self.chain)
        self._block_inputs = np.zeros(max(inputs + len(late), 1), np.int64)
        self._back_head, self._heads = 2, 0
        self._block_outputs = np.zeros(max(self.outputs, 1), np.int64)
        self.identify = IdentifyRequests(self.memory, self.chain)
        self.capture = Capture(self.memory, self.memory.stage(CaptureTable))

    def publish(
        self,
        source_gains: NDArray[np.float32],
        ramp_frames: NDArray[np.int64],
        speaker_gains: NDArray[np.float32],
        speaker_ramp_frames: int,
        **further: Any,
    ) -> None:
        """Publishes targets that apply at once: a plan of one, with the fields of `Targets`."""
        self.publisher.publish([Targets(source_gains, ramp_frames, speaker_gains, speaker_ramp_frames, **further)])

    def frame_at(self, monotonic_s: float) -> int:
        """The position whose gains are heard in the feeds that belong to a time; 0 if nothing calls the processor.

        A block belongs to the time at which its call was due. Calls may be late, never early, so the least late of the
        last ones counts.

        Args:
            monotonic_s: a recent or near future time of `time.monotonic`; the result is 0 for an older one.
        """
        if monotonic_s < time.monotonic() - 1e-9 * RECENT_NS:
            return 0
        calls = int(load(self.memory.word_address(Word.CALLS)))
        starts = self.memory[Word.CALL_STARTS][np.arange(max(calls - BELIEVED_CALLS, 0), calls) % STARTS]
        starts = starts[starts[:, 1] > time.monotonic_ns() - RECENT_NS]
        if not len(starts):
            return 0
        due_s = 1e-9 * starts[:, 1] - starts[:, 0] / self.sample_rate_hz
        return round((monotonic_s - float(due_s.min())) * self.sample_rate_hz) - self.chain.latency_frames

    def publish_head(self, filters: NDArray[np.float32]) -> None:
        """Publishes filters for the binaural monitor, which cross-fades to them. Never waits; the newest wins.

        Args:
            filters: result of `dsp.binaural.monitor_filters`, shape (speakers, 2, taps of the chain's monitor).
        """
        back, monitor = self._back_head, self.memory.stage(MonitorTable)
        self._heads += 1
        monitor[MonitorTable.TARGETS][back] = filters
        monitor[MonitorTable.VERSIONS][back] = self._heads
        self._back_head = triple_buffer.publish(int(monitor.table[MonitorTable.MIDDLE]), back)

    def settle(self) -> None:
        """Applies the published gains without a ramp and the stems at full share, for the start of a file.

        The processor must not be running.
        """
        table = self.memory.table
        table[Word.FADE_AT] = 0 if table[Word.BYPASS] else table[Word.FADE]
        self.memory[Word.TARGET_RAMPS][:] = 0
        self.timeline.restart_stems(-self.stem_latency_frames)
        self.timeline.write_stems(np.zeros((self.timeline.stems, 2, self.stem_latency_frames), np.float32))

    def silence(self) -> None:
        """Silences the outputs at once, until `fade_in`, before a driver starts. The processor must not be running."""
        self._fade.table[FadeTable.AT] = self._fade.table[FadeTable.SOUNDING] = 0

    def fade_in(self) -> None:
        """Fades silent outputs in over half a second, as soon as the current mixture has reached them."""
        self._fade.table[FadeTable.HOLD] = self.latency_frames
        store(self._fade.word_address(FadeTable.SOUNDING), 1)

    def fade_out(self) -> None:
        """Fades the outputs out over 50 ms, until `fade_in`, before a driver ends."""
        store(self._fade.word_address(FadeTable.SOUNDING), 0)

    @property
    def is_silent(self) -> bool:
        """Whether the outputs are faded out."""
        return int(self._fade.table[FadeTable.AT]) == 0

    def process(self, inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> None:
        """Renders one block from Python: inputs (inputs + direct, n) to outputs (outputs, n), rows contiguous."""
        frames = outputs.shape[1]
        if outputs.shape[0] and inputs.shape[0] and inputs.shape[1] != frames:
            message = f"inputs have {inputs.shape[1]} frames, outputs {frames}"
            raise ValueError(message)
        _row_addresses(inputs, self._block_inputs)
        _row_addresses(outputs, self._block_outputs)
        process(self.memory.address, self._block_inputs.ctypes.data, self._block_outputs.ctypes.data, frames)

    def bypass(self, on: bool) -> None:
        """Cross-fades to the mixture and back; without stems the mixture plays anyway."""
        self.memory.table[Word.BYPASS] = int(on or self.timeline.stems == 0)

    def play(self, music: NDArray[np.float32]) -> int:
        """Offers music, shape (2, n), to the player; returns the number of frames that fitted."""
        end = int(self.memory.table[Word.PLAYER_END])
        room = PLAYER_FRAMES - (end - int(load(self.memory.word_address(Word.PLAYER_AT))))
        count = min(music.shape[1], room)
        at = end % PLAYER_FRAMES
        head = min(count, PLAYER_FRAMES - at)
        self.memory[Word.PLAYER_RING][:, at : at + head] = music[:, :head]
        self.memory[Word.PLAYER_RING][:, : count - head] = music[:, head:count]
        store(self.memory.word_address(Word.PLAYER_END), end + count)
        return int(count)

    def set_input_gain(self, gain_db: float, *, at_once: bool = False) -> None:
        """Moves the gain of the mixture and the player, by 6 dB a second, or at once while nothing is being rendered.

        Their own meters show them without it.
        """
        gain = 10.0 ** (gain_db / 20.0)
        self.memory[Word.INPUT_GOAL][0] = gain
        if at_once:
            self.memory[Word.INPUT_GAIN][0] = gain

    def playing(self, on: bool) -> None:
        """Sets whether the player is meant to sound, so that gaps can be counted."""
        self.memory.table[Word.PLAYING] = int(on)

    def is_ready(self, frames: int) -> bool:
        """Whether all stems, and the music of a playing player, are available for a block of `frames`."""
        table = self.memory.table
        music = int(load(self.memory.word_address(Word.PLAYER_END))) - int(
            load(self.memory.word_address(Word.PLAYER_AT))
        )
        ahead = self.timeline.stems_end() - (int(table[Shared.POSITION]) - self.stem_latency_frames)
        return ahead >= frames + int(table[Word.FADE]) and (not table[Word.PLAYING] or music >= frames)

    @property
    def stems_share(self) -> float:
        """Share of the stems in the sound, 0..1; the rest is the mixture as it is."""
        return float(self.memory.table[Word.FADE_AT] / self.memory.table[Word.FADE])

    def counters(self) -> Counters:
        """The counters so far."""
        table = self.memory.table
        calls = int(load(self.memory.word_address(Word.CALLS)))
        bad = self.bad_samples()
        counts = (int(table[word]) for word in (Word.MISSING_FRAMES, Word.CUTS, Word.PLAYER_GAPS))
        return Counters(int(table[Shared.POSITION]), calls, sum(bad.inputs) + bad.player, sum(bad.stems), *counts)

    def bad_samples(self) -> BadSamples:
        """Counts of invalid samples so far."""
        memory, inputs = self.memory, int(self.memory.table[Word.INPUTS])
        sources = memory.stage(EqualiserTable)[EqualiserTable.BAD]
        outputs = memory.stage(LimiterTable)[LimiterTable.BAD]
        return BadSamples(
            (*memory[Word.BAD_MIXTURE][:inputs].tolist(), *memory[Word.BAD_DIRECT].tolist()),
            int(memory[Word.BAD_PLAYER].sum()),
            tuple(memory[Word.BAD_STEMS].reshape(-1, 2).sum(axis=1).tolist()),
            int(sources.sum() + outputs.sum()),
        )

    def meters(self) -> Meters:
        """Measurements of the last two seconds; may be called from any thread."""
        memory = self.memory
        periods = int(load(memory.word_address(Word.METER_PERIODS)))
        # The oldest may be overwritten at any moment.
        slots = np.arange(max(periods - METER_KEPT + 2, 0), periods) % METER_KEPT
        return Meters(
            periods,
            memory[Word.METER_PEAKS][slots],
            memory[Word.METER_MEAN_SQUARES][slots],
            self._by_output(memory[Word.METER_LIMITS][slots]),
        )

    def loudness_steps(self, after: int) -> Steps:
        """What was measured for loudness after a number of steps, of the last 40 s; may be called from any thread."""
        return steps_after(self.memory.stage(ProgrammeTable), after)

    @property
    def position(self) -> int:
        """Number of rendered frames; while nothing is being rendered."""
        return int(self.memory.table[Shared.POSITION])

    def unfinished(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Limits and peaks of the current meter period, as in a row of `meters`; while nothing is being rendered."""
        return self._by_output(self.memory[Shared.LOWEST_GAINS]), self.memory[Shared.PEAKS].copy()

    def _by_output(self, gains: NDArray[np.float32]) -> NDArray[np.float32]:
        """The gain of each output, from those of the limiter's groups in the last axis."""
        limiter = self.chain.output_limiter
        if limiter is None:
            return np.ones((*gains.shape[:-1], self.outputs), np.float32)
        return gains[..., limiter.groups]

    def call_times_s(self, last: int) -> NDArray[np.float64]:
        """Durations of the latest calls of the processor, oldest first, at most `last` and at most 65,536."""
        calls = int(load(self.memory.word_address(Word.CALLS)))
        count = min(last, calls, TIMES)
        times: NDArray[np.int64] = self.memory[Word.CALL_TIMES][np.arange(calls - count, calls) % TIMES]
        return 1e-9 * times.astype(np.float64)


def _row_addresses(rows: NDArray[np.float32], addresses: NDArray[np.int64]) -> None:
    if rows.dtype != np.float32 or (rows.size and rows.strides[1] != 4):
        message = f"audio blocks are float32 with contiguous rows, not {rows.dtype} with strides {rows.strides}"
        raise ValueError(message)
    addresses[: rows.shape[0]] = rows.ctypes.data + rows.strides[0] * np.arange(rows.shape[0])
