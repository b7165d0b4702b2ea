"""Stale files in shared memory of JACK servers that were killed."""

from __future__ import annotations

import errno
import glob
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

SHARED: Final = Path("/dev/shm")  # noqa: S108 (JACK uses it)
REGISTRY: Final = "jack-shm-registry"
MAX_HEAD: Final = 65_536
_MAGIC: Final = 0x4A41434B
_HEAD: Final = struct.Struct("=6I")
"""Magic, protocol, type, size, length of the header with the table of servers, length of an entry."""
_PLACE: Final = struct.Struct("=i260s")
"""Process id, and prefix of a server's names."""


@dataclass(frozen=True, slots=True)
class Remnant:
    """Stale files of a server.

    Attributes:
        paths: files to remove.
        blocked: why no server can start; empty if only clients are affected.
        ghost: name of a killed server that still occupies a place; starting one of this name frees it.
    """

    paths: tuple[Path, ...]
    blocked: str = ""
    ghost: str = ""


def remnants(server: str, folder: Path = SHARED, user: int | None = None) -> tuple[Remnant, ...]:
    """Find stale files in shared memory of a JACK server that does not run; of this user, if none is given."""
    return () if "/" in server else tuple(_remnants(server, folder, os.geteuid() if user is None else user))


def _remnants(server: str, folder: Path, uid: int) -> Iterator[Remnant]:
    endpoint = folder / f"jack_{server}_{uid}_0"
    semaphores = sorted(folder.glob(f"jack_sem.{uid}_{glob.escape(server)}_*"))
    if _is_dead(endpoint):
        yield Remnant((endpoint, *semaphores))
    registry = folder / REGISTRY
    if uid == os.geteuid() and (reason := _refusal(registry)):
        yield Remnant((registry,), reason)
        return
    places = _places(registry)
    ghosts = [name for pid, name in places if pid and not psutil.pid_exists(pid)]
    if ghosts and all(pid for pid, _ in places):
        reason = f"all {len(places)} places for servers are used, {len(ghosts)} of them by servers that were killed"
        yield Remnant((registry,), reason, ghosts[0])


def _places(registry: Path) -> list[tuple[int, str]]:
    """Process id and name of each server in the registry of jackd2; 0 and empty for a free place."""
    try:
        with registry.open("rb") as file:
            head = file.read(_HEAD.size)
            magic, _, _, _, length, _ = _HEAD.unpack(head)
            if magic != _MAGIC or not _HEAD.size < length <= MAX_HEAD:
                return []
            table = file.read(length - _HEAD.size)
    except (OSError, struct.error):
        return []
    found = []
    for pid, name in _PLACE.iter_unpack(table[: len(table) // _PLACE.size * _PLACE.size]):
        # The prefix is jack-UID:SERVER:
        text = name.partition(b"\0")[0].decode("utf-8", "replace")
        found.append((pid, text.partition(":")[2].rstrip(":")))
    return found


def _is_dead(endpoint: Path) -> bool:
    """Whether there is a socket to which no server listens."""
    if not endpoint.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(endpoint))
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
    return False


def _refusal(registry: Path) -> str:
    """Why a server cannot open the registry of all servers; empty if it can, or there is none."""
    if not registry.exists():
        return ""
    try:
        os.close(os.open(registry, os.O_RDWR | os.O_CREAT, 0o666))  # as jackd does: O_CREAT adds checks in the kernel
    except OSError as error:
        return f"{error.strerror}, it belongs to user {registry.stat().st_uid}"
    return ""
