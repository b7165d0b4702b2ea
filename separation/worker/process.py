"""The separation worker as a child process, seen from the daemon."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from stemfield.renderer.ring import Exchange

_log = logging.getLogger(__name__)


class WorkerProcess:
    """A running worker; what it writes to standard error goes to the log.

    The kernel kills the worker when the thread that made this object ends: start it from one that lives as long.

    Args:
        exchange: the memory that it works on.
        model: folder or card of the model.
        sample_rate_hz: of the exchange.
        latency_frames: how far behind the mixture the engine plays the stems; at least the separator's.
        providers: ONNX Runtime's execution providers, the preferred one first; none for the processor.
        rule: what of a bin the stems may keep.
        stems: the instruments of the exchange, in its order; none for the model's own.
        heir: whether it takes over, without a gap, from the worker that plays.
    """

    def __init__(
        self,
        exchange: Exchange,
        model: Path,
        sample_rate_hz: int,
        latency_frames: int,
        providers: Sequence[str] = (),
        *,
        rule: str = "soft",
        stems: Sequence[str] = (),
        heir: bool = False,
    ) -> None:
        command = [sys.executable, "-P", "-m", "stemfield.separation.worker.worker"]
        command += [f"--fd={exchange.fd}", f"--model={model.resolve()}", f"--sample-rate={sample_rate_hz}"]
        command += [f"--latency-frames={latency_frames}", f"--parent={os.getpid()}"]
        command += [f"--provider={provider}" for provider in providers]
        command += [f"--rule={rule}", *(f"--stem={stem}" for stem in stems), *(["--heir"] if heir else [])]
        command += ["--debug"] if _log.isEnabledFor(logging.DEBUG) else []
        self.last_message = ""
        """The newest line that the worker wrote: the reason, after it ended by itself."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(exchange.fd,),
            # NumPy's pool of threads would only take cores from the audio.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            text=True,
            errors="replace",
        )
        self._reader = Thread(target=self._forward, name=f"worker {self.pid} messages", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int:
        """Exit status, once it has ended and its messages are in the log.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        status = self._process.wait(timeout_s)
        self._reader.join()
        return status

    def terminate(self) -> None:
        """Asks it to stop (SIGTERM)."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it at once (SIGKILL)."""
        self._process.kill()

    def _forward(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as messages:
            for line in messages:
                self.last_message = line.rstrip()
                _log.warning("separation worker %d: %s", self.pid, self.last_message)
