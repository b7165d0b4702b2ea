"""State of the service according to systemd, why it ended, and advice about starting by itself and real time."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemfield.systemd.files import MAIN_UNIT, Scope

LOCKED_BYTES: Final = 64 << 20
"""Approximate size of the buffers of a sound server and its clients."""
AUDIO: Final = "audio"
"""The group that PAM grants what JACK needs: real-time priority and locked memory."""
LIMITS_FILE: Final = "/etc/security/limits.d/audio.conf"
"""The file of Debian's jackd2."""
LINES: Final = {"rtprio": f"@{AUDIO} - rtprio 95", "memlock": f"@{AUDIO} - memlock unlimited"}
TIMEOUT_S: Final = 30.0
LINGER: Final = Path("/var/lib/systemd/linger")
RUNNING: Final = Path("/run/systemd/system")
"""Folder that exists if systemd is the init system."""

_SHOWN: Final = (
    "LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,ExecMainExitTimestamp,NRestarts,"
    "MainPID,StatusText,FragmentPath"
)
_RESULTS: Final = {
    "watchdog": "no watchdog message within WatchdogSec, so it was killed: it hung, or the server got no blocks",
    "oom-kill": "the kernel killed it because memory ran out",
    "timeout": "it did not start or stop in time and was killed",
    "start-limit-hit": "it failed too often in a row: fix the cause, then systemctl reset-failed stemfield",
    "resources": "systemd could not prepare it: see journalctl",
    "protocol": "it did not report to systemd that it is ready",
    "exec-condition": "a condition of the unit was not met",
}
_STATUSES: Final = {
    1: "it failed while running",
    2: "its configuration is invalid, so it is not restarted: stemfield check CONFIG",
    203: "its program does not exist or is not executable",
    214: "real-time scheduling was refused",
    217: "the user of the unit does not exist",
    226: "systemd could not set up its sandbox",
}
_SIGNALS: Final[Mapping[int, str]] = {
    signal.SIGKILL: "it was killed: out of memory, above its real-time limit (RTTIME), or by hand",
    signal.SIGXCPU: "a thread used real time for too long without a pause (RTTIME)",
    signal.SIGSEGV: "it crashed; see coredumpctl",
    signal.SIGABRT: "it was aborted",
    signal.SIGSYS: "it made a system call that the unit forbids",
}


@dataclass(frozen=True, slots=True)
class ServiceState:
    """State of the unit.

    Attributes:
        installed: whether systemd finds the unit.
        active: as shown by `systemctl is-active`.
        enabled: whether it starts at boot or login.
        status: status text sent by the daemon.
        pid: process id of the daemon; 0 while it does not run.
        restarts: number of automatic restarts by systemd.
        ended: why it ended last time; empty if it never did.
        ended_at: when it ended last time.
        unit: path of the unit file.
    """

    installed: bool
    active: str
    enabled: bool
    status: str
    pid: int
    restarts: int
    ended: str
    ended_at: str
    unit: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A problem of the set-up, and the command that fixes it."""

    text: str
    cure: str


def systemctl(scope: Scope, *words: str, timeout_s: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run systemctl.

    Raises:
        FileNotFoundError: there is no systemd.
    """
    command = ["systemctl", *(["--user"] if scope == "user" else []), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)


def first_line(text: str) -> str:
    """The first line of an error message."""
    return text.strip().partition("\n")[0]


def service_state(scope: Scope) -> ServiceState:
    """Read the state of the unit.

    Raises:
        FileNotFoundError: there is no systemd.
        OSError: the manager does not reply; the message says why.
    """
    done = systemctl(scope, "show", MAIN_UNIT, "--property", _SHOWN)
    if done.returncode:
        raise OSError(first_line(done.stderr) or "no reply from systemctl")
    shown = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return ServiceState(
        shown.get("LoadState") == "loaded",
        shown.get("ActiveState", "unknown"),
        shown.get("UnitFileState", "").startswith("enabled"),
        shown.get("StatusText", ""),
        int(shown.get("MainPID") or 0),
        int(shown.get("NRestarts") or 0),
        last_end(shown),
        shown.get("ExecMainExitTimestamp", ""),
        shown.get("FragmentPath", ""),
    )


def last_end(shown: Mapping[str, str]) -> str:
    """Why a unit ended last time, as text, from its properties.

    >>> last_end({"Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "1"})
    'it failed while running (status 1)'
    >>> last_end({"Result": "success", "ExecMainCode": "0", "ExecMainStatus": "0"})
    ''
    """
    result, status = shown.get("Result", "success"), int(shown.get("ExecMainStatus") or 0)
    if result in _RESULTS:
        return _RESULTS[result]
    match shown.get("ExecMainCode", "0"):
        case "1" | "exited":
            return f"{_STATUSES.get(status, 'it exited')} (status {status})" if status else "it was stopped"
        case "2" | "3" | "killed" | "dumped":
            if status in (signal.SIGTERM, signal.SIGINT):
                return "it was stopped"
            # Most real-time signals have no name.
            name = signal.Signals(status).name if status in set(signal.Signals) else f"signal {status}"
            return f"{_SIGNALS.get(status, 'it was ended by a signal')} ({name})"
    return ""


def advice(scope: Scope, pid: int = 0) -> list[Advice]:
    """What keeps the service from starting by itself, or from real-time priority.

    Args:
        scope: system service or user service.
        pid: process id of the daemon; 0 if a user service does not run yet, to check the limits of this session.
    """
    found = []
    user = getpass.getuser()
    if scope == "user" and not (LINGER / user).exists():
        text = "it starts when you log in and ends when you log out"
        found.append(Advice(text, f"loginctl enable-linger {user}"))
    if pid or scope == "user":
        limits = process_limits(pid or os.getpid())
        if limits.get("Max realtime priority", 0) < 1:
            text = "real-time priority is not allowed, so other programs can interrupt the sound"
            found.append(Advice(text, _cure(user, "rtprio", "memlock")))
        elif limits.get("Max locked memory", 0) < LOCKED_BYTES:
            text = "the limit for locked memory is too low: JACK may refuse the daemon"
            found.append(Advice(text, _cure(user, "memlock")))
    return found


def granting(*items: str) -> str:
    """The command that grants `rtprio`, `memlock` or both to the group, from the next login on."""
    lines = " ".join(shlex.quote(LINES[item]) for item in items)
    return f"printf '%s\\n' {lines} | sudo tee -a {LIMITS_FILE}"


def _cure(user: str, *items: str) -> str:
    return f"{granting(*items)} && sudo usermod -aG {AUDIO} {shlex.quote(user)}  # log out and in"


def process_limits(pid: int) -> dict[str, float]:
    """The hard limits of a process, by their names in /proc; empty if it has ended."""
    try:
        text = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8")
    except OSError:
        return {}
    found = re.findall(r"^(Max [a-z ]+?) {2,}\S+ +(\S+)", text, re.MULTILINE)
    return {name: float("inf") if value == "unlimited" else float(value) for name, value in found}
