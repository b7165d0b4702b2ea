"""Notifies the service manager while the daemon works, so that it restarts a daemon that does not.

A sound server that is there but whose callback renders no block for too long is the failure. Without a server there is
no callback, so a silent daemon counts as alive.

>>> heartbeat = Heartbeat(5.0)
>>> [heartbeat.is_alive(now_s, joined=True, blocks=100) for now_s in (0.0, 4.0, 5.1)]
[True, True, False]
>>> heartbeat.is_alive(5.2, joined=True, blocks=101)
True
"""

from __future__ import annotations

from collections.abc import Callable

from stemfield.control.faults import Contained
from stemfield.systemd.notify import notify

ABSENT_S = 3.0
"""Time after which a server counts as gone; rejoining one because of its silence must not end the silence."""


class Heartbeat:
    """Judges the audio callback.

    Args:
        timeout_s: longest time that a server may be there without a block.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._blocks = -1
        self._beat_s: float | None = None
        self._joined_s: float | None = None

    def is_alive(self, now_s: float, *, joined: bool, blocks: int) -> bool:
        """Whether the callback works; call it a few times a second.

        Args:
            now_s: monotonic time.
            joined: whether a driver is there that should call.
            blocks: number of blocks rendered; any change is a sign of life.
        """
        if joined:
            self._joined_s = now_s
        absent = self._joined_s is None or now_s - self._joined_s > ABSENT_S
        if absent or blocks != self._blocks or self._beat_s is None:
            self._blocks, self._beat_s = blocks, now_s
        return now_s - self._beat_s <= self._timeout_s


class Watchdog:
    """Notifies the service manager twice in each interval while the callback works.

    Args:
        interval_s: interval of the service manager's watchdog; None where there is none.
        notify: sends one notification.
    """

    def __init__(self, interval_s: float | None, notify: Callable[[str], object] = notify) -> None:
        self._interval_s = interval_s
        self._heartbeat = Heartbeat(interval_s or 0.0)
        self._notify = notify
        self._notified_s = 0.0

    def update(self, now_s: float, *, joined: bool, blocks: int) -> None:
        """Notify if it is due; see `Heartbeat.is_alive`."""
        if self._interval_s is None:
            return
        with Contained("the watchdog cannot be notified"):  # it then ends this process, as it should
            alive = self._heartbeat.is_alive(now_s, joined=joined, blocks=blocks)
            if alive and now_s - self._notified_s > self._interval_s / 2:
                self._notify("WATCHDOG=1")
                self._notified_s = now_s
