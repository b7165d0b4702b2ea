"""Chooses the libjack: that of PipeWire where PipeWire runs and no jackd does, otherwise the system's.

PipeWire is a JACK server for programs that load its own libjack. `pw-jack` puts it first in the search path; here it is
loaded before the system's, under the same name, so that nobody has to know `pw-jack`. A server
name in the environment (JACK_DEFAULT_SERVER) means a jackd.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

LIBRARY: Final = "/usr/${LIB}/pipewire-0.3/jack/libjack.so.0"
"""The dynamic linker knows the folder for LIB."""
CONNECT_S: Final = 4.0
_JACKD: Final = ("jackd", "jackdbus")


def is_running() -> bool:
    """Whether a PipeWire of this user accepts connections."""
    folder = os.environ.get("PIPEWIRE_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    path = Path(folder) / os.environ.get("PIPEWIRE_REMOTE", "pipewire-0")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(CONNECT_S)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def chosen_library() -> Iterator[None]:
    """Make JACK-Client, if it is imported inside, find the right libjack."""
    if "JACK_DEFAULT_SERVER" in os.environ or not is_running() or _runs_jackd():
        yield
        return
    try:
        ctypes.CDLL(LIBRARY, ctypes.RTLD_GLOBAL)
    except OSError:  # pipewire-jack is not installed
        yield
        return
    found = ctypes.util.find_library
    ctypes.util.find_library = lambda name: "libjack.so.0" if name == "jack" else found(name)
    try:
        yield
    finally:
        ctypes.util.find_library = found


def _runs_jackd() -> bool:
    for process in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if process.read_text().strip() in _JACKD:
                return True
    return False
