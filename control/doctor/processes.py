"""Processes: owners of ports, sound servers, limits and real-time threads."""

from __future__ import annotations

import os
import resource
import select
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

RealtimeLimits = tuple[int, int]
_JACKD: Final = ("jackd", "jackdbus")
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as far as it is visible.

    Attributes:
        pid: process id; 0 if hidden, as it belongs to another user.
        name: short name.
        command: command line; empty if hidden.
    """

    pid: int
    name: str
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})" if self.pid else self.name

    @property
    def is_stemfield(self) -> bool:
        """Whether it is a stemfield daemon, however it was started."""
        words = [os.path.basename(word) for word in self.command[:4]]  # noqa: PTH119 (a word need not be a path)
        return "stemfield" in words or any(word.startswith("stemfield.control") for word in words)


@dataclass(frozen=True, slots=True)
class SoundServer:
    """A jackd or jackdbus; only clients of its own user can connect to it."""

    process: Process
    name: str
    user: int

    def again(self, words: Sequence[str]) -> str:
        """The command that kills it and starts it again with another command line, as the same user."""
        as_user = [] if self.user == os.geteuid() else ["sudo", "-u", f"#{self.user}"]
        return f"kill {self.process.pid}; {shlex.join([*as_user, *words])}"


def text_of(path: Path) -> str:
    """The content of a file of the system; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def next_line(child: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """The next line (or lines) of a child's standard output; empty after a timeout, or if the child has ended."""
    assert child.stdout is not None
    end_s, text = time.monotonic() + timeout_s, b""
    while not text.endswith(b"\n"):
        left_s = end_s - time.monotonic()
        if left_s <= 0.0 or not select.select([child.stdout], [], [], left_s)[0]:
            return b""
        more = os.read(child.stdout.fileno(), 65_536)
        if not more:
            child.wait()
            return b""
        text += more
    return text


def wait_or_kill(child: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Wait for the end of a child, and kill it after a timeout."""
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def process_of(pid: int) -> Process:
    """The process of an id, without what is hidden from this user."""
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
    """The process that listens on a port, so that no other can on this address; None if there is none."""
    wanted = socket.AF_INET6 if ":" in address else socket.AF_INET
    for held in psutil.net_connections(kind):
        if not held.laddr or held.laddr.port != port or (kind == "tcp" and held.status != psutil.CONN_LISTEN):
            continue
        everywhere = held.laddr.ip in ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound)
        if everywhere or (address in (held.laddr.ip, "0.0.0.0", "::") and held.family == wanted):  # noqa: S104
            return process_of(held.pid) if held.pid else Process(0, "a process of another user")
    return None


def jack_servers() -> tuple[SoundServer, ...]:
    """The visible JACK servers of all users."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() in _JACKD and process.status() != "zombie":
                command = process.cmdline()
                name = _server_name(command) or environment_of(process.pid).get("JACK_DEFAULT_SERVER", "default")
                server = Process(process.pid, process.name(), tuple(command))
                found.append(SoundServer(server, name, process.uids().effective))
        except _GONE:
            continue
    return tuple(found)


def _server_name(command: Sequence[str]) -> str:
    """The value of `-n NAME`, `-nNAME`, `--name NAME` or `--name=NAME`, before the options of the driver."""
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
    """A jackd's command line before its driver, and from there on: both parts use the same option letters."""
    words = list(command)
    at = next((i for i, word in enumerate(words) if word.startswith(("-d", "--driver"))), len(words))
    return words[:at], words[at:]


def user_of(pid: int) -> int | None:
    """The effective user id of a process; None if there is no such process."""
    try:
        return psutil.Process(pid).uids().effective if pid else None
    except _GONE:
        return None


def environment_of(pid: int) -> Mapping[str, str]:
    """The environment of a process at its start; empty if hidden."""
    try:
        return psutil.Process(pid).environ()
    except _GONE:
        return {}


def is_service(pid: int) -> bool:
    """Whether systemd has started this process as a service."""
    return environment_of(pid).get("SYSTEMD_EXEC_PID") == str(pid)


def realtime_limits(pid: int) -> RealtimeLimits:
    """The maximum real-time priority of a process and the bytes that it may lock; 0, 0 if unknown."""
    try:
        return (
            resource.prlimit(pid, resource.RLIMIT_RTPRIO)[0],
            resource.prlimit(pid, resource.RLIMIT_MEMLOCK)[0],
        )
    except (OSError, ValueError):
        return 0, 0


def has_realtime_thread(pid: int) -> bool:
    """Whether a thread of a process runs with SCHED_FIFO or SCHED_RR."""
    policies = []
    with suppress(*_GONE):
        for thread in psutil.Process(pid).threads():
            with suppress(OSError):
                policies.append(os.sched_getscheduler(thread.id) & ~os.SCHED_RESET_ON_FORK)
    return not {os.SCHED_FIFO, os.SCHED_RR}.isdisjoint(policies)


def loaded_libjack(pid: int) -> str:
    """The libjack that a process has loaded; empty if none, or hidden."""
    try:
        paths = {region.path for region in psutil.Process(pid).memory_maps()}
    except (*_GONE, OSError):
        return ""
    return next((path for path in sorted(paths) if os.path.basename(path).startswith("libjack.so")), "")  # noqa: PTH119
