"""The separation process: reads the mixture from shared memory and writes the stems until it is stopped.

`python -m stemfield.separation.worker.worker --fd N --model PATH --sample-rate R --latency-frames L`

Exit status: 0 after a stop request, when the parent is gone, or when a successor has taken over; 2 for an unusable
model or argument; 4 for a model too slow for this machine. Every other status is a fault. The reason is one line on
standard error. The worker never blocks the engine: audio that would be late is skipped.

A worker started as a successor first runs in standby, without output. Once it has warmed up it requests the timeline;
the active worker finishes its current block and exits, and the successor continues with the next frame, cross-faded if
there is time. This makes a change of model gapless.
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

from stemfield.renderer.timeline import Timeline, TimelineError
from stemfield.separation.cards.card import CardError, load_card
from stemfield.separation.runtime.providers import CPU, usable_providers
from stemfield.separation.signal.masks import RULES
from stemfield.separation.streaming.speed import realtime_factor
from stemfield.separation.streaming.streaming import Separator

EXIT_STOPPED = 0
EXIT_BAD_MODEL = 2
EXIT_TOO_SLOW = 4
MAX_REALTIME_FACTOR = 0.9
"""Maximum seconds of compute per second of audio for live use."""
WARM_UP_S = 0.5
"""Audio that a successor processes in standby before it requests the timeline."""
CROSSFADE_S = 0.01
MAX_BLOCK_FRAMES = 8192
"""Maximum number of frames separated before stems are published."""
_POLL_S = 0.001
_IDLE_POLL_S = 0.01
_IDLE_AFTER_S = 0.5
_MAX_NAP_S = 0.03
_NAPS_S = 0.25
_LOAD_SMOOTHING_S = 1.0
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Worker:
    """Processing loop between a timeline and a separator.

    The engine plays position `mixture_end() - latency_frames`. If the stems of the next block would be late, the worker
    drops the backlog and restarts at the present.
    """

    timeline: Timeline
    separator: Separator
    latency_frames: int
    pid: int = 0
    """Identifies this worker in the timeline."""
    position: int = 0
    """Next mixture frame to read."""
    held: NDArray[np.float32] | None = None
    """In standby: the newest stems, not yet written, up to the separator's position. None when active."""
    standby_frames: int = 0
    """Frames separated in standby."""

    def nap(self) -> bool:
        """Sleep through silence for `_NAPS_S`, while the silent stems go on; False if the input is not silent.

        Naps are so short that a sound is discovered before the model has enough of it for its first stems.
        """
        timeline, separator = self.timeline, self.separator
        if self.held is not None or not separator.is_asleep or self.position != timeline.stems_end():
            return False
        nap_s = min(0.75 * separator.latency_frames / separator.sample_rate_hz, _MAX_NAP_S)
        end = timeline.write_silence(nap_s, _NAPS_S)
        self._count_load(end - self.position, 0.0)
        self.position = end
        return end == timeline.mixture_end()

    def restart(self) -> None:
        """Restart at the present; earlier audio is not separated."""
        self.position = self.timeline.mixture_end()
        self.separator.reset()
        if self.held is None:
            self.timeline.owner = self.pid
            self.timeline.restart_stems(self.position)
        else:
            # the separator's state is reset, and the held stems are no longer contiguous
            self.held = self.held[..., :0]
            self.standby_frames = 0
            if self.timeline.successor == self.pid:
                self.timeline.successor = 0

    def stand_by(self) -> None:
        """Start in standby at the present: stems are held and not written."""
        self.held = np.zeros((len(self.separator.stems), 2, 0), np.float32)
        self.restart()

    def hand_over(self) -> bool:
        """Hand the timeline over to a waiting successor; returns whether this worker is done.

        A successor that has fallen behind since its request has to catch up first.
        """
        timeline = self.timeline
        successor = timeline.successor
        if self.held is not None or successor in (0, self.pid):
            return False
        if timeline.mixture_end() - timeline.successor_position > timeline.frames // 4:
            return False
        timeline.owner = successor
        return True

    def process(self) -> bool:
        """Separate the available audio, at most one block; returns whether there was anything to do."""
        timeline, separator = self.timeline, self.separator
        if self.held is None or timeline.owner == self.pid:
            timeline.beat()
        if self.held is not None and timeline.owner == self.pid:
            self._take_over()
        end = timeline.mixture_end()
        frames = min(end - self.position, MAX_BLOCK_FRAMES)
        if self.position + frames - separator.latency_frames < end - self.latency_frames and not self._is_covered(end):
            timeline.late += self.held is None
            self.restart()
            return True
        if frames < min(separator.needed_frames, MAX_BLOCK_FRAMES):
            return False
        started_s, before = time.perf_counter(), separator.separated_frames
        separator.threshold = min(1.0, max(0.0, timeline.threshold))
        stems = separator.feed(timeline.read_mixture(self.position, frames))
        self.position += frames
        if self.held is not None:
            self._hold(stems)
        else:
            if stems.shape[2]:
                timeline.write_stems(stems)
            timeline.separated += separator.separated_frames - before
            self._count_load(frames, time.perf_counter() - started_s)
        return True

    def _count_load(self, frames: int, took_s: float) -> None:
        """Add the time that some frames took to the load."""
        audio_s = frames / self.separator.sample_rate_hz
        weight = min(audio_s / _LOAD_SMOOTHING_S, 1.0)
        if audio_s > 0.0:
            self.timeline.load += weight * (took_s / audio_s - self.timeline.load)

    def _is_covered(self, end: int) -> bool:
        """Whether a successor has time to catch up because the predecessor's stems still play."""
        timeline = self.timeline
        inherits = self.held is not None and timeline.owner == self.pid
        plays = timeline.stems_end() > end - self.latency_frames
        return inherits and plays and end - self.position < timeline.frames // 2

    def _hold(self, stems: NDArray[np.float32]) -> None:
        assert self.held is not None
        self.held = np.concatenate([self.held, stems], axis=2)[..., -self.timeline.frames // 2 :]
        self.standby_frames += stems.shape[2]
        self.timeline.successor_position = self.position
        if self.timeline.owner != self.pid and self._is_ready():
            self.timeline.successor = self.pid

    def _is_ready(self) -> bool:
        """Whether this successor has warmed up, is close to the present, and holds stems contiguous with those written.

        Audio that arrived during the last block is processed first: a successor that takes over too far behind would
        have to drop the timeline.
        """
        assert self.held is not None
        if self.timeline.mixture_end() - self.position > 2 * MAX_BLOCK_FRAMES:
            return False
        surplus = self.standby_frames - WARM_UP_S * self.separator.sample_rate_hz
        joins = self._known() - self.held.shape[2] <= self.timeline.stems_end()
        # a predecessor that writes nothing leaves nothing to continue from
        return surplus >= 0 and (joins or surplus > self.latency_frames)

    def _take_over(self) -> None:
        """Continue where the predecessor stopped."""
        timeline, held = self.timeline, self.held
        assert held is not None
        known = self._known()
        start, end = known - held.shape[2], timeline.stems_end()
        if end > known:
            return  # the predecessor was ahead: its stems play until this worker reaches their end
        timeline.successor = 0
        self.held = None
        if start > end:
            timeline.restart_stems(start)
            end = start
        else:
            playing = timeline.mixture_end() - self.latency_frames
            fade = min(round(CROSSFADE_S * self.separator.sample_rate_hz), end - start, (end - playing) // 2)
            if fade > 0:
                share = ((np.arange(fade) + 0.5) / fade).astype(np.float32)
                timeline.blend_stems(held[..., end - start - fade : end - start], share)
        timeline.write_stems(held[..., end - start :])

    def _known(self) -> int:
        """Position after the newest stem frame returned by the separator."""
        return self.position - self.separator.pending_frames


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker; returns its exit status."""
    options = _parser().parse_args(arguments)
    if not options.debug:
        sys.excepthook = _report_fault
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent decides
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
        timeline = Timeline.attach(options.fd)
        _check_compatible(separator, timeline, options.latency_frames)
    except (CardError, TimelineError, ValueError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_MODEL
    worker = Worker(timeline, separator, options.latency_frames, os.getpid())
    if card.compute_margin_samples == 0:
        _use_realtime_scheduling()  # before the measurement, which should show the speed in use
    try:
        factor = realtime_factor(separator)  # also gets the allocations of the first calls out of the way
    except CardError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_MODEL
    if factor > MAX_REALTIME_FACTOR:
        print(f"the model needs {factor:.1f} s of compute per second of sound here: use it on files", file=sys.stderr)
        return EXIT_TOO_SLOW
    if options.successor:
        worker.stand_by()
    else:
        worker.restart()
    busy_s = time.monotonic()
    while not stopping and os.getppid() == options.parent and not worker.hand_over():
        now_s = time.monotonic()
        if worker.process():
            busy_s = now_s
        elif not worker.nap():
            time.sleep(_POLL_S if now_s - busy_s < _IDLE_AFTER_S else _IDLE_POLL_S)
    return EXIT_STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stemfield.separation.worker.worker", description="The separation process.")
    parser.add_argument("--fd", type=int, required=True, help="inherited file descriptor of the timeline")
    parser.add_argument("--model", required=True, help="name, folder or card of the model")
    parser.add_argument("--sample-rate", type=int, required=True, help="sample rate of the timeline, in Hz")
    parser.add_argument("--latency-frames", type=int, required=True, help="delay of the stems behind the mixture")
    parser.add_argument("--provider", action="append", help="ONNX Runtime execution provider, in order of preference")
    parser.add_argument("--rule", choices=RULES, default="soft", help="mask rule")
    parser.add_argument("--stem", action="append", help="instrument of the timeline, in its order")
    parser.add_argument("--successor", action="store_true", help="take over from the active worker without a gap")
    parser.add_argument("--debug", action="store_true", help="show the traceback of a fault")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="stop when this is no longer the parent")
    return parser


def _report_fault(kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
    """Print a fault on one line; a model's runtime may raise anything."""
    print(f"{kind.__name__}: {' '.join(str(error).split())}".rstrip(": "), file=sys.stderr)


def _die_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends, even if a model hangs."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _use_realtime_scheduling() -> None:
    """Run at the lowest real-time priority, if permitted: above ordinary processes, below JACK's threads.

    Not for chunk models, which compute for too long without a pause.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def _check_compatible(separator: Separator, timeline: Timeline, latency_frames: int) -> None:
    if timeline.stems != len(separator.stems):
        raise ValueError(f"stems: expected {timeline.stems} as in the timeline, got {len(separator.stems)}")
    if latency_frames < separator.latency_frames:
        raise ValueError(f"latency: expected at least {separator.latency_frames} frames, got {latency_frames}")


if __name__ == "__main__":
    sys.exit(main())
