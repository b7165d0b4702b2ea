"""Scenes that are heard a while after they were made, so that other rooms can be told of them in time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from stemfield.renderer.engine.plan import STEPS
from stemfield.renderer.timed_scene import TimedScene


class Lag:
    """Stands between the hub and what sounds.

    Args:
        follow: told what is to be heard, the present scene and the next ones.
        lag_s: by how much later all of it is heard.
        made_s: when the scene was made of which is told, monotonic.
    """

    def __init__(
        self,
        follow: Callable[[Sequence[TimedScene]], None],
        lag_s: float,
        made_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lag_s = lag_s
        self._made_s = made_s
        self._follow = follow
        self._heard: TimedScene | None = None
        self._newest: TimedScene | None = None
        self._waiting: deque[TimedScene] = deque()
        self._later: tuple[TimedScene, ...] = ()
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, cues: Sequence[TimedScene]) -> None:
        """Have the first scene heard when the lag is over, and the others so much later than they say."""
        present, due_s = cues[0], self._made_s() + self.lag_s
        if self.lag_s <= 0.0 or self._newest is None:
            self._waiting.clear()
            self._heard = present
        elif present.scene is not self._newest.scene:
            # What was foreseen for a time belongs to it, however late it was carried out.
            foreseen = next((cue.at_s for cue in self._later if cue.scene is present.scene), due_s)
            self._waiting.append(replace(present, at_s=foreseen))
        self._newest = present
        self._later = tuple(replace(cue, at_s=cue.at_s + self.lag_s) for cue in cues[1:])
        self._show()

    def close(self) -> None:
        """Forget what waits."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()

    def _show(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._waiting[0].at_s <= loop.time():
            self._heard = self._waiting.popleft()
        assert self._heard is not None
        # No plan holds more; the next ones come into it as these are heard.
        self._follow((self._heard, *self._waiting, *self._later)[:STEPS])
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0].at_s, self._show)
