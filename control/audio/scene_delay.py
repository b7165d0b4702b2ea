"""Delays scenes by a fixed time, so that mirrors can be sent them early and all rooms change together."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from stemfield.renderer.engine.plan import MAX_TARGETS
from stemfield.renderer.scene.timed_scene import TimedScene


class SceneDelay:
    """Stands between the hub and the audio while some mirror is sent scenes ahead of time.

    Args:
        follow: gets the scenes due: the current one and the next ones.
        delay_s: delay of every scene; above 0.
        present: scene in force now.
        made_s: gives the monotonic time at which the scene passed to `follow` was made.
    """

    def __init__(
        self,
        follow: Callable[[Sequence[TimedScene]], None],
        delay_s: float,
        present: TimedScene,
        made_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.delay_s = delay_s
        self._made_s = made_s
        self._follow = follow
        self._due = self._newest = present
        self._waiting: deque[TimedScene] = deque()
        self._later: tuple[TimedScene, ...] = ()
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, scenes: Sequence[TimedScene]) -> None:
        """Pass the first scene on after the delay, and the others that much later than their times."""
        present = scenes[0]
        if present.scene is not self._newest.scene:
            # A scene scheduled for a time belongs to that time, however late it was carried out.
            made_s = self._made_s() + self.delay_s
            at_s = next((later.at_s for later in self._later if later.scene is present.scene), made_s)
            self._waiting.append(replace(present, at_s=at_s))
        self._newest = present
        self._later = tuple(replace(later, at_s=later.at_s + self.delay_s) for later in scenes[1:])
        self._pass_on()

    def end(self) -> None:
        """Put the newest scene in force now, and delay no more."""
        self.close()
        self._follow((self._newest,))

    def close(self) -> None:
        """Drop what waits."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()

    def _pass_on(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._waiting[0].at_s <= loop.time():
            self._due = self._waiting.popleft()
        # A plan holds no more; the next ones enter it as these fall due.
        self._follow((self._due, *self._waiting, *self._later)[:MAX_TARGETS])
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0].at_s, self._pass_on)
