"""The daemon's handle on the separation worker process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from stemfield.renderer.timeline import Timeline

_log = logging.getLogger(__name__)


class WorkerProcess(subprocess.Popen[str]):
    """A running worker whose standard error is forwarded to the log.

    The kernel kills the worker when the thread that created this object ends, so create it in a long-lived thread.

    Args:
        timeline: shared memory to work on.
        model: folder or card of the model.
        sample_rate_hz: sample rate of the timeline.
        latency_frames: delay of the stems behind the mixture in the engine; at least the separator's latency.
        providers: ONNX Runtime execution providers in order of preference; empty for the CPU.
        rule: mask rule.
        stems: instruments in the order of the timeline; empty for the model's stems.
        successor: whether to take over from the active worker without a gap.
    """

    def __init__(
        self,
        timeline: Timeline,
        model: Path,
        sample_rate_hz: int,
        latency_frames: int,
        providers: Sequence[str] = (),
        *,
        rule: str = "soft",
        stems: Sequence[str] = (),
        successor: bool = False,
    ) -> None:
        command = [sys.executable, "-P", "-m", "stemfield.separation.worker.worker"]
        command += [f"--fd={timeline.fd}", f"--model={model.resolve()}", f"--sample-rate={sample_rate_hz}"]
        command += [f"--latency-frames={latency_frames}", f"--parent={os.getpid()}"]
        command += [f"--provider={provider}" for provider in providers]
        command += [f"--rule={rule}", *(f"--stem={stem}" for stem in stems), *(["--successor"] if successor else [])]
        command += ["--debug"] if _log.isEnabledFor(logging.DEBUG) else []
        self.last_message = ""
        """Last line of the worker's standard error; the reason when the worker ended by itself."""
        super().__init__(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(timeline.fd,),
            # NumPy's thread pool would only take cores from the audio.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            text=True,
            errors="replace",
        )
        self._reader = Thread(target=self._forward, name=f"worker {self.pid} messages", daemon=True)
        self._reader.start()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status; by then all messages are in the log.

        Raises:
            subprocess.TimeoutExpired: still running.
        """
        status = super().wait(timeout)
        self._reader.join()
        return status

    def _forward(self) -> None:
        assert self.stderr is not None
        with self.stderr as messages:
            for line in messages:
                self.last_message = line.rstrip()
                _log.warning("separation worker %d: %s", self.pid, self.last_message)
