"""What systemd knows of the service: whether it runs, why it ended last time, and what keeps it from real time."""

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
from stemfield.systemd.limits import AUDIO, LOCKED_BYTES, granting

PATIENCE_S: Final = 30.0
LINGER: Final = Path("/var/lib/systemd/linger")
RUNNING: Final = Path("/run/systemd/system")
"""Is there where systemd is the machine's init."""

_SHOWN: Final = (
    "LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,ExecMainExitTimestamp,NRestarts,"
    "MainPID,StatusText,FragmentPath"
)
_RESULTS: Final = {
    "watchdog": "it gave no sign of life for WatchdogSec and was killed: it hung, or the server got no blocks",
    "oom-kill": "the kernel killed it for want of memory",
    "timeout": "it did not start or stop in time and was killed",
    "start-limit-hit": "it failed too often in a row: systemctl reset-failed stemfield, once the cause is mended",
    "resources": "systemd could not prepare it: journalctl says what was missing",
    "protocol": "it did not tell systemd that it is ready",
    "exec-condition": "a condition of the unit was not met",
}
_STATUSES: Final = {
    1: "it failed while working",
    2: "its configuration cannot be used, so that it is not tried again: stemfield check CONFIG",
    203: "its program is not there, or may not be run",
    214: "real-time scheduling was refused",
    217: "the user of the unit is not there",
    226: "systemd could not set up its sandbox",
}
_SIGNALS: Final[Mapping[int, str]] = {
    signal.SIGKILL: "it was killed: for want of memory, for using up its real time (RTTIME), or by hand",
    signal.SIGXCPU: "a thread used real time for too long without a pause (RTTIME)",
    signal.SIGSEGV: "it crashed; coredumpctl may have more",
    signal.SIGABRT: "it was aborted",
    signal.SIGSYS: "it called the kernel in a way that the unit forbids",
}


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One look at a unit.

    Attributes:
        installed: whether systemd finds the unit.
        active: as `systemctl is-active` says.
        enabled: whether it starts with the machine or the log-in.
        status: what the daemon says that it does.
        pid: of the daemon; 0 while it does not run.
        restarts: how often systemd has started it anew by itself.
        ended: why it ended last time; empty where it never did.
        ended_at: when that was.
        unit: the file that is in force.
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
class Concern:
    """Something that will be missed later, and the command that cures it."""

    text: str
    cure: str


def systemctl(scope: Scope, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs it.

    Raises:
        FileNotFoundError: there is no systemd.
    """
    command = ["systemctl", *(["--user"] if scope == "user" else []), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def first_line(text: str) -> str:
    """Of several in which a program complains."""
    return text.strip().partition("\n")[0]


def service_state(scope: Scope) -> ServiceState:
    """Looks at the unit.

    Raises:
        FileNotFoundError: there is no systemd.
        OSError: the manager does not answer; the message says why.
    """
    done = systemctl(scope, "show", MAIN_UNIT, "--property", _SHOWN)
    if done.returncode:
        raise OSError(first_line(done.stderr) or "systemctl does not answer")
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
    """Why a unit ended last time, in words, from its properties.

    >>> last_end({"Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "1"})
    'it failed while working (status 1)'
    >>> last_end({"Result": "success", "ExecMainCode": "0", "ExecMainStatus": "0"})
    ''
    """
    result, status = shown.get("Result", "success"), int(shown.get("ExecMainStatus") or 0)
    if result in _RESULTS:
        return _RESULTS[result]
    match shown.get("ExecMainCode", "0"):
        case "1" | "exited":
            return (
                f"{_STATUSES.get(status, 'it ended by itself')} (status {status})" if status else "it was asked to end"
            )
        case "2" | "3" | "killed" | "dumped":
            if status in (signal.SIGTERM, signal.SIGINT):
                return "it was asked to end"
            # most of the real-time signals have no name
            name = signal.Signals(status).name if status in set(signal.Signals) else f"signal {status}"
            return f"{_SIGNALS.get(status, 'it was ended')} ({name})"
    return ""


def concerns(scope: Scope, pid: int = 0) -> list[Concern]:
    """What keeps a service from starting by itself, or from real time.

    Args:
        scope: whose service.
        pid: of the daemon or, for a person's service that does not run yet, 0: then the log-in's limits count.
    """
    found = []
    user = getpass.getuser()
    if scope == "user" and not (LINGER / user).exists():
        text = "it will start when you log in and end when you log out"
        found.append(Concern(text, f"loginctl enable-linger {user}"))
    if pid or scope == "user":
        limits = process_limits(pid or os.getpid())
        if limits.get("Max realtime priority", 0) < 1:
            text = "no real-time priority is allowed, so that the sound depends on what else the machine does"
            found.append(Concern(text, _cure(user, "rtprio", "memlock")))
        elif limits.get("Max locked memory", 0) < LOCKED_BYTES:
            text = "so little memory may be locked that JACK may refuse the daemon"
            found.append(Concern(text, _cure(user, "memlock")))
    return found


def _cure(user: str, *items: str) -> str:
    return f"{granting(*items)} && sudo usermod -aG {AUDIO} {shlex.quote(user)}  # log out and in"


def process_limits(pid: int) -> dict[str, float]:
    """The hard limits of a process, by their names in /proc; nothing of one that is gone."""
    try:
        text = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8")
    except OSError:
        return {}
    found = re.findall(r"^(Max [a-z ]+?) {2,}\S+ +(\S+)", text, re.MULTILINE)
    return {name: float("inf") if value == "unlimited" else float(value) for name, value in found}
