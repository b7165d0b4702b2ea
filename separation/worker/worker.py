"""The separation process: mixture out of the shared memory, stems into it, until it is told to stop.

`python -m stemfield.separation.worker.worker --fd N --model PATH --sample-rate R --latency-frames L`

Exit status: 0 it was asked to stop, its parent is gone, or a successor has taken over; 2 the model or an argument is
bad, 4 the model is too slow here, with one line on standard error that says what. Any other status is a fault, told in
one line too. Nothing here ever blocks the engine: what comes too late is skipped.

A worker that is started as an heir separates unheard beside the one that plays. When its memory is warm it asks for the
timeline; the other one leaves after the piece that it is at, and the heir goes on with the very next frame, cross-faded
where there is time. So a change of the model is not heard as a gap.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.ring import Exchange, ExchangeError
from stemfield.separation.cards.card import CardError, load_card
from stemfield.separation.runtime.providers import CPU, usable_providers
from stemfield.separation.signal.masks import RULES
from stemfield.separation.streaming.speed import compute_share
from stemfield.separation.streaming.streaming import Separator

EXIT_ASKED = 0
EXIT_BAD_MODEL = 2
EXIT_TOO_SLOW = 4
HIGHEST_SHARE = 0.9
"""A model that computes for more than this share of the time cannot play live."""
REHEARSAL_S = 0.5
"""An heir has so much sound behind it before it asks for the timeline."""
CROSSFADE_S = 0.01
PIECE_FRAMES = 8192
"""At most so many frames are separated before the stems are published."""
_POLL_S = 0.001
_IDLE_POLL_S = 0.01
_IDLE_AFTER_S = 0.5
_LOAD_SMOOTHING_S = 1.0
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Worker:
    """The loop between an exchange and a separator.

    The engine plays position `mixture_end() - latency_frames`. If the stems of a whole piece would come after that,
    the worker gives the backlog up, and begins anew at the present.
    """

    exchange: Exchange
    separator: Separator
    sample_rate_hz: int
    latency_frames: int
    pid: int = 0
    """By which the exchange knows this worker."""
    position: int = 0
    """The next mixture frame to read."""
    held: NDArray[np.float32] | None = None
    """Stems of an heir that were not written, the newest up to the separator's own position."""
    rehearsed: int = 0
    """Frames that an heir has separated."""

    def begin(self) -> None:
        """Starts at the present: nothing before it will be separated."""
        self.position = self.exchange.mixture_end()
        self.separator.reset()
        if self.held is None:
            self.exchange.owner = self.pid
            self.exchange.restart_stems(self.position)
        else:
            # its memory is cold again, and what it held joins nothing any more
            self.held = self.held[..., :0]
            self.rehearsed = 0
            if self.exchange.heir == self.pid:
                self.exchange.heir = 0

    def rehearse(self) -> None:
        """Starts at the present as an heir: what is separated is not heard yet."""
        self.held = np.zeros((len(self.separator.stems), 2, 0), np.float32)
        self.begin()

    def succeeded(self) -> bool:
        """Whether an heir waits for this worker; if so it has the timeline now, and this one is done.

        One that was held up since it asked has to come near first: it could not make up for what it is behind.
        """
        exchange = self.exchange
        heir = exchange.heir
        if self.held is not None or heir in (0, self.pid):
            return False
        if exchange.mixture_end() - exchange.heir_position > exchange.frames // 4:
            return False
        exchange.owner = heir
        return True

    def turn(self) -> bool:
        """Separates what is there, a piece at most; returns whether that was worth while."""
        exchange, separator = self.exchange, self.separator
        if self.held is None or exchange.owner == self.pid:
            exchange.beat()
        if self.held is not None and exchange.owner == self.pid:
            self._take_over()
        end = exchange.mixture_end()
        frames = min(end - self.position, PIECE_FRAMES)
        if self.position + frames - separator.latency_frames < end - self.latency_frames and not self._is_covered(end):
            exchange.late += self.held is None
            self.begin()
            return True
        if frames < min(separator.wanted_frames, PIECE_FRAMES):
            return False
        started_s = time.perf_counter()
        separator.threshold = min(1.0, max(0.0, exchange.threshold))
        stems = separator.feed(exchange.read_mixture(self.position, frames))
        self.position += frames
        if self.held is not None:
            self._hold(stems)
        else:
            if stems.shape[2]:
                exchange.write_stems(stems)
            audio_s = frames / self.sample_rate_hz
            weight = min(audio_s / _LOAD_SMOOTHING_S, 1.0)
            exchange.load += weight * ((time.perf_counter() - started_s) / audio_s - exchange.load)
        return True

    def _is_covered(self, end: int) -> bool:
        """Whether an heir has time to make up for what it is behind: the predecessor's stems still play."""
        exchange = self.exchange
        inherits = self.held is not None and exchange.owner == self.pid
        plays = exchange.stems_end() > end - self.latency_frames
        return inherits and plays and end - self.position < exchange.frames // 2

    def _hold(self, stems: NDArray[np.float32]) -> None:
        assert self.held is not None
        self.held = np.concatenate([self.held, stems], axis=2)[..., -self.exchange.frames // 2 :]
        self.rehearsed += stems.shape[2]
        self.exchange.heir_position = self.position
        if self.exchange.owner != self.pid and self._is_ready():
            self.exchange.heir = self.pid

    def _is_ready(self) -> bool:
        """Whether the memory is warm, little is to be made up for, and what is held joins what the other has written.

        What came while a piece was computed comes first: whoever takes over far behind has to give the timeline up.
        """
        assert self.held is not None
        if self.exchange.mixture_end() - self.position > 2 * PIECE_FRAMES:
            return False
        surplus = self.rehearsed - REHEARSAL_S * self.sample_rate_hz
        joins = self._known() - self.held.shape[2] <= self.exchange.stems_end()
        # where the other one writes nothing there is nothing to join
        return surplus >= 0 and (joins or surplus > self.latency_frames)

    def _take_over(self) -> None:
        """Goes on where the predecessor stopped."""
        exchange, held = self.exchange, self.held
        assert held is not None
        known = self._known()
        start, end = known - held.shape[2], exchange.stems_end()
        if end > known:
            return  # the predecessor was faster: its stems play until ours reach their end
        exchange.heir = 0
        self.held = None
        if start > end:
            exchange.restart_stems(start)
            end = start
        else:
            playing = exchange.mixture_end() - self.latency_frames
            fade = min(round(CROSSFADE_S * self.sample_rate_hz), end - start, (end - playing) // 2)
            if fade > 0:
                share = ((np.arange(fade) + 0.5) / fade).astype(np.float32)
                exchange.blend_stems(held[..., end - start - fade : end - start], share)
        exchange.write_stems(held[..., end - start :])

    def _known(self) -> int:
        """The position after the newest stem frame that the separator has given."""
        return self.position - self.separator.owed_frames


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the worker; returns its exit status."""
    options = _parser().parse_args(arguments)
    if not options.debug:
        sys.excepthook = _tell_fault
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    _die_with_parent()
    try:
        card = load_card(options.model)
        separator = Separator(
            card,
            options.sample_rate,
            usable_providers(options.provider or CPU),
            rule=options.rule,
            stems=options.stem or (),
        )
        exchange = Exchange.attach(options.fd)
        _check_fit(separator, exchange, options.latency_frames)
    except (CardError, ExchangeError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_MODEL
    worker = Worker(exchange, separator, options.sample_rate, options.latency_frames, os.getpid())
    if card.patience_samples == 0:
        _hurry()  # before it is timed: it is to be measured as it will work
    try:
        share = compute_share(separator)  # and the first calls' allocations are over before there is a deadline
    except CardError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_MODEL
    if share > HIGHEST_SHARE:
        print(f"the model needs {share:.1f} s of compute per second of sound here: use it on files", file=sys.stderr)
        return EXIT_TOO_SLOW
    if options.heir:
        worker.rehearse()
    else:
        worker.begin()
    busy_s = time.monotonic()
    while not stopping and os.getppid() == options.parent and not worker.succeeded():
        now_s = time.monotonic()
        if worker.turn():
            busy_s = now_s
        else:
            time.sleep(_POLL_S if now_s - busy_s < _IDLE_AFTER_S else _IDLE_POLL_S)
    return EXIT_ASKED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stemfield.separation.worker.worker", description="The separation process.")
    parser.add_argument("--fd", type=int, required=True, help="inherited descriptor of the exchange")
    parser.add_argument("--model", required=True, help="a model's name, folder or card")
    parser.add_argument("--sample-rate", type=int, required=True, help="of the exchange, in Hz")
    parser.add_argument("--latency-frames", type=int, required=True, help="how far behind the mixture stems are played")
    parser.add_argument("--provider", action="append", help="ONNX Runtime execution provider, the preferred one first")
    parser.add_argument("--rule", choices=RULES, default="soft", help="what of a bin the stems may keep")
    parser.add_argument("--stem", action="append", help="an instrument of the exchange, in its order")
    parser.add_argument("--heir", action="store_true", help="take over from the worker that plays, without a gap")
    parser.add_argument("--debug", action="store_true", help="show the traceback of a fault")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="stop when this is no longer the parent")
    return parser


def _tell_fault(kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
    """What ended the worker, in one line: the runtime of a model may raise anything."""
    print(f"{kind.__name__}: {' '.join(str(error).split())}".rstrip(": "), file=sys.stderr)


def _die_with_parent() -> None:
    """Has the kernel kill this process when the thread that started it is gone, even if it hangs in a model."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _hurry() -> None:
    """Comes before ordinary processes and after every audio thread, where the user may: JACK's threads have more.

    Not for models of whole chunks, which compute for too long without a pause.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def _check_fit(separator: Separator, exchange: Exchange, latency_frames: int) -> None:
    if exchange.stems != len(separator.stems):
        raise ValueError(f"the model has {len(separator.stems)} stems, the exchange {exchange.stems}")
    if latency_frames < separator.latency_frames:
        raise ValueError(f"latency {latency_frames} frames is less than the model's {separator.latency_frames}")


if __name__ == "__main__":
    sys.exit(main())
