"""Loudness to display, of the mixture and of the room, from the steps that an engine measures."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np

from stemfield.renderer.dsp.gating import ProgrammeLoudness
from stemfield.renderer.dsp.levelling import Leveller
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.scene.scene import SILENCE_DB

HIGHEST_LU: Final = 100.0


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a programme by EBU Tech 3341 and 3342, to a tenth; -120 where there is none."""

    momentary_lufs: float = SILENCE_DB
    """Of the last 0.4 s."""
    short_term_lufs: float = SILENCE_DB
    """Of the last 3 s."""
    integrated_lufs: float = SILENCE_DB
    """Gated, of everything since the restart."""
    range_lu: float = 0.0
    true_peak_db: float = SILENCE_DB
    """The highest since the restart, re full scale."""
    max_momentary_lufs: float = SILENCE_DB
    max_short_term_lufs: float = SILENCE_DB

    @property
    def values(self) -> tuple[float, ...]:
        """All of them, in this order."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class ShownLoudness:
    """Loudness of what comes in, and of what the loudspeakers play."""

    mixture: Loudness = Loudness()
    room: Loudness = Loudness()


UNHEARD: Final = ShownLoudness()


class LoudnessReader:
    """Follows the loudness of one engine after the other; to be called a few times a second, from one thread."""

    def __init__(self) -> None:
        self._programmes = ProgrammeLoudness(), ProgrammeLoudness()
        self._peaks = np.zeros(2, np.float32)
        self.leveller = Leveller()
        """The gain that brings the mixture to a target loudness."""
        self._engine: Engine | None = None
        self._read = 0
        self.shown = UNHEARD
        """The present loudness, which any thread may read."""

    @property
    def is_silent(self) -> bool:
        """Whether the last 3 s were silent, and more silence changes nothing."""
        programmes = self.shown.mixture, self.shown.room
        return all(max(one.momentary_lufs, one.short_term_lufs) <= SILENCE_DB for one in programmes)

    def restart(self) -> None:
        """Begin integrated loudness, range and maxima anew, with what is measured from now on."""
        self.update()
        self._peaks[:] = 0.0
        for programme in self._programmes:
            programme.restart()
        self._show()

    def follows(self, engine: Engine) -> bool:
        """Whether it follows this engine."""
        return engine is self._engine

    def follow(self, engine: Engine) -> None:
        """Take over what an engine has measured since the last time, or since its start."""
        if not self.follows(engine):
            self._engine, self._read = engine, 0
        self.update()

    def update(self) -> None:
        """Take over what the engine has measured since the last time."""
        if self._engine is None:
            return
        steps = self._engine.loudness_steps(self._read)
        if steps.end == self._read:
            return
        self._read = steps.end
        np.maximum(self._peaks, steps.peaks.max(axis=0, initial=0.0), out=self._peaks)
        for programme, powers in zip(self._programmes, steps.powers.T, strict=True):
            programme.add(powers)
        self.leveller.add(steps.powers[:, 0], steps.peaks[:, 0])
        self._show()

    def _show(self) -> None:
        self.shown = ShownLoudness(*map(_shown, self._programmes, self._peaks.tolist()))


def _shown(programme: ProgrammeLoudness, peak: float) -> Loudness:
    return Loudness(
        _tenth(programme.momentary_lufs),
        _tenth(programme.short_term_lufs),
        _tenth(programme.integrated_lufs),
        round(min(programme.range_lu, HIGHEST_LU), 1),
        _tenth(20.0 * math.log10(peak) if peak > 0.0 else -math.inf),
        _tenth(programme.max_momentary_lufs),
        _tenth(programme.max_short_term_lufs),
    )


def _tenth(level_db: float) -> float:
    return round(min(max(level_db, SILENCE_DB), HIGHEST_LU), 1)
