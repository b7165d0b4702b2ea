"""Probes the privileges of this user: tries them, and reads the limits that the system's files set."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemfield.control.doctor.processes import RealtimeLimits, realtime_limits, text_of
from stemfield.systemd.state import LOCKED_BYTES

PRIORITY: Final = 10
"""Minimum real-time priority of JACK's threads."""
TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Grant:
    """A line of a limits file that applies to this user.

    Attributes:
        file: path of the file.
        line: its text.
        item: `rtprio` or `memlock`.
        value: limit in the unit of `RealtimeLimits`; -1 is unlimited.
    """

    file: Path
    line: str
    item: str
    value: int


@dataclass(frozen=True, slots=True)
class Rights:
    """Privileges of this user.

    Attributes:
        realtime: why SCHED_FIFO was refused; empty if it was not.
        memory: why locking memory was refused; empty if it was not.
        limits: limits of this process.
        user: name of the account.
        groups: groups of this process.
        account_groups: groups of the account, in effect after the next login at the latest.
        grants: limits in files.
    """

    realtime: str
    memory: str
    limits: RealtimeLimits
    user: str
    groups: frozenset[str]
    account_groups: frozenset[str]
    grants: tuple[Grant, ...]

    def granted(self, item: str) -> Grant | None:
        """The line with the highest limit of `rtprio` or `memlock`."""
        of_it = [grant for grant in self.grants if grant.item == item]
        return max(of_it, key=lambda grant: (grant.value == -1, grant.value), default=None)


class ProbeError(RuntimeError):
    """The child process ended without a result."""


def probe_rights(root: Path) -> Rights:
    """Try the privileges and read the files in `etc/security`.

    Raises:
        ProbeError: they could not be tried.
    """
    command = [sys.executable, "-P", "-m", "stemfield.control.doctor.child_rights", str(PRIORITY), str(LOCKED_BYTES)]
    try:
        output = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False).stdout
        tried = json.loads(output)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise ProbeError("real-time priority and locked memory could not be tried") from error
    user = _user()
    account = _account_groups(user)
    return Rights(
        tried["realtime"],
        tried["memory"],
        realtime_limits(os.getpid()),
        user,
        frozenset(_group(number) for number in {os.getegid(), *os.getgroups()}),
        account,
        tuple(_grants(root / "etc" / "security", user, account)),
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _account_groups(user: str) -> frozenset[str]:
    try:
        return frozenset(_group(number) for number in os.getgrouplist(user, pwd.getpwnam(user).pw_gid))
    except KeyError:
        return frozenset()


def _grants(folder: Path, user: str, groups: frozenset[str]) -> Iterator[Grant]:
    """Lines in the order of pam_limits (limits.conf(5)): first limits.conf, then the files of limits.d by name."""
    for file in (folder / "limits.conf", *sorted((folder / "limits.d").glob("*.conf"))):
        for line in text_of(file).splitlines():
            words = line.partition("#")[0].split()
            if len(words) != 4 or words[2] not in ("rtprio", "memlock"):
                continue
            value = _value(words[2], words[3])
            if value is not None and _is_about(words[0], user, groups):
                yield Grant(file, " ".join(words), words[2], value)


def _is_about(domain: str, user: str, groups: frozenset[str]) -> bool:
    if user == "root":
        return domain == user  # wildcards and groups do not apply to root
    if domain.startswith("@"):
        return domain[1:] in groups
    return domain in ("*", user)


def _value(item: str, text: str) -> int | None:
    if text in ("unlimited", "infinity", "-1"):
        return -1
    if not text.isdecimal():
        return None
    return int(text) * (1024 if item == "memlock" else 1)
