"""The settings of the loudspeaker chain, as one frozen value designed for a layout.

`engine/stages.py` lists the stages that they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from stemfield.layouts.chain import speaker_trims
from stemfield.layouts.model import Layout
from stemfield.renderer.dsp import bass_management, decorrelator, delay, fir, limiter, speaker_filters
from stemfield.renderer.dsp.bass_management import Bass
from stemfield.renderer.dsp.crossover import DUAL_BAND_HZ, Crossover, linkwitz_riley
from stemfield.renderer.dsp.decorrelator import Decorrelator
from stemfield.renderer.dsp.fir import Partitions
from stemfield.renderer.dsp.limiter import Limiter
from stemfield.renderer.dsp.loudness import channel_weights
from stemfield.renderer.dsp.speaker_filters import NO_SECTIONS
from stemfield.renderer.native.arrays import Doubles, Floats, Words


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The loudspeaker chain of a room at one sample rate. What is None or empty costs nothing."""

    sample_rate_hz: int
    lfe: tuple[bool, ...]
    """Which loudspeakers are subwoofers."""
    equalisers: tuple[Doubles, ...]
    """Sections of each loudspeaker's filters, shape (any, 5)."""
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
    """Delay of the ears behind the loudspeakers, within the filters."""
    labels: tuple[str, ...] = ()
    """Labels of the loudspeakers, as they are spoken."""
    weights: tuple[float, ...] = ()
    """Weight of each loudspeaker's power in the loudness of the room; empty: it is not measured."""

    @classmethod
    def plain(cls, speakers: int, sample_rate_hz: int) -> Self:
        """No processing: what is panned to a loudspeaker is its feed."""
        nothing = (NO_SECTIONS,) * speakers
        none = np.zeros(speakers, np.int64)
        ones = np.ones(speakers, np.float32)
        lfe, labels = (False,) * speakers, tuple(str(number + 1) for number in range(speakers))
        return cls(sample_rate_hz, lfe, nothing, (None,) * speakers, ones, none, 0, labels=labels)

    @property
    def speakers(self) -> int:
        """Number of loudspeakers."""
        return len(self.equalisers)

    @property
    def outputs(self) -> int:
        """Number of outputs: loudspeaker feeds, and two ears if there is a monitor."""
        return self.speakers + (2 if self.monitor_taps else 0)

    @property
    def align_frames(self) -> int:
        """Delay of direct sound, to be aligned with diffuse sound."""
        return decorrelator.order_frames(self.sample_rate_hz) if self.decorrelators else 0

    @property
    def look_ahead_frames(self) -> int:
        """Delay of the limiter."""
        return limiter.look_ahead_frames(self.sample_rate_hz) if self.limiter is not None else 0

    @property
    def latency_frames(self) -> int:
        """Delay of all loudspeakers, apart from their own delays and corrections."""
        return self.align_frames + self.look_ahead_frames

    @property
    def late_frames(self) -> tuple[int, ...]:
        """Delay of each output beyond `latency_frames`: none for loudspeakers, that of the filters for ears."""
        return (0,) * self.speakers + (self.monitor_late_frames,) * (self.outputs - self.speakers)

    @property
    def output_limiter(self) -> Limiter | None:
        """The limiter of all outputs, ears included."""
        return None if self.limiter is None else self.limiter.with_ears(self.outputs - self.speakers)

    def monitored(self, taps: int, late_frames: int = 0) -> Chain:
        """The same with a binaural monitor of `taps` taps, a multiple of 8, whose filters delay by `late_frames`."""
        return replace(self, monitor_taps=taps, monitor_late_frames=late_frames)


def design_chain(layout: Layout, sample_rate_hz: int, *, diffuse: bool = True, limit: bool = True) -> Chain:
    """The chain that a layout asks for.

    Args:
        layout: loudspeaker layout to render for.
        sample_rate_hz: sample rate of the engine.
        diffuse: whether diffuse sound is possible; it delays direct sound by 4 ms.
        limit: whether feeds are limited, to full scale or to `max_level_db`; it delays by 1.5 ms.

    Raises:
        FirError: correction filters that cannot be used, with every reason.
    """
    bass = bass_management.design(layout, sample_rate_hz)
    delays_frames, max_delay_frames = delay.design(layout, sample_rate_hz)
    return Chain(
        sample_rate_hz,
        tuple(s.lfe for s in layout.speakers),
        speaker_filters.design(layout, bass, sample_rate_hz),
        fir.design(layout, sample_rate_hz),
        speaker_trims(layout).astype(np.float32),
        delays_frames,
        max_delay_frames,
        bass,
        linkwitz_riley(DUAL_BAND_HZ, sample_rate_hz) if layout.dual_band else None,
        tuple(decorrelator.design(label, sample_rate_hz) for label in layout.labels) if diffuse else (),
        limiter.design(layout) if limit else None,
        labels=layout.labels,
        weights=tuple(channel_weights(layout)),
    )
