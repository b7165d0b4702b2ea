"""The memory of one engine's loudspeaker chain, and the words of the table that point at it.

Arrays of a feature that the chain lacks have no length in its direction, and the words that count it are 0.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp import binaural, decorrelator, delay, equaliser, identify, limiter
from stemfield.renderer.dsp.bank import banks, identity
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.equaliser import EQUALISER_WORDS, MAX_SECTIONS
from stemfield.renderer.dsp.fft import plan
from stemfield.renderer.dsp.fir import HEAD
from stemfield.renderer.dsp.leakage import KINDS
from stemfield.renderer.engine.plan import TARGETS
from stemfield.renderer.simd import DOUBLES

# Shape
OUTPUTS, COLUMNS, OWN_ROW, MONITOR_ROW = 96, 97, 98, 99
ALIGN, DECORRELATOR_RING, DELAY_RING, MAX_SPEAKER_SECTIONS = 100, 101, 102, 103
BASS, DUAL_BAND, LIMITED_GROUPS, LIMITER_WINDOW, LIMITER_QUEUE, LIMITER_STEP = 104, 105, 106, 107, 108, 109
MONITOR_TAPS, EQUALISER_FADE, DELAY_FADE, MONITOR_FADE, IDENTIFY_FADE = 110, 111, 112, 113, 114
IDENTIFYING = 115
# State
QUIET_FRAMES, MONITOR_FRONT = 118, 119
# Addresses: working arrays
WORK, WORK_FLOATS, DIFFUSE_BUS, MONITOR_BUS = 120, 121, 122, 123
# Sources
EQUALISERS, EQUALISER_SECTIONS, EQUALISER_STATES = 124, 125, 126
TARGET_SECTIONS, TARGET_COUNTS, TARGET_VERSIONS, TARGET_DELAYS = 127, 128, 129, 130
DUAL_LOW, DUAL_HIGH, DUAL_STATES = 131, 132, 133
# Loudspeakers
ALIGN_LINES, DECORRELATOR_DELAYS, DECORRELATOR_GAINS, DECORRELATOR_RINGS = 134, 135, 136, 137
BASS_WEIGHTS, BASS_LOW, BASS_ALLPASS, BASS_STATES, BASS_LFE_GAIN = 138, 139, 140, 141, 142
SPEAKER_COUNTS, SPEAKER_SECTIONS, SPEAKER_STATES = 143, 144, 145
CORRECTIONS, FFT_ORDER, FFT_COSINES, FFT_SINES, FFT_WORK = 146, 147, 148, 149, 150
DELAYS, DELAY_RINGS = 151, 152
IDENTIFY, IDENTIFY_REQUESTS, IDENTIFY_LEVELS, IDENTIFY_SOUNDS = 153, 154, 155, 156
# Outputs
CEILINGS, LIMITER_GROUPS, LIMITER_WORDS, LIMITER_QUEUES, LIMITER_PAST, LIMITER_LINES = 157, 158, 159, 160, 161, 162
MONITOR_MIDDLE, MONITOR_TARGETS, MONITOR_VERSIONS, MONITOR_WORDS = 163, 164, 165, 166
MONITOR_FILTERS, MONITOR_HISTORIES, MONITOR_IDENTIFY, SPEAKER_LFE = 167, 168, 169, 170
FRAMES = 171

PARTS, FIR_HEAD, FIR_HISTORY, FIR_TAIL, FIR_SPECTRA, FIR_REAL, FIR_IMAGINARY, CORRECTION_WORDS = range(8)
"""Words of one loudspeaker's correction: its partitions (-1: none) and the addresses of its arrays."""

OWN_COLUMNS: Final = 1 + KINDS
"""Columns that follow those of the loudspeakers, direct and diffuse: the gain of the bass in dual-band panning, and how
much of what instruments have in common is heard together."""


