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

from stemfield.separation.card import ModelCard
from stemfield.separation.convert import Converter, greatest_lag, model_ratio
from stemfield.separation.masks import reject_below
from stemfield.separation.session import CPU, Session
from stemfield.separation.transform import Transform

LOWEST_RATE_HZ = 8000
HIGHEST_RATE_HZ = 192000
_BURSTS_A_HOP = 8
"""Converted sound is wanted in parts of a hop: which part completes one depends on the converter."""


class HopStream:
    """The separator at the model's own rate: stems of position 0 onwards, some time after the mixture of it."""

    def __init__(self, card: ModelCard, providers: Sequence[str]) -> None:
        self.threshold = 0.0
        self._hop = card.stft.hop
        self._sources = len(card.sources)
        self._session = Session(card, providers)
        self._transform = Transform(card.stft, self._sources)
        self._block = np.zeros((2, self._hop), np.float32)
        self._filled = 0
        self._before_start = True

    def reset(self) -> None:
        """Back to position 0."""
        self._session.reset()
        self._transform.reset()
        self._filled = 0
        self._before_start = True

    @property
    def wanted_frames(self) -> int:
        """Frames missing to the next hop."""
        return self._hop - self._filled

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mixture, shape (2, n), to the stems that it completes, shape (sources, 2, m)."""
        hops = (self._filled + mixture.shape[1]) // self._hop
        stems = np.empty((self._sources, 2, hops * self._hop), np.float32)
        taken = 0
        for start in range(0, hops * self._hop, self._hop):
            missing = self._hop - self._filled
            self._block[:, self._filled :] = mixture[:, taken : taken + missing]
            taken += missing
            self._filled = 0
            self._separate(stems[..., start : start + self._hop])
        rest = mixture.shape[1] - taken
        self._block[:, self._filled : self._filled + rest] = mixture[:, taken:]
        self._filled += rest
        if self._before_start and hops:
            self._before_start = False
            return stems[..., self._hop :]  # the first call completes the hop before position 0
        return stems

    def _separate(self, out: NDArray[np.float32]) -> None:
        mixture = self._transform.analyse(self._block)
        spectra = self._session.step(mixture)
        reject_below(self.threshold, mixture, spectra)
        self._transform.synthesise(spectra, out)


class Separator:
    """Stereo music in, stereo stems out.

    The stems that `feed` and `flush` return, one after the other, are aligned with the mixture that was fed: they only
    arrive later, at most `latency_frames`.

    Args:
        card: the model.
        sample_rate_hz: 8000..192000. Outside the rates that the model accepts, the sound is converted.
        providers: ONNX Runtime's execution providers.

    Attributes:
        stems: names, in the order of the output.
        latency_frames: after the mixture up to position p was fed, the stems up to p - latency_frames are out.

    Raises:
        CardError: the card's graph cannot be used.
        ValueError: a rate or provider out of range.
    """

    def __init__(self, card: ModelCard, sample_rate_hz: int, providers: Sequence[str] = CPU) -> None:
        if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
            raise ValueError(f"sample rate {sample_rate_hz} Hz is outside {LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ} Hz")
        self.stems = card.sources
        self._hops = HopStream(card, providers)
        ratio = model_ratio(sample_rate_hz, card.sample_rate)
        self._burst = ceil(card.stft.hop / ratio / _BURSTS_A_HOP)
        self.latency_frames = card.latency_samples
        self._converters: tuple[Converter, Converter] | None = None
        if ratio != 1:
            self._converters = Converter(ratio, 2), Converter(1 / ratio, 2 * len(self.stems))
            back = (card.latency_samples + greatest_lag(1 / ratio) + 1) / ratio
            self.latency_frames = ceil(greatest_lag(ratio) + back)
        # After so much silence all that is not out yet is silent too: the window is empty, the filters have rung out.
        self._sleep_after = 2 * self.latency_frames + ceil(card.stft.n_fft / ratio)
        self._asleep = True
        self._silent = 0  # frames fed awake since the last one that sounded
        self._owed = 0  # frames fed whose stems are not out yet

    @property
    def threshold(self) -> float:
        """0..1: a stem gets nothing of a bin in which its mask estimate is below this."""
        return self._hops.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"threshold {value} is outside 0..1")
        self._hops.threshold = value

    @property
    def wanted_frames(self) -> int:
        """At least 1: to feed fewer frames than this brings no stem earlier, and costs a call."""
        if self._converters is None:
            return self._hops.wanted_frames
        return self._burst

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
        self._hops.reset()
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
            stems = self._hops.feed(mixture)
        else:
            there, back = self._converters
            at_model_rate = self._hops.feed(there.feed(mixture))
            channels = 2 * len(self.stems)
            stems = back.feed(at_model_rate.reshape(channels, -1)).reshape(len(self.stems), 2, -1)
        self._owed -= stems.shape[2]
        return stems

    def _zeros(self) -> NDArray[np.float32]:
        """All that is owed, when it is known to be silent."""
        silence = np.zeros((len(self.stems), 2, self._owed), np.float32)
        self._owed = 0
        return silence
