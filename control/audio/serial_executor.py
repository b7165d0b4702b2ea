"""One thread for everything that talks to a sound server, so that its calls never overlap.

A call that has begun is always finished before the next begins, also when whoever awaited it gave up: what a cancelled
start left behind, the close that follows finds. The thread is a daemon thread, because a server that hangs may keep a
call for ever, and that must not keep the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Lane:
    """Runs calls one after another."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Runs a call after those before it; the future has its result or its exception."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 (whatever it is belongs to whoever waits for the future)
                future.set_exception(error)
            else:
                future.set_result(result)

        self._calls.put(run)
        return future

    def close(self, patience_s: float) -> bool:
        """Ends the thread after the calls before; whether it ended in time."""
        self._calls.put(None)
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
