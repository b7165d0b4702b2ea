"""The stages of the audio path between the inputs and the outputs, in their order.

A new stage is a module like those of `dsp/`, its settings in `dsp/chain.py`, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from numba import njit

from stemfield.renderer.dsp import (
    bass_management,
    binaural,
    decorrelator,
    delay,
    equaliser,
    fir,
    identify,
    instruments,
    limiter,
    mixing,
    night,
    output_fade,
    programme,
    ramps,
    speaker_filters,
)
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.engine import capture
from stemfield.renderer.engine.memory import Word
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import words


class NoWords(IntEnum):
    """The words of a stage without a state."""


class Stage(NamedTuple):
    """One stage."""

    run: Callable[[Words, Words, int], None]
    """Compiled: processes the next frames, from the engine's table, the stage's own, and the number of frames."""
    state: Callable[[Chain, int], State] = lambda _chain, _sources: State(NoWords, {})
    """Allocates the stage's state, if it has any, for a chain and a number of sources."""


STAGES: Final = (
    Stage(equaliser.run, lambda chain, sources: equaliser.state(sources, chain.sample_rate_hz)),
    Stage(instruments.run),
    Stage(capture.run, lambda _chain, _sources: capture.state()),
    Stage(
        mixing.run,
        lambda chain, sources: mixing.state(sources, chain.dual_band, diffuse=bool(chain.decorrelators)),
    ),
    Stage(
        decorrelator.run,
        lambda chain, _: decorrelator.state(chain.decorrelators, chain.speakers, chain.sample_rate_hz),
    ),
    Stage(binaural.run, lambda chain, _: binaural.state(chain.speakers, chain.monitor_taps, chain.sample_rate_hz)),
    Stage(bass_management.run, lambda chain, _: bass_management.state(chain.bass, chain.lfe)),
    Stage(speaker_filters.run, lambda chain, _: speaker_filters.state(chain.equalisers)),
    Stage(fir.run, lambda chain, _: fir.state(chain.corrections)),
    Stage(
        delay.run,
        lambda chain, _: delay.state(chain.delays_frames, chain.max_delay_frames, chain.sample_rate_hz),
    ),
    Stage(night.run, lambda chain, _: night.state(chain.sample_rate_hz)),
    Stage(ramps.run),
    Stage(identify.run, lambda chain, _: identify.state(chain.speakers, chain.sample_rate_hz)),
    Stage(limiter.run, lambda chain, _: limiter.state(chain.output_limiter, chain.outputs, chain.sample_rate_hz)),
    Stage(output_fade.run, lambda chain, _: output_fade.state(chain.sample_rate_hz)),
    Stage(programme.run, lambda chain, _: programme.state(chain.weights, chain.sample_rate_hz)),
)

TABLE_WORDS: Final = 64
"""No stage has more words."""
_INLINE: Final = INNER | {"cache": False, "inline": "always"}
"""For functions that enclose others: cached as a part of the processor only; inlined, they are not compiled alone."""


def _from(stages: Sequence[Stage], at: int) -> Any:
    """One compiled function that runs the stages from `at` on."""
    if at == len(stages):
        return njit(**_INLINE)(_nothing)
    run, rest, count_of_stages = stages[at].run, _from(stages, at + 1), len(stages)

    def run_on(engine: Words, count: int) -> None:
        run(engine, words(words(engine, Word.STAGES, count_of_stages), at, TABLE_WORDS), count)
        rest(engine, count)

    return njit(**_INLINE)(run_on)


def _nothing(_engine: Words, _count: int) -> None:
    pass


run_stages: Final = _from(STAGES, 0)
"""Runs all stages on the next frames; takes the engine's table and the number of frames."""
