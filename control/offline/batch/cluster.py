"""The processes that do the work: a cluster of Dask on this machine, or one that runs elsewhere.

Messages of Dask can carry code. The cluster of our own listens at this machine's loopback alone, and only to holders
of a certificate that is made at its start and kept in memory.
"""

from __future__ import annotations

import importlib.util
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import dask
from dask.system import CPU_COUNT
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
from distributed.security import Security

from stemfield.control.offline.batch.work import Outcome, Task, failed, perform
from stemfield.control.problems import FAILED, CommandError

LOOPBACK = "127.0.0.1"
_AHEAD = 2
"""Tasks that wait for each worker: enough that none is idle, and few enough that a scheduler holds any catalogue."""


@contextmanager
def local_crew(workers: int | None, retries: int) -> Iterator[Client]:
    """A cluster on this machine, for as long as it is needed.

    Args:
        workers: processes of one thread each; None is one a core.
        retries: how often the work of a process that died is begun again.
    """
    dashboard = f"{LOOPBACK}:0" if importlib.util.find_spec("bokeh") else None
    settings = {
        "distributed.scheduler.allowed-failures": retries,
        # none waits at a process that may die: only the file that was worked on pays for it
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.scheduler.work-stealing": False,
        # it looks at every frame of the stack 100 times a second, and compilers have deep ones
        "distributed.worker.profile.enabled": False,
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers or CPU_COUNT,
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
def hired_crew(address: str, timeout_s: float) -> Iterator[Client]:
    """The workers of a scheduler that runs already.

    Args:
        address: such as `tcp://127.0.0.1:8786`.
        timeout_s: by when the scheduler must answer, and a worker be there.

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


def dashboard_of(client: Client) -> str | None:
    """Where the work can be watched, if it can."""
    has_one = "dashboard" in client.scheduler_info()["services"]
    return str(client.dashboard_link) if has_one else None


def outcomes(client: Client, tasks: Sequence[Task]) -> Iterator[Outcome]:
    """What becomes of each task, in the order in which they end.

    Raises:
        CommandError: the scheduler went away.
    """
    waiting = deque(tasks)
    under_way: dict[str, Task] = {}
    ends = as_completed()

    def hand_out() -> None:
        most = _AHEAD * max(sum(client.nthreads().values()), 1)
        while waiting and len(under_way) < most:
            task = waiting.popleft()
            future = client.submit(perform, asdict(task), pure=False)
            under_way[future.key] = task
            ends.add(future)

    try:
        hand_out()
        for future in ends:
            yield _outcome(under_way.pop(future.key), future)
            future.release()
            hand_out()
    except OSError as error:
        raise CommandError(["the scheduler went away; what is done is kept"], FAILED) from error


def _outcome(task: Task, future: Future) -> Outcome:
    if future.status == "finished":
        return Outcome(**future.result())
    if future.status != "error":
        raise CommandError(["the scheduler went away; what is done is kept"], FAILED)
    error = future.exception()
    if isinstance(error, KilledWorker):
        return failed(task, f"{task.recording}: its worker process died, again and again")
    return failed(task, f"{task.recording}: {type(error).__name__}: {error}")
