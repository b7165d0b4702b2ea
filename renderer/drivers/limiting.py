"""Report of the limiter's gain reduction in a piece that is rendered to a file."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.binaural import Head
from stemfield.renderer.engine.engine import Engine

EARS: Final = ("left ear", "right ear")
_HEARD_DB: Final = 0.01

log = logging.getLogger(__name__)


class Limiting:
    """Extent of the gain reduction of all outputs.

    Attributes:
        seconds: duration in all, in periods of the meters (a thirtieth of a second).
        places: number of times that it began.
        most_db: maximum reduction.
        at_s: its time, in seconds of the music.
        label: the output that was too loud then.
    """

    def __init__(self) -> None:
        self.seconds = self.most_db = self.at_s = 0.0
        self.places = 0
        self.label = ""
        self._periods = self._frames = 0
        self._limited = False

    def watch(
        self, engine: Engine, outputs: slice, labels: Sequence[str], late_frames: int, *, last: bool = False
    ) -> None:
        """Adds what an engine has rendered since the last call, at most two seconds.

        Args:
            engine: engine, which nothing calls meanwhile.
            outputs: outputs that are written.
            labels: their labels.
            late_frames: their delay behind the music.
            last: whether this is the end, so that the current period counts, too.
        """
        if engine.chain.limiter is None:
            return
        meters = engine.meters()
        count = meters.periods - self._periods
        gains, peaks = (rows[len(rows) - count :] for rows in (meters.limits, meters.peaks))
        if last:
            now_gains, now_peaks = engine.unfinished()
            gains, peaks = np.vstack([gains, now_gains]), np.vstack([peaks, now_peaks])
        ceilings = np.ones(engine.outputs, np.float32)
        ceilings[: engine.chain.speakers] = engine.chain.limiter.ceilings
        shares = (peaks[:, -engine.outputs :] / ceilings)[:, outputs]
        # periods end with a chunk of the processor, a little later than they should
        frames = engine.position - self._frames
        for row, (gain, share) in enumerate(zip(gains[:, outputs].min(axis=1).tolist(), shares, strict=True)):
            begin = self._frames + frames * row // len(gains) - late_frames
            taken_db = -20 * math.log10(max(gain, 1e-9))
            limited = taken_db > _HEARD_DB
            self.places += limited and not self._limited
            self._limited = limited
            self.seconds += limited * frames / len(gains) / engine.sample_rate_hz
            if taken_db > max(self.most_db, _HEARD_DB):
                self.most_db, self.at_s = taken_db, max(begin, 0) / engine.sample_rate_hz
                self.label = labels[int(np.argmax(share))]  # limited outputs are at their ceiling
        self._periods += count
        self._frames += frames if len(gains) else 0

    def __str__(self) -> str:
        """One line, or an empty string if nothing was limited."""
        if not self.places:
            return ""
        places = "one place" if self.places == 1 else f"{self.places} places"
        most = f"by {self.most_db:.1f} dB at most, at {self.at_s:.1f} s ({self.label})"
        return f"limited in {places}, {self.seconds:.1f} s in all, {most}"


def watched(
    engine: Engine,
    rendered: Iterable[NDArray[np.float32]],
    layout: Layout,
    ears: Head | None,
    late_frames: int,
    limiting: Limiting | None,
) -> Iterator[NDArray[np.float32]]:
    """The wanted outputs, with a report of the gain reduction in them."""
    first, labels = (0, layout.labels) if ears is None else (engine.outputs - 2, EARS)
    wanted = slice(first, engine.outputs)
    for outputs in rendered:
        if limiting is not None:
            limiting.watch(engine, wanted, labels, late_frames)
        yield outputs[wanted]
    if limiting is not None:
        limiting.watch(engine, wanted, labels, late_frames, last=True)


def tell_limiting(target: Path, limiting: Limiting) -> None:
    """Logs the gain reduction in a file."""
    if limiting.places:
        log.warning("%s: %s; --no-limit (in a plan, limit: false) keeps the peaks", target, limiting)
