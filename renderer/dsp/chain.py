"""What happens to sound between the panner and the loudspeakers, as one frozen value made from a layout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from stemfield.layouts.chain import SPEED_OF_SOUND_M_S, bass_weights, speaker_delays_s, speaker_trims
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.dsp import decorrelator, limiter
from stemfield.renderer.dsp.biquad import butterworth4, sections
from stemfield.renderer.dsp.crossover import DUAL_BAND_HZ, Crossover, linkwitz_riley
from stemfield.renderer.dsp.decorrelator import Decorrelator
from stemfield.renderer.dsp.fir import FirError, Partitions, load_fir, partition
from stemfield.renderer.native.arrays import Doubles, Floats, Words

WALK_M: Final = 5.0
"""How far off the centre the listener may go before delays are no longer exact."""
NO_SECTIONS: Final = np.zeros((0, 5))


@dataclass(frozen=True, slots=True, eq=False)
class Bass:
    """Bass management."""

    weights: Floats
    """Row: the subwoofer. Column: whose bass it plays. Shape (loudspeakers, loudspeakers)."""
    crossover: Crossover
    lfe_gain: float
    """Linear, of what is sent to an LFE itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Limiter:
    """The limiter's settings."""

    ceilings: Floats
    """Linear, shape (loudspeakers,)."""
    groups: Words
    """Loudspeakers with the same number share a gain; shape (loudspeakers,), counted from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The loudspeaker chain of a room at one sample rate. What is None or empty costs nothing."""

    sample_rate_hz: int
    lfe: tuple[bool, ...]
    """Of every loudspeaker."""
    equalisers: tuple[Doubles, ...]
    """Sections of every loudspeaker, shape (any, 5)."""
    corrections: tuple[Partitions | None, ...]
    trims: Floats
    """Linear, negative where the polarity is inverted; shape (loudspeakers,)."""
    delays_frames: Words
    """Shape (loudspeakers,)."""
    max_delay_frames: int
    """0: no delay lines."""
    bass: Bass | None = None
    dual_band: Crossover | None = None
    decorrelators: tuple[Decorrelator, ...] = ()
    limiter: Limiter | None = None
    monitor_taps: int = 0
    """Length of the binaural monitor's filters; 0: no monitor."""
    monitor_late_frames: int = 0
    """How much later than the loudspeakers the ears are, by the delay within the filters."""
    labels: tuple[str, ...] = ()
    """Of the loudspeakers, as they are spoken."""

    @classmethod
    def plain(cls, speakers: int, sample_rate_hz: int) -> Self:
        """No chain at all: what is panned to a loudspeaker is its feed."""
        nothing = (NO_SECTIONS,) * speakers
        none = np.zeros(speakers, np.int64)
        ones = np.ones(speakers, np.float32)
        lfe, labels = (False,) * speakers, tuple(str(number + 1) for number in range(speakers))
        return cls(sample_rate_hz, lfe, nothing, (None,) * speakers, ones, none, 0, labels=labels)

    @property
    def speakers(self) -> int:
        """How many loudspeakers."""
        return len(self.equalisers)

    @property
    def outputs(self) -> int:
        """Loudspeaker feeds, and the two ears if they are wanted."""
        return self.speakers + (2 if self.monitor_taps else 0)

    @property
    def align_frames(self) -> int:
        """By how much direct sound is delayed to come with diffuse sound."""
        return decorrelator.order_frames(self.sample_rate_hz) if self.decorrelators else 0

    @property
    def look_ahead_frames(self) -> int:
        """By how much the limiter delays all."""
        return limiter.look_ahead_frames(self.sample_rate_hz) if self.limiter is not None else 0

    @property
    def latency_frames(self) -> int:
        """By how much the chain delays all loudspeakers alike, apart from their own delays and corrections."""
        return self.align_frames + self.look_ahead_frames

    @property
    def late_frames(self) -> tuple[int, ...]:
        """By how much each output is behind `latency_frames`: loudspeakers not at all, ears by their filters."""
        return (0,) * self.speakers + (self.monitor_late_frames,) * (self.outputs - self.speakers)

    def monitored(self, taps: int, late_frames: int = 0) -> Chain:
        """The same with a binaural monitor of so many taps, a multiple of 8, whose filters delay by `late_frames`."""
        return replace(self, monitor_taps=taps, monitor_late_frames=late_frames)


