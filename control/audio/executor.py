"""Work on one thread: calls one after another, or only the latest of what was submitted.

A call that has begun always finishes before the next begins, even if its caller gave up waiting: whatever a cancelled
start leaves behind, the close that follows finds. The thread is a daemon thread because a sound server that hangs may
block a call forever, and that must not keep the process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class SerialExecutor:
    """Runs calls one after another."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Run a call after those before it; the future gets its result or its exception."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 (it belongs to the owner of the future)
                future.set_exception(error)
            else:
                future.set_result(result)

        self._calls.put(run)
        return future

    def close(self, timeout_s: float) -> bool:
        """End the thread after the calls before; return whether it ended in time."""
        self._calls.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


class LatestWins(SerialExecutor, Generic[T]):
    """Handles the latest value offered; a value still waiting is merged into the one that follows it.

    Args:
        name: of the thread.
        handle: called with a value, always on that thread.
        merge: makes one value of two that wait, the older first.
    """

    def __init__(self, name: str, handle: Callable[[T], None], merge: Callable[[T, T], T]) -> None:
        super().__init__(name)
        self._handle = handle
        self._merge = merge
        self._lock = threading.Lock()
        self._waiting: list[T] = []

    def offer(self, value: T) -> None:
        """Have a value handled soon; never waits."""
        with self._lock:
            if self._waiting:
                self._waiting[0] = self._merge(self._waiting[0], value)
                return
            self._waiting.append(value)
        # An exception is logged by the future's callback, and the next value is handled.
        self.submit(self._handle_latest).add_done_callback(Future.result)

    def settle(self, timeout_s: float) -> None:
        """Wait until everything offered so far has been handled, or the timeout is over."""
        wait((self.submit(lambda: None),), timeout_s)

    def _handle_latest(self) -> None:
        with self._lock:
            value = self._waiting.pop()
        self._handle(value)
