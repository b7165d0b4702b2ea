"""Carries out bundles that are due, in slices that leave the loop time for everything else."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from stemfield.control.hub.peers import Peer
from stemfield.control.hub.schedule import PendingBundle
from stemfield.control.parameters.commands import Command, Problem

SLICE_S: Final = 0.005
"""Maximum time of a slice, give or take one step."""


class DueBundles:
    """A queue of bundles whose time has come.

    Args:
        steps: carries out commands step by step.
        on_end: called after a bundle.

    Attributes:
        last_s: monotonic time of the bundle that was started last.
    """

    def __init__(
        self,
        steps: Callable[[Sequence[Command | Problem], Peer], Iterator[int]],
        on_end: Callable[[PendingBundle], None],
    ) -> None:
        self._steps = steps
        self._on_end = on_end
        self.last_s = 0.0
        self._queue: deque[PendingBundle] = deque()
        self._running: Iterator[int] | None = None
        self._next_slice: asyncio.Handle | None = None

    def add(self, bundle: PendingBundle) -> None:
        """Carry out a bundle after those that came before it."""
        self._queue.append(bundle)
        if len(self._queue) == 1:
            self._run()

    def close(self) -> None:
        """Carry out nothing more."""
        if self._next_slice is not None:
            self._next_slice.cancel()

    def _run(self) -> None:
        self._next_slice, end_s = None, time.perf_counter() + SLICE_S
        while self._queue:
            bundle = self._queue[0]
            self.last_s = bundle.at_s
            while bundle.due:
                due, peer = bundle.due[0]
                self._running = self._running or self._steps(due, peer)
                for _ in self._running:
                    if time.perf_counter() > end_s:
                        self._next_slice = asyncio.get_running_loop().call_soon(self._run)
                        return
                self._running = None
                bundle.due.popleft()
            self._queue.popleft()
            self._on_end(bundle)
