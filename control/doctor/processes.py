"""Processes as the kernel shows them: who holds a port, who is a sound server, what a process may do."""

from __future__ import annotations

import os
import resource
import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import psutil

RealtimeLimits = tuple[int, int]
_JACKD: Final = ("jackd", "jackdbus")
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as far as it may be looked at.

    Attributes:
        pid: 0 where the kernel does not tell us: it is another user's.
        name: short.
        command: its words; empty where they are not for us to see.
    """

    pid: int
    name: str
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})" if self.pid else self.name

    @property
    def is_stemfield(self) -> bool:
        """Whether it is the daemon, however it was started."""
        words = [os.path.basename(word) for word in self.command[:4]]  # noqa: PTH119 (a word need not be a path)
        return "stemfield" in words or any(word.startswith("stemfield.control") for word in words)


@dataclass(frozen=True, slots=True)
class SoundServer:
    """A jackd or jackdbus, of the user by whom alone it can be joined."""

    process: Process
    name: str
    user: int

    def again(self, words: Sequence[str]) -> str:
        """The command that ends it and starts it by these words, as the same user."""
        as_user = [] if self.user == os.geteuid() else ["sudo", "-u", f"#{self.user}"]
        return f"kill {self.process.pid}; {shlex.join([*as_user, *words])}"


def process_of(pid: int) -> Process:
    """The process of this number; whatever of it may not be seen is left out."""
    try:
        process = psutil.Process(pid)
        name = process.name()
        command = tuple(process.cmdline())
    except psutil.AccessDenied:
        return Process(pid, name="a process of another user")
    except _GONE:
        return Process(pid, name="a process that has ended")
    return Process(pid, name, command)


def port_owner(kind: Literal["udp", "tcp"], port: int, address: str) -> Process | None:
    """Who listens at a port, so that nobody else can at this address; None where nobody does."""
    wanted = socket.AF_INET6 if ":" in address else socket.AF_INET
    for held in psutil.net_connections(kind):
        if not held.laddr or held.laddr.port != port or (kind == "tcp" and held.status != psutil.CONN_LISTEN):
            continue
        everywhere = held.laddr.ip in ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound)
        if everywhere or (address in (held.laddr.ip, "0.0.0.0", "::") and held.family == wanted):  # noqa: S104
            return process_of(held.pid) if held.pid else Process(0, "a process of another user")
    return None


def jack_servers() -> tuple[SoundServer, ...]:
    """The JACK servers of all users, by the name under which clients find them, as far as that may be seen."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() in _JACKD and process.status() != "zombie":
                command = process.cmdline()
                name = _server_name(command) or environment_of(process.pid).get("JACK_DEFAULT_SERVER", "default")
                seen = Process(process.pid, process.name(), tuple(command))
                found.append(SoundServer(seen, name, process.uids().effective))
        except _GONE:
            continue
    return tuple(found)


def _server_name(command: Sequence[str]) -> str:
    """What `-n NAME`, `-nNAME`, `--name NAME` or `--name=NAME` says, before the driver's own options."""
    words, _ = server_and_driver(command)
    for index, word in enumerate(words):
        if word in ("-n", "--name") and index + 1 < len(words):
            return words[index + 1]
        if word.startswith("--name="):
            return word.removeprefix("--name=")
        if word.startswith("-n") and len(word) > 2:
            return word[2:]
    return ""


def server_and_driver(command: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a jackd's command before its driver, and from there on: both use the same letters."""
    words = list(command)
    at = next((i for i, word in enumerate(words) if word.startswith(("-d", "--driver"))), len(words))
    return words[:at], words[at:]


def user_of(pid: int) -> int | None:
    """The number of the user that a process works for; None where there is no such process."""
    try:
        return psutil.Process(pid).uids().effective if pid else None
    except _GONE:
        return None


def environment_of(pid: int) -> Mapping[str, str]:
    """The environment that a process was started with; empty where that is not for us to see."""
    try:
        return psutil.Process(pid).environ()
    except _GONE:
        return {}


def is_service(pid: int) -> bool:
    """Whether systemd has started this very process as a service."""
    return environment_of(pid).get("SYSTEMD_EXEC_PID") == str(pid)


def realtime_limits(pid: int) -> RealtimeLimits:
    """The highest real-time priority that a process may take, and the bytes that it may lock; 0, 0 where unknown."""
    try:
        return (
            resource.prlimit(pid, resource.RLIMIT_RTPRIO)[0],
            resource.prlimit(pid, resource.RLIMIT_MEMLOCK)[0],
        )
    except (OSError, ValueError):
        return 0, 0


def has_realtime_thread(pid: int) -> bool:
    """Whether any thread of a process runs with SCHED_FIFO or SCHED_RR."""
    return any(policy in (os.SCHED_FIFO, os.SCHED_RR) for policy in _policies(pid))


def _policies(pid: int) -> Iterator[int]:
    try:
        threads = [thread.id for thread in psutil.Process(pid).threads()]
    except _GONE:
        return
    for thread in threads:
        try:
            yield os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK
        except OSError:
            continue


def loaded_libjack(pid: int) -> str:
    """The libjack that a process has loaded; empty where it has none, or where that is not for us to see."""
    try:
        paths = {region.path for region in psutil.Process(pid).memory_maps()}
    except (*_GONE, OSError):
        return ""
    return next((path for path in sorted(paths) if os.path.basename(path).startswith("libjack.so")), "")  # noqa: PTH119
