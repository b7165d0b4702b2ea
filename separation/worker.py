"""The separation process: mixture out of the shared memory, stems into it, until it is told to stop.

`python -m stemfield.separation.worker --fd N --model PATH --sample-rate R --latency-frames L`

Exit status: 0 it was asked to stop, or its parent is gone; 2 the model or an argument is bad, with one line on standard
error that says what. Any other status is a fault. Nothing here ever blocks the engine: what comes too late is skipped.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

import numpy as np

from stemfield.renderer.ring import Exchange, ExchangeError
from stemfield.separation.card import CardError, load_card
from stemfield.separation.session import CPU
from stemfield.separation.streaming import Separator

EXIT_ASKED = 0
EXIT_BAD_MODEL = 2
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
    position: int = 0
    """The next mixture frame to read."""

    def begin(self) -> None:
        """Starts at the present: nothing before it will be separated."""
        self.position = self.exchange.mixture_end()
        self.separator.reset()
        self.exchange.restart_stems(self.position)

    def turn(self) -> bool:
        """Separates what is there, a piece at most; returns whether that was worth while."""
        exchange, separator = self.exchange, self.separator
        exchange.beat()
        end = exchange.mixture_end()
        frames = min(end - self.position, PIECE_FRAMES)
        if self.position + frames - separator.latency_frames < end - self.latency_frames:
            exchange.late += 1
            self.begin()
            return True
        if frames < separator.wanted_frames:
            return False
        started_s = time.perf_counter()
        separator.threshold = min(1.0, max(0.0, exchange.threshold))
        stems = separator.feed(exchange.read_mixture(self.position, frames))
        self.position += frames
        if stems.shape[2]:
            exchange.write_stems(stems)
        audio_s = frames / self.sample_rate_hz
        weight = min(audio_s / _LOAD_SMOOTHING_S, 1.0)
        exchange.load += weight * ((time.perf_counter() - started_s) / audio_s - exchange.load)
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the worker; returns its exit status."""
    options = _parser().parse_args(arguments)
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    _die_with_parent()
    try:
        separator = Separator(load_card(options.model), options.sample_rate, options.provider or CPU)
        exchange = Exchange.attach(options.fd)
        _check_fit(separator, exchange, options.latency_frames)
    except (CardError, ExchangeError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_MODEL
    _warm_up(separator)
    worker = Worker(exchange, separator, options.sample_rate, options.latency_frames)
    worker.begin()
    busy_s = time.monotonic()
    while not stopping and os.getppid() == options.parent:
        now_s = time.monotonic()
        if worker.turn():
            busy_s = now_s
        else:
            time.sleep(_POLL_S if now_s - busy_s < _IDLE_AFTER_S else _IDLE_POLL_S)
    return EXIT_ASKED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stemfield.separation.worker", description="The separation process.")
    parser.add_argument("--fd", type=int, required=True, help="inherited descriptor of the exchange")
    parser.add_argument("--model", required=True, help="a model's name, folder or card")
    parser.add_argument("--sample-rate", type=int, required=True, help="of the exchange, in Hz")
    parser.add_argument("--latency-frames", type=int, required=True, help="how far behind the mixture stems are played")
    parser.add_argument("--provider", action="append", help="ONNX Runtime execution provider, the preferred one first")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="stop when this is no longer the parent")
    return parser


def _die_with_parent() -> None:
    """Has the kernel kill this process when the thread that started it is gone, even if it hangs in a model."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _check_fit(separator: Separator, exchange: Exchange, latency_frames: int) -> None:
    if exchange.stems != len(separator.stems):
        raise ValueError(f"the model has {len(separator.stems)} stems, the exchange {exchange.stems}")
    if latency_frames < separator.latency_frames:
        raise ValueError(f"latency {latency_frames} frames is less than the model's {separator.latency_frames}")


def _warm_up(separator: Separator) -> None:
    """Makes the first call's allocations before there is a deadline."""
    noise = np.random.default_rng(0).standard_normal((2, 2 * separator.latency_frames))
    separator.feed(noise.astype(np.float32))


if __name__ == "__main__":
    sys.exit(main())
