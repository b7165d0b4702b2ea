"""Streaming separation at any sample rate: blocks of the mixture in, stems out, aligned with it.

Nothing here depends on how the mixture is cut into blocks. Digital silence that outlasts every memory puts the
separator to sleep, and the first frame that sounds wakes it as if it were new, with the hop boundary exactly there: a
song gives the same stems whatever silence came before it, and an idle input costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.problems import did_you_mean
from stemfield.separation.cards.card import ModelCard
from stemfield.separation.cards.card_chunks import ChunkCard
from stemfield.separation.cards.card_schema import MaskStreamCard, WaveStreamCard
from stemfield.separation.chunks.chunk_model import ChunkModel
from stemfield.separation.chunks.chunks import ChunkStream
from stemfield.separation.runtime.providers import CPU
from stemfield.separation.runtime.session import Session
from stemfield.separation.signal.convert import Converter, model_ratio
from stemfield.separation.signal.masks import RULES, Rule
from stemfield.separation.streaming.hops import HopStream, MaskModel, Stream, WaveModel
from stemfield.separation.streaming.latency import latency_frames
from stemfield.separation.streaming.ruled import RuledStream

LOWEST_RATE_HZ = 8000
HIGHEST_RATE_HZ = 192000


def model_stream(card: ModelCard, providers: Sequence[str], rule: Rule) -> Stream:
    """The model at its own rate, by its way of working.

    Raises:
        CardError: the card's graph cannot be used.
        ValueError: a provider that this runtime does not have.
    """
    match card:
        case MaskStreamCard():
            return HopStream(MaskModel(card, [Session(card, providers, graph) for graph in card.graphs], rule))
        case WaveStreamCard():
            stream: Stream = HopStream(WaveModel(card, Session(card, providers)))
        case ChunkCard():
            stream = ChunkStream(ChunkModel(card, providers), card.chunk, len(card.sources))
        case _:
            raise AssertionError(card.domain)
    return RuledStream(stream, len(card.sources), card.rest is not None, rule)


class Separator:
    """Stereo music in, stereo stems out.

    The stems that `feed` and `flush` return, one after the other, are aligned with the mixture that was fed: they only
    arrive later, at most `latency_frames`.

    Args:
        card: the model.
        sample_rate_hz: 8000..192000. Outside the rates that the model accepts, the sound is converted.
        providers: ONNX Runtime's execution providers.
        rule: what of a bin the stems may keep: `soft` or `surrey`.
        stems: the instruments wanted, in this order; those that the model has not are silent, and several of its
            sources may go to one. Without, the model's own.

    Attributes:
        stems: names, in the order of the output.
        latency_frames: after the mixture up to position p was fed, the stems up to p - latency_frames are out.
        step_frames: for so many frames one call of the model brings stems.

    Raises:
        CardError: the card's graph cannot be used.
        ValueError: a rate, a provider or a rule that there is not, or a source that is none of the stems wanted.
    """

    def __init__(
        self,
        card: ModelCard,
        sample_rate_hz: int,
        providers: Sequence[str] = CPU,
        *,
        rule: str = "soft",
        stems: Sequence[str] = (),
    ) -> None:
        if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
            raise ValueError(f"sample rate {sample_rate_hz} Hz is outside {LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ} Hz")
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is not one of {', '.join(RULES)}{did_you_mean(rule, RULES)}")
        self.sample_rate_hz = sample_rate_hz
        self.stems = tuple(stems) or card.names
        self._order = stem_order(card, self.stems) if self.stems != card.names else None
        self._rule = RULES[rule]()
        self._stream = model_stream(card, providers, self._rule)
        ratio = model_ratio(sample_rate_hz, card.sample_rate)
        self.latency_frames = latency_frames(card, sample_rate_hz)
        self.step_frames = ceil(self._stream.step_frames / ratio)
        self._converters: tuple[Converter, Converter] | None = None
        if ratio != 1:
            self._converters = Converter(ratio, 2), Converter(1 / ratio, 2 * len(card.names))
        # After so much silence all that is not out yet is silent too: the window is empty, the filters have rung out.
        self._sleep_after = 2 * self.latency_frames + ceil(self._stream.memory_frames / ratio)
        self._asleep = True
        self._silent = 0  # frames fed awake since the last one that sounded
        self._owed = 0  # frames fed whose stems are not out yet

    @property
    def threshold(self) -> float:
        """0..1: a stem gets nothing of a bin in which its mask estimate is below this."""
        return self._rule.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"threshold {value} is outside 0..1")
        self._rule.threshold = value

    @property
    def wanted_frames(self) -> int:
        """At least 1: to feed fewer frames than this brings no stem earlier, and costs a call."""
        if self._converters is None:
            return self._stream.wanted_frames
        there, _ = self._converters
        return there.missing(self._stream.wanted_frames)

    @property
    def owed_frames(self) -> int:
        """Frames that were fed and whose stems are not out yet."""
        return self._owed

    def reset(self) -> None:
        """Forgets everything but the threshold; the next frame fed is position 0."""
        self._sleep()
        self._owed = 0

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the next frames of the mixture.

        Args:
            mixture: shape (2, n), any n; what is not finite counts as 0.

        Returns:
            The stems that are known by now and were not returned before, shape (stems, 2, m).
        """
        mixture = np.nan_to_num(np.asarray(mixture, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        sounding = np.flatnonzero(mixture.any(axis=0))
        frames = mixture.shape[1]
        pieces = [np.zeros((len(self.stems), 2, 0), np.float32)]
        at = 0
        while at < frames:
            if self._asleep:
                heard = sounding[sounding >= at]
                to = int(heard[0]) if len(heard) else frames
                self._owed += to - at
                pieces.append(self._zeros())
                self._asleep = to == frames
            else:
                to = self._awake_until(sounding, at, frames)
                pieces.append(self._separated(mixture[:, at:to]))
                heard = sounding[(sounding >= at) & (sounding < to)]
                self._silent = to - 1 - int(heard[-1]) if len(heard) else self._silent + to - at
                if self._silent >= self._sleep_after:
                    self._sleep()
                    pieces.append(self._zeros())
            at = to
        return np.concatenate(pieces, axis=2)

    def flush(self) -> NDArray[np.float32]:
        """The stems, shape (stems, 2, m), of all that was fed and is not out yet; then as after `reset`."""
        owed = self._owed
        stems = self.feed(np.zeros((2, self.latency_frames), np.float32))[..., :owed]
        self.reset()
        return stems

    def _sleep(self) -> None:
        self._asleep = True
        self._silent = 0
        self._stream.reset()
        for converter in self._converters or ():
            converter.reset()

    def _awake_until(self, sounding: NDArray[np.intp], at: int, frames: int) -> int:
        """The position in this block at which silence has lasted long enough to sleep, or the block's end."""
        silence_starts = np.concatenate([[at - self._silent], sounding[sounding >= at] + 1])
        silence_ends = np.append(silence_starts[1:] - 1, frames)
        long_enough = np.flatnonzero(silence_ends - silence_starts >= self._sleep_after)
        return int(silence_starts[long_enough[0]]) + self._sleep_after if len(long_enough) else frames

    def _separated(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        self._owed += mixture.shape[1]
        if self._converters is None:
            stems = self._stream.feed(mixture)
        else:
            there, back = self._converters
            found = self._stream.feed(there.feed(mixture))
            stems = back.feed(found.reshape(2 * len(found), -1)).reshape(len(found), 2, -1)
        self._owed -= stems.shape[2]
        return stems if self._order is None else np.einsum("ws,scn->wcn", self._order, stems)

    def _zeros(self) -> NDArray[np.float32]:
        """All that is owed, when it is known to be silent."""
        silence = np.zeros((len(self.stems), 2, self._owed), np.float32)
        self._owed = 0
        return silence


def stem_order(card: ModelCard, stems: Sequence[str]) -> NDArray[np.float32]:
    """Which of a model's stems make each of the instruments wanted: shape (wanted, model's), ones and zeros.

    Raises:
        ValueError: a stem of the model is none of them.
    """
    if problems := card.misplaced(stems):
        raise ValueError(problems[0])
    return np.array([[card.room_stem(name) == stem for name in card.names] for stem in stems], np.float32)
