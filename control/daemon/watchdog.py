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

from stemfield.systemd.notify import notify

EXTENSION_S = 60
"""Extra time requested for a start that is still in progress."""
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


class ServiceManager:
    """Keeps systemd informed; without systemd nothing is sent.

    Args:
        watchdog_s: interval of systemd's watchdog; None if it has none.
        notify: sends one notification.
    """

    def __init__(self, watchdog_s: float | None, notify: Callable[[str], object] = notify) -> None:
        self._watchdog_s = watchdog_s
        self._heartbeat = Heartbeat(watchdog_s or 0.0)
        self._notify = notify
        self._ready = False
        self._extended_s = self._notified_s = 0.0

    def ready(self) -> None:
        """Report the end of the start."""
        self._ready = True
        self._notify("READY=1")

    def update(self, now_s: float, *, joined: bool, blocks: int) -> None:
        """Request more time while the start is in progress, and report a working callback; see `Heartbeat`."""
        if not self._ready and now_s - self._extended_s > EXTENSION_S / 60:
            self._notify(f"EXTEND_TIMEOUT_USEC={EXTENSION_S * 1_000_000}")
            self._extended_s = now_s
        if self._watchdog_s is None or not self._heartbeat.is_alive(now_s, joined=joined, blocks=blocks):
            return
        if now_s - self._notified_s > self._watchdog_s / 2:
            self._notify("WATCHDOG=1")
            self._notified_s = now_s
