"""Messages to systemd over the socket it names (sd_notify); nothing where it named none."""

from __future__ import annotations

import os
import socket

PATIENCE_S = 0.5


def notify(message: str) -> bool:
    """Tell the service manager something.

    Args:
        message: lines of `NAME=value`, such as `READY=1`, `STOPPING=1`, `WATCHDOG=1`, `STATUS=...`.

    Returns:
        Whether there was a manager to tell and it was told.
    """
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    # A name that begins with @ is in Linux's abstract name space, where a zero byte stands in its place.
    address = f"\0{path[1:]}" if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(PATIENCE_S)  # its queue may be full for a moment, and no message must be lost
            manager.sendto(message.encode(), address)
    except OSError:
        return False
    return True


def watchdog_interval_s() -> float | None:
    """How often `WATCHDOG=1` has to be sent, with a factor of two to spare; None where no watchdog waits for us."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or int(microseconds) == 0 or watched != str(os.getpid()):
        return None
    return int(microseconds) / 2e6