class ChainMemory:
    """The arrays of one chain.

    Args:
        chain: what is to be done.
        sources: rows of the gain matrix.
        chunk: frames that are processed at once.
        room: of a row of a bus, frames.

    Attributes:
        arrays: by word.
        numbers: values by word.
        corrections: what the words of the corrections point at.
    """

    def __init__(self, chain: Chain, sources: int, chunk: int, room: int) -> None:
        self.corrections: list[NDArray[Any]] = []
        speakers, rate_hz = chain.speakers, chain.sample_rate_hz
        counts = [len(sections) for sections in chain.equalisers]
        window = chain.look_ahead_frames + 1
        self.numbers: dict[int, int] = {
            OUTPUTS: chain.outputs,
            COLUMNS: 2 * speakers + OWN_COLUMNS,
            OWN_ROW: sources,
            MONITOR_ROW: sources + 1,
            ALIGN: chain.align_frames,
            DECORRELATOR_RING: decorrelator.ring_frames(rate_hz, chunk),
            DELAY_RING: _power_of_two(chain.max_delay_frames + chunk + 1) if chain.max_delay_frames else 0,
            MAX_SPEAKER_SECTIONS: max(counts, default=0),
            BASS: int(chain.bass is not None),
            DUAL_BAND: int(chain.dual_band is not None),
            LIMITED_GROUPS: 0,
            LIMITER_WINDOW: window,
            LIMITER_QUEUE: limiter.queue_frames(window),
            LIMITER_STEP: limiter.release_step(rate_hz),
            MONITOR_TAPS: chain.monitor_taps,
            EQUALISER_FADE: round(equaliser.FADE_S * rate_hz),
            DELAY_FADE: round(delay.FADE_S * rate_hz),
            MONITOR_FADE: round(binaural.FADE_S * rate_hz),
            IDENTIFY_FADE: round(identify.FADE_S * rate_hz),
            QUIET_FRAMES: decorrelator.RINGING * chain.align_frames + chunk,
        }
        self.arrays: dict[int, NDArray[Any]] = {
            WORK: np.zeros((2, chunk)),
            WORK_FLOATS: np.zeros((2, chunk), np.float32),
            FRAMES: np.zeros((chunk, DOUBLES)),
            **self._source_arrays(chain, sources),
            **self._bus_arrays(chain, chunk, room),
            **self._speaker_arrays(chain, counts, chunk),
            **self._limiter_arrays(chain, window, chunk),
            **self._monitor_arrays(chain, chunk, room),
        }

    def _source_arrays(self, chain: Chain, sources: int) -> dict[int, NDArray[Any]]:
        words = np.zeros((sources, EQUALISER_WORDS), np.int64)
        words[:, equaliser.FADED] = self.numbers[EQUALISER_FADE]
        dual = chain.dual_band
        return {
            EQUALISERS: words,
            EQUALISER_SECTIONS: np.stack([identity(sources, MAX_SECTIONS)] * 2, axis=1),
            EQUALISER_STATES: np.zeros((banks(sources), 2, MAX_SECTIONS, 2, DOUBLES)),
            TARGET_SECTIONS: np.zeros((TARGETS, sources, MAX_SECTIONS, 5)),
            TARGET_COUNTS: np.zeros((TARGETS, sources), np.int64),
            TARGET_VERSIONS: np.zeros((TARGETS, sources), np.int64),
            DUAL_LOW: np.zeros((2, 5)) if dual is None else dual.low.copy(),
            DUAL_HIGH: np.zeros((2, 5)) if dual is None else dual.high.copy(),
            DUAL_STATES: np.zeros((sources, 4, 2)),
        }

    def _bus_arrays(self, chain: Chain, chunk: int, room: int) -> dict[int, NDArray[Any]]:
        speakers, ring, given = chain.speakers, self.numbers[DECORRELATOR_RING], chain.decorrelators
        return {
            DIFFUSE_BUS: np.zeros((speakers, room), np.float32),
            ALIGN_LINES: np.zeros((speakers, chain.align_frames + chunk), np.float32),
            DECORRELATOR_DELAYS: np.array([d.delays for d in given], np.int64),
            DECORRELATOR_GAINS: np.array([d.gains for d in given], np.float32),
            DECORRELATOR_RINGS: np.zeros((len(given), decorrelator.STAGES, ring), np.float32),
        }

    def _speaker_arrays(self, chain: Chain, counts: list[int], chunk: int) -> dict[int, NDArray[Any]]:
        speakers, bass = chain.speakers, chain.bass
        sections = identity(speakers, max(counts, default=0))
        for s, given in enumerate(chain.equalisers):
            sections[s // DOUBLES, : len(given), :, s % DOUBLES] = given
        taps = np.zeros((speakers, delay.DELAY_WORDS), np.int64)
        taps[:, delay.TAP] = chain.delays_frames
        taps[:, delay.TAP_FADED] = self.numbers[DELAY_FADE]
        fourier = plan(2 * HEAD)
        return {
            BASS_WEIGHTS: np.zeros((speakers, speakers), np.float32) if bass is None else bass.weights.copy(),
            BASS_LOW: np.zeros((2, 5)) if bass is None else bass.crossover.low.copy(),
            BASS_ALLPASS: np.zeros((1, 5)) if bass is None else bass.crossover.allpass.copy(),
            BASS_LFE_GAIN: np.array([0.0 if bass is None else bass.lfe_gain]),
            BASS_STATES: np.zeros((speakers, 3, 2)),
            SPEAKER_LFE: np.array(chain.lfe, np.int64),
            SPEAKER_COUNTS: np.array([max(counts[s : s + DOUBLES]) for s in range(0, speakers, DOUBLES)], np.int64),
            SPEAKER_SECTIONS: sections,
            SPEAKER_STATES: np.zeros((*sections.shape[:2], 2, DOUBLES)),
            CORRECTIONS: self._correction_words(chain, chunk),
            FFT_ORDER: fourier.order,
            FFT_COSINES: fourier.cosines,
            FFT_SINES: fourier.sines,
            FFT_WORK: np.zeros((2, 2 * HEAD)),
            DELAYS: taps,
            DELAY_RINGS: np.zeros((speakers, self.numbers[DELAY_RING]), np.float32),
            TARGET_DELAYS: np.tile(chain.delays_frames, (TARGETS, 1)),
            IDENTIFY: np.zeros((speakers, identify.IDENTIFY_WORDS), np.int64),
            IDENTIFY_REQUESTS: np.zeros(speakers, np.int64),
            IDENTIFY_LEVELS: np.zeros(speakers, np.float32),
            IDENTIFY_SOUNDS: np.zeros((speakers, identify.SOUNDS, 2), np.int64),
        }

    def _correction_words(self, chain: Chain, chunk: int) -> NDArray[np.int64]:
        words = np.full((chain.speakers, CORRECTION_WORDS), -1, np.int64)
        for row, given in zip(words, chain.corrections, strict=True):
            if given is None:
                continue
            parts = len(given.real)
            arrays = (
                given.head.copy(),
                np.zeros(HEAD - 1 + chunk, np.float32),
                np.zeros((3, HEAD)),
                np.zeros((2, parts, HEAD + 1)),
                given.real.copy(),
                given.imaginary.copy(),
            )
            self.corrections.extend(arrays)
            row[PARTS] = parts
            row[FIR_HEAD:] = [array.ctypes.data for array in arrays]
        return words

    def _limiter_arrays(self, chain: Chain, window: int, chunk: int) -> dict[int, NDArray[Any]]:
        settings, queue, ears = chain.limiter, self.numbers[LIMITER_QUEUE], chain.outputs - chain.speakers
        if settings is None:
            groups, ceilings = np.zeros(0, np.int64), np.zeros(0, np.float32)
        else:
            # The ears share a group of their own.
            last = int(settings.groups.max(initial=0)) + 1
            groups = np.concatenate([settings.groups, np.full(ears, last, np.int64)])
            ceilings = np.concatenate([settings.ceilings, np.ones(ears, np.float32)])
            self.numbers[LIMITED_GROUPS] = last + (ears > 0)
        count = self.numbers[LIMITED_GROUPS]
        return {
            CEILINGS: ceilings,
            LIMITER_GROUPS: groups,
            LIMITER_WORDS: np.tile(limiter.gain_words(window), (count, 1)),
            LIMITER_QUEUES: np.zeros((count, 2, queue), np.int64),
            LIMITER_PAST: np.full((count, queue), limiter.UNITY, np.int64),
            LIMITER_LINES: np.zeros((len(groups), window - 1 + chunk), np.float32),
        }

    def _monitor_arrays(self, chain: Chain, chunk: int, room: int) -> dict[int, NDArray[Any]]:
        taps = chain.monitor_taps
        speakers = chain.speakers if taps else 0
        words = np.zeros(binaural.MONITOR_WORDS, np.int64)
        words[binaural.HEAD_FADED] = self.numbers[MONITOR_FADE]
        return {
            MONITOR_BUS: np.zeros((speakers, room), np.float32),
            MONITOR_MIDDLE: np.ones(1, np.int64),
            MONITOR_TARGETS: np.zeros((3, speakers, 2, taps), np.float32),
            MONITOR_VERSIONS: np.zeros(3, np.int64),
            MONITOR_WORDS: words,
            MONITOR_FILTERS: np.zeros((2, speakers, 2, taps), np.float32),
            MONITOR_IDENTIFY: np.zeros((speakers, identify.IDENTIFY_WORDS), np.int64),
            MONITOR_HISTORIES: np.zeros((speakers, max(taps - 1, 0) + chunk), np.float32),
        }


def _power_of_two(least: int) -> int:
    return 1 << math.ceil(math.log2(least))