def design_chain(layout: Layout, sample_rate_hz: int, *, diffuse: bool = True, limit: bool = True) -> Chain:
    """The chain that a layout asks for.

    Args:
        layout: the room.
        sample_rate_hz: of the engine.
        diffuse: whether diffuse sound is possible: it delays direct sound by 4 ms.
        limit: whether feeds are limited, to full scale or to `max_level_db`: it delays by 1.5 ms.

    Raises:
        FirError: correction filters that cannot be used, every reason at once.
    """
    bass = None
    managed = [False] * len(layout.speakers)
    if layout.bass_management is not None:
        crossover = linkwitz_riley(layout.bass_management.crossover_hz, sample_rate_hz)
        weights = bass_weights(layout)
        managed = [bool(column.any()) for column in weights.T]
        bass = Bass(weights.astype(np.float32), crossover, 10 ** (layout.bass_management.lfe_gain_db / 20))
    delays = np.rint(speaker_delays_s(layout) * sample_rate_hz).astype(np.int64)
    return Chain(
        sample_rate_hz,
        tuple(s.lfe for s in layout.speakers),
        tuple(_sections(s, bass, m, sample_rate_hz) for s, m in zip(layout.speakers, managed, strict=True)),
        _corrections(layout, sample_rate_hz),
        speaker_trims(layout).astype(np.float32),
        delays,
        _longest_delay(layout, delays, sample_rate_hz),
        bass,
        linkwitz_riley(DUAL_BAND_HZ, sample_rate_hz) if layout.dual_band else None,
        tuple(decorrelator.design(s.label, sample_rate_hz) for s in layout.speakers) if diffuse else (),
        _limiter(layout) if limit else None,
        labels=layout.labels,
    )


def _sections(speaker: Speaker, bass: Bass | None, managed: bool, sample_rate_hz: int) -> Doubles:
    """High-pass of the bass management or the allpass in its place, then the loudspeaker's own filters."""
    found = [NO_SECTIONS]
    if bass is not None and not speaker.lfe:
        found.append(bass.crossover.high if managed else bass.crossover.allpass)
    if speaker.highpass_hz is not None:
        found.append(butterworth4("highpass", speaker.highpass_hz, sample_rate_hz))
    if speaker.lowpass_hz is not None:
        found.append(butterworth4("lowpass", speaker.lowpass_hz, sample_rate_hz))
    return np.concatenate([*found, sections(speaker.eq, sample_rate_hz)])


def _corrections(layout: Layout, sample_rate_hz: int) -> tuple[Partitions | None, ...]:
    found: list[Partitions | None] = []
    problems: list[str] = []
    for speaker in layout.speakers:
        try:
            found.append(None if speaker.fir is None else partition(load_fir(speaker.fir, sample_rate_hz)))
        except FirError as error:
            problems.append(f"{speaker.label}: {error}")
    if problems:
        raise FirError("\n".join(problems))
    return tuple(found)


def _longest_delay(layout: Layout, delays: Words, sample_rate_hz: int) -> int:
    if not layout.compensate.delay:
        return int(delays.max(initial=0))
    return int(delays.max(initial=0)) + round(2 * WALK_M / SPEED_OF_SOUND_M_S * sample_rate_hz)


def _limiter(layout: Layout) -> Limiter:
    """Loudspeakers without a ceiling of their own share a gain at full scale; each of the others is alone."""
    own = [s.max_level_db for s in layout.speakers]
    ceilings = np.array([1.0 if level is None else 10 ** (level / 20) for level in own], np.float32)
    alone = np.array([level is not None for level in own], bool)
    groups = np.zeros(len(own), np.int64)
    groups[alone] = 1 + np.arange(alone.sum())
    return Limiter(ceilings, groups)
