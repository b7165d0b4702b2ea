"""Probes the installed systemd units of the daemon."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stemfield.control.doctor.processes import text_of
from stemfield.systemd.files import MAIN_UNIT as UNIT
from stemfield.systemd.files import Scope, unit_folder
from stemfield.systemd.state import systemctl

LIMITS: Final = ("LimitRTPRIO", "LimitMEMLOCK")
TIMEOUT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Unit:
    """An installed unit with its drop-ins.

    Attributes:
        path: the unit file.
        kind: unit of the user manager or of the system manager.
        missing: those of LIMITS that it does not set.
        enabled: whether it is started with its manager.
        result: how the service ended last, according to systemd; empty if it did not fail.
    """

    path: Path
    kind: Scope
    missing: tuple[str, ...]
    enabled: bool
    result: str = ""

    @property
    def systemctl(self) -> str:
        """The systemctl command of its manager."""
        return "systemctl --user" if self.kind == "user" else "sudo systemctl"

    @property
    def drop_in(self) -> str:
        """Folder for drop-ins of the administrator, for a shell."""
        folder = "~/.config/systemd/user" if self.kind == "user" else "/etc/systemd/system"
        return f"{folder}/{UNIT}.d"


def installed_units(root: Path) -> tuple[Unit, ...]:
    """The unit of each manager, the first one in its search path (in `etc` and `usr`)."""
    places = [root / place / "systemd" for place in ("etc", "usr/local/lib", "usr/lib")]
    of_the_user = [unit_folder("user", root), *(place / "user" for place in places)]
    of_the_system = [place / "system" for place in places]
    found = (_unit(of_the_user, "user"), _unit(of_the_system, "system"))
    return tuple(unit for unit in found if unit is not None)


def lingers(user: str, root: Path) -> bool:
    """Whether lingering is enabled for a user: services then run without a login."""
    return (root / "var" / "lib" / "systemd" / "linger" / user).exists()


def _unit(folders: list[Path], kind: Scope) -> Unit | None:
    path = next((folder / UNIT for folder in folders if (folder / UNIT).is_file()), None)
    if path is None:
        return None
    texts = [path, *(more for folder in folders for more in sorted((folder / f"{UNIT}.d").glob("*.conf")))]
    settings: dict[str, str] = {}
    for text in texts:
        settings |= dict(_settings(text))
    enabled = any(list(folder.glob(f"*.wants/{UNIT}")) for folder in folders)
    unit = Unit(path, kind, tuple(key for key in LIMITS if not settings.get(key)), enabled)
    return replace(unit, result=last_result(unit))


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    """The `Key=value` lines of a unit; none if it cannot be read."""
    for line in text_of(path).splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";")):
            yield key.strip(), value.strip()


def last_result(unit: Unit) -> str:
    """How the service ended according to systemd; empty if it did not fail, or there is no systemd."""
    try:
        output = systemctl(unit.kind, "show", UNIT, "--property=Result,ExecMainStatus", timeout_s=TIMEOUT_S).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    facts = dict(line.partition("=")[::2] for line in output.splitlines())
    if facts.get("Result", "success") == "success":
        return ""
    return f"{facts['Result']}, status {facts.get('ExecMainStatus', '?')}"
