"""What a JACK server that did not end in order has left in shared memory."""

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

SHARED: Final = Path("/dev/shm")  # noqa: S108 (JACK's own place)
REGISTRY: Final = "jack-shm-registry"
MAX_HEAD: Final = 65_536
_MAGIC: Final = 0x4A41434B
_HEAD: Final = struct.Struct("=6I")
"""Magic, protocol, type, size, length of the head with the table of servers, length of an entry."""
_PLACE: Final = struct.Struct("=i260s")
"""Process id, and the prefix of a server's names."""


@dataclass(frozen=True, slots=True)
class Remnant:
    """Files that nobody uses, or that keep a server from starting.

    Attributes:
        paths: what to remove.
        blocked: why a server of ours could not even start; empty where they are only in the way of clients.
        ghost: name of a server that was killed and still has a place; one that is started by this name gives it back.
    """

    paths: tuple[Path, ...]
    blocked: str = ""
    ghost: str = ""


def remnants(server: str, folder: Path = SHARED, user: int | None = None) -> tuple[Remnant, ...]:
    """What is left of a JACK server that does not run.

    Args:
        server: its name.
        folder: of shared memory.
        user: whose server; None is ours.
    """
    return () if "/" in server else tuple(_remnants(server, folder, os.geteuid() if user is None else user))


def _remnants(server: str, folder: Path, uid: int) -> Iterator[Remnant]:
    door = folder / f"jack_{server}_{uid}_0"
    left = sorted(folder.glob(f"jack_sem.{uid}_{glob.escape(server)}_*"))
    if _is_dead(door):
        yield Remnant((door, *left))
    registry = folder / REGISTRY
    if uid == os.geteuid() and (reason := _refusal(registry)):
        yield Remnant((registry,), reason)
        return
    places = _places(registry)
    ghosts = [name for pid, name in places if pid and not psutil.pid_exists(pid)]
    if ghosts and all(pid for pid, _ in places):
        reason = f"all {len(places)} places for servers are taken, {len(ghosts)} of them by servers that were killed"
        yield Remnant((registry,), reason, ghosts[0])


def _places(registry: Path) -> list[tuple[int, str]]:
    """Process and name of each server in the registry of jackd2, 0 and nothing where a place is free."""
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
        # a prefix of names in shared memory: jack-UID:SERVER:
        text = name.partition(b"\0")[0].decode("utf-8", "replace")
        found.append((pid, text.partition(":")[2].rstrip(":")))
    return found


def _is_dead(door: Path) -> bool:
    """Whether there is a socket behind which nobody listens."""
    if not door.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(door))
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
    return False


def _refusal(registry: Path) -> str:
    """Why the registry of all servers cannot be opened as a server opens it; empty where it can, or is not there."""
    if not registry.exists():
        return ""
    try:
        os.close(os.open(registry, os.O_RDWR | os.O_CREAT, 0o666))  # with O_CREAT the kernel is stricter
    except OSError as error:
        return f"{error.strerror}, it belongs to user {registry.stat().st_uid}"
    return ""
