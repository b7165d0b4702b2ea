"""Messages to the service manager by sd_notify; without its socket they are dropped."""

from __future__ import annotations

import os
import socket

TIMEOUT_S = 0.5


def notify(message: str) -> bool:
    """Send a message to the service manager.

    Args:
        message: lines of `NAME=value`, such as `READY=1`, `STOPPING=1`, `WATCHDOG=1`, `STATUS=...`.

    Returns:
        Whether it was sent.
    """
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    # @ marks an address in Linux's abstract namespace, which begins with a zero byte.
    address = f"\0{path[1:]}" if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(TIMEOUT_S)  # its queue may be full for a moment
            manager.sendto(message.encode(), address)
    except OSError:
        return False
    return True


def watchdog_interval_s() -> float | None:
    """Half the watchdog's timeout, as the interval for sending `WATCHDOG=1`; None without a watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or int(microseconds) == 0 or watched != str(os.getpid()):
        return None
    return int(microseconds) / 2e6
