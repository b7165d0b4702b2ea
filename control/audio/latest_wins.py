"""Work that follows from the newest of what is offered, in a thread: whoever offers never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from stemfield.control.audio.serial_executor import Lane

T = TypeVar("T")


class Newest(Generic[T]):
    """Carries out what was offered last; what is overtaken while it waits is merged into what comes after it.

    Args:
        name: of the thread.
        act: what to do, always in that thread.
        merge: makes one of two that wait, the older first; where not given the newer one is taken.
    """

    def __init__(
        self, name: str, act: Callable[[T], None], merge: Callable[[T, T], T] = lambda _, newer: newer
    ) -> None:
        self._lane = Lane(name)
        self._act = act
        self._merge = merge
        self._lock = threading.Lock()
        self._waiting: list[T] = []

    def offer(self, thing: T) -> None:
        """Have it carried out soon."""
        with self._lock:
            if self._waiting:
                self._waiting[0] = self._merge(self._waiting[0], thing)
                return
            self._waiting.append(thing)
        # A fault in it is told in the log, and the next is carried out.
        self._lane.submit(self._run).add_done_callback(Future.result)

    def settle(self, patience_s: float) -> None:
        """Wait until what was offered before is carried out, but no longer."""
        wait((self._lane.submit(lambda: None),), patience_s)

    def close(self, patience_s: float) -> bool:
        """End the thread after what waits; whether it ended in time."""
        return self._lane.close(patience_s)

    def _run(self) -> None:
        with self._lock:
            thing = self._waiting.pop()
        self._act(thing)
