"""The worker processes of a batch: a Dask cluster on this machine, or one that is running elsewhere.

Dask messages can carry code. The local cluster therefore listens on the loopback interface only, and accepts only
holders of a certificate that is made at its start and kept in memory.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import dask
from dask.system import CPU_COUNT
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
from distributed.security import Security

from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.offline.batch.work import Outcome, Task, failed, perform

LOOPBACK = "127.0.0.1"
WORKER_BYTES = 2 << 30
"""Memory of a process: the model for files takes 1.7 GB."""
_AHEAD = 2
"""Tasks submitted per worker: none is idle, and the scheduler can hold a catalogue of any length."""


@contextmanager
def local_cluster(workers: int | None, retries: int) -> Iterator[Client]:
    """A cluster on this machine, closed at the end.

    Args:
        workers: number of processes, of one thread each; None: one a core, if each has `WORKER_BYTES`.
        retries: how often a task is retried whose process died.
    """
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    dashboard = f"{LOOPBACK}:0" if importlib.util.find_spec("bokeh") else None
    settings = {
        "distributed.scheduler.allowed-failures": retries,
        # no task is queued at a process that may die: only the one in progress is lost
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.scheduler.work-stealing": False,
        # profiling walks the stack 100 times a second, and compilers have deep stacks
        "distributed.worker.profile.enabled": False,
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers or max(min(CPU_COUNT, memory_bytes // WORKER_BYTES), 1),
            threads_per_worker=1,
            processes=True,
            host=LOOPBACK,
            protocol="tls://",
            security=Security.temporary(),
            dashboard_address=dashboard,
            worker_dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def remote_cluster(address: str, timeout_s: float) -> Iterator[Client]:
    """The workers of a running scheduler.

    Args:
        address: address of the scheduler, such as `tcp://127.0.0.1:8786`.
        timeout_s: timeout for the scheduler to answer, and for its first worker.

    Raises:
        CommandError: it cannot be reached, or has no worker.
    """
    try:
        client = Client(address, timeout=timeout_s)
    except (OSError, ValueError, TypeError) as error:
        reason = "" if isinstance(error, OSError) else f" ({' '.join(str(error).split())})"
        raise CommandError([f"--scheduler {address}: no scheduler answers within {timeout_s:g} s{reason}"]) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout_s)
        except TimeoutError as error:
            raise CommandError([f"--scheduler {address}: has no worker within {timeout_s:g} s"], FAILED) from error
        yield client


def dashboard_url(client: Client) -> str | None:
    """URL of the dashboard, if there is one."""
    has_one = "dashboard" in client.scheduler_info()["services"]
    return str(client.dashboard_link) if has_one else None


def outcomes(client: Client, tasks: Sequence[Task]) -> Iterator[Outcome]:
    """The outcome of each task, in the order in which they end.

    Raises:
        CommandError: the connection to the scheduler was lost.
    """
    waiting = deque(tasks)
    running: dict[str, Task] = {}
    ends = as_completed()

    def submit() -> None:
        limit = _AHEAD * max(sum(client.nthreads().values()), 1)
        while waiting and len(running) < limit:
            task = waiting.popleft()
            future = client.submit(perform, asdict(task), pure=False)
            running[future.key] = task
            ends.add(future)

    try:
        submit()
        for future in ends:
            yield _outcome(running.pop(future.key), future)
            future.release()
            submit()
    except OSError as error:
        raise CommandError(["the connection to the scheduler was lost; finished results are kept"], FAILED) from error


def _outcome(task: Task, future: Future) -> Outcome:
    if future.status == "finished":
        return Outcome(**future.result())
    if future.status != "error":
        raise CommandError(["the connection to the scheduler was lost; finished results are kept"], FAILED)
    error = future.exception()
    if isinstance(error, KilledWorker):
        return failed(task, f"{task.recording}: its worker process died repeatedly")
    return failed(task, f"{task.recording}: {type(error).__name__}: {error}")
