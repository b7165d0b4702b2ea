"""Streaming separation at any sample rate: blocks of the mixture in, aligned stems out.

The result does not depend on the block sizes. A pause of digital silence up to `PAUSE_S` belongs to the piece, and all
state continues. After a longer one the separator sleeps; the first non-zero frame wakes it like a new one, with the hop
boundary at that frame. So a song gives the same stems whatever silence precedes it, and a silent input costs nothing.

Keeping the state of the network in longer silence would be worse, not better: the included models lose 0.8 dB of SDR in
the first 3 s after 10 s of silence that they were run through, and their states take minutes to settle.
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
from stemfield.separation.streaming.mask_rule import MaskRuleStream

PAUSE_S = 1.5
"""Longest silence within a piece: up to here the included models separate better with what they remember, from 2 s on
without."""
LOWEST_RATE_HZ = 8000
HIGHEST_RATE_HZ = 192000


def model_stream(card: ModelCard, providers: Sequence[str], rule: Rule) -> Stream:
    """Stream of a model at the model's sample rate, by its domain.

    Raises:
        CardError: the card's graph cannot be used.
        ValueError: this runtime does not have a provider.
    """
    match card:
        case MaskStreamCard():
            return HopStream(MaskModel(card, [Session(card, providers, graph) for graph in card.graphs], rule))
        case WaveStreamCard():
            stream: Stream = HopStream(WaveModel(card, Session(card, providers)))
        case ChunkCard():
            stream = ChunkStream(ChunkModel(card, providers))
        case _:
            raise AssertionError(card.domain)
    return MaskRuleStream(stream, card, rule)


class Separator:
    """Stereo mixture in, stereo stems out.

    The concatenated results of `feed` and `flush` are aligned with the mixture; they arrive at most `latency_frames`
    later.

    Args:
        card: the model.
        sample_rate_hz: 8000..192000; resampled if outside the model's range.
        providers: ONNX Runtime execution providers in order of preference.
        rule: mask rule, `soft` or `surrey`.
        stems: instruments to output, in this order; those that the model lacks are silent, and several sources of the
            model may be summed into one. Empty for the model's stems.

    Attributes:
        stems: names of the stems in the order of the output.
        latency_frames: with the mixture fed up to position p, the stems are out up to p - latency_frames.
        step_frames: frames of stems produced per call of the model.
        pending_frames: frames fed whose stems are not out yet.
        separated_frames: frames that went through the model since it was made; silence while asleep does not.

    Raises:
        CardError: the card's graph cannot be used.
        ValueError: unsupported rate, provider or rule, or a source that belongs to none of the given stems.
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
            raise ValueError(f"sample rate: expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz, got {sample_rate_hz} Hz")
        if rule not in RULES:
            raise ValueError(f"rule: expected {' or '.join(RULES)}, got {rule!r}{did_you_mean(rule, RULES)}")
        self.sample_rate_hz = sample_rate_hz
        self.stems = tuple(stems) or card.names
        self._order = None
        if self.stems != card.names:
            if problems := card.unknown_stems(self.stems):
                raise ValueError(problems[0])
            joined = [[card.instrument_of(name) == stem for name in card.names] for stem in self.stems]
            self._order = np.array(joined, np.float32)
        self._rule = RULES[rule]()
        self._stream = model_stream(card, providers, self._rule)
        ratio = model_ratio(sample_rate_hz, card.sample_rate)
        self.latency_frames = latency_frames(card, sample_rate_hz)
        self.step_frames = ceil(self._stream.step_frames / ratio)
        self._converters: tuple[Converter, Converter] | None = None
        if ratio != 1:
            self._converters = Converter(ratio, 2), Converter(1 / ratio, 2 * len(card.names))
        # After the first of these, pending stems are silent too: the windows are empty, the filters have decayed.
        empty = 2 * self.latency_frames + ceil(self._stream.memory_frames / ratio)
        self._sleep_after = max(empty, ceil(PAUSE_S * sample_rate_hz))
        self._asleep = True
        self._silent = 0  # silent frames fed since the last non-zero one, while awake
        self.pending_frames = self.separated_frames = 0

    @property
    def is_asleep(self) -> bool:
        """Whether the stems of everything fed are out, and those of further silent frames are silent."""
        return self._asleep

    @property
    def threshold(self) -> float:
        """Minimum mask, 0..1: bins in which a stem's mask is below this are removed from the stem."""
        return self._rule.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"threshold: expected 0 to 1, got {value}")
        self._rule.threshold = value

    @property
    def needed_frames(self) -> int:
        """Frames needed for the next step, at least 1; feeding fewer only costs another call."""
        if self._converters is None:
            return self._stream.needed_frames
        there, _ = self._converters
        return there.needed(self._stream.needed_frames)

    def reset(self) -> None:
        """Clear all state but the threshold; the next frame fed is position 0."""
        self._sleep()
        self.pending_frames = 0

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feed the next frames of the mixture.

        Args:
            mixture: shape (2, n), any n; values that are not finite count as 0.

        Returns:
            Stems completed by these frames, shape (stems, 2, m).
        """
        mixture = np.nan_to_num(np.asarray(mixture, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        sounding = np.flatnonzero(mixture.any(axis=0))
        frames = mixture.shape[1]
        pieces = [np.zeros((len(self.stems), 2, 0), np.float32)]
        at = 0
        while at < frames:
            if self._asleep:
                audible = sounding[sounding >= at]
                to = int(audible[0]) if len(audible) else frames
                self.pending_frames += to - at
                pieces.append(self._zeros())
                self._asleep = to == frames
            else:
                to = self._awake_until(sounding, at, frames)
                pieces.append(self._separated(mixture[:, at:to]))
                audible = sounding[(sounding >= at) & (sounding < to)]
                self._silent = to - 1 - int(audible[-1]) if len(audible) else self._silent + to - at
                if self._silent >= self._sleep_after:
                    self._sleep()
                    pieces.append(self._zeros())
            at = to
        return np.concatenate(pieces, axis=2)

    def flush(self) -> NDArray[np.float32]:
        """Return all pending stems, shape (stems, 2, m), and reset."""
        pending = self.pending_frames
        stems = self.feed(np.zeros((2, self.latency_frames), np.float32))[..., :pending]
        self.reset()
        return stems

    def _sleep(self) -> None:
        self._asleep = True
        self._silent = 0
        self._stream.reset()
        for converter in self._converters or ():
            converter.reset()

    def _awake_until(self, sounding: NDArray[np.intp], at: int, frames: int) -> int:
        """Position in this block at which silence has lasted long enough to sleep, or the end of the block."""
        silence_starts = np.concatenate([[at - self._silent], sounding[sounding >= at] + 1])
        silence_ends = np.append(silence_starts[1:] - 1, frames)
        long_enough = np.flatnonzero(silence_ends - silence_starts >= self._sleep_after)
        return int(silence_starts[long_enough[0]]) + self._sleep_after if len(long_enough) else frames

    def _separated(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        self.pending_frames += mixture.shape[1]
        self.separated_frames += mixture.shape[1]
        if self._converters is None:
            stems = self._stream.feed(mixture)
        else:
            there, back = self._converters
            found = self._stream.feed(there.feed(mixture))
            stems = back.feed(found.reshape(2 * len(found), -1)).reshape(len(found), 2, -1)
        self.pending_frames -= stems.shape[2]
        return stems if self._order is None else np.einsum("ws,scn->wcn", self._order, stems)

    def _zeros(self) -> NDArray[np.float32]:
        """All pending stems, known to be silent."""
        silence = np.zeros((len(self.stems), 2, self.pending_frames), np.float32)
        self.pending_frames = 0
        return silence
