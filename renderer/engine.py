"""The engine: the memory of one block processor, and what control may do with it while it runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer import memory as m
from stemfield.renderer.native import load, store, swap
from stemfield.renderer.processor import DIRTY, process
from stemfield.renderer.ring import Exchange

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
        latency_frames: how far the loudspeakers run behind the mixture; at least the separator's own latency.
    """

    def __init__(
        self, sample_rate_hz: int, inputs: int, direct: int, speakers: int, stems: int, latency_frames: int
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.latency_frames = latency_frames
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
        )
        self.sources = int(self.memory.table[m.SOURCES])
        self._back = self._published = 2
        self._block_inputs = np.zeros(max(inputs + direct, 1), np.int64)
        self._block_outputs = np.zeros(max(speakers, 1), np.int64)

    def publish(
        self,
        source_gains: NDArray[np.float32],
        ramp_frames: NDArray[np.int64],
        speaker_gains: NDArray[np.float32],
        speaker_ramp_frames: int,
    ) -> None:
        """Hands new gains to the processor, which ramps to them from wherever it is. Never waits; the newest wins.

        Args:
            source_gains: linear, shape (sources, speakers).
            ramp_frames: shape (sources,).
            speaker_gains: linear, shape (speakers,).
            speaker_ramp_frames: ramp of the loudspeakers' own gains.
        """
        memory, back, middle = self.memory, self._back, int(self.memory.table[m.MIDDLE])
        gains, ramps = memory.target_gains[back], memory.target_ramps[back]
        gains[:-1], gains[-1] = source_gains, speaker_gains
        ramps[:-1], ramps[-1] = ramp_frames, speaker_ramp_frames
        if load(middle) & DIRTY:
            # The last targets were not taken yet: rows that stay as they were then keep the ramp they were given.
            same = (gains == memory.target_gains[self._published]).all(axis=1)
            ramps[same] = memory.target_ramps[self._published][same]
        self._published = back
        self._back = swap(middle, back | DIRTY) & 3

    def settle(self) -> None:
        """Puts the published gains in force without a ramp and the stems at full share: for the start of a file.

        The processor must not be running.
        """
        table = self.memory.table
        table[m.FADE_AT] = 0 if table[m.BYPASS] else table[m.FADE]
        self.memory.target_ramps[:] = 0
        self.exchange.restart_stems(-self.latency_frames)
        self.exchange.write_stems(np.zeros((self.exchange.stems, 2, self.latency_frames), np.float32))

    def process(self, inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> None:
        """Renders one block from Python: inputs (inputs + direct, n) to outputs (speakers, n), rows contiguous."""
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
        """Peaks of the last meter period: mixture (2,), sources (sources,), loudspeakers (speakers,)."""
        peaks = self.memory.meter_peak.copy()
        return peaks[:2], peaks[2 : 2 + self.sources], peaks[2 + self.sources :]

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
