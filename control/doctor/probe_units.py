"""The units by which systemd would start the daemon as a service, and what they ask for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

UNIT: Final = "stemfield.service"
LIMITS: Final = ("LimitRTPRIO", "LimitMEMLOCK")
PATIENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Unit:
    """An installed unit with its drop-ins.

    Attributes:
        kind: whether it is of the user's manager or of the system's.
        missing: which of LIMITS it does not set.
        enabled: whether it is started with its manager.
        result: how it ended last, as systemd says; empty where that was well.
    """

    path: Path
    kind: Literal["user", "system"]
    missing: tuple[str, ...]
    enabled: bool
    result: str = ""

    @property
    def systemctl(self) -> str:
        """The command that speaks to its manager."""
        return "systemctl --user" if self.kind == "user" else "sudo systemctl"

    @property
    def drop_in(self) -> str:
        """Where an administrator adds to it, as a shell understands it."""
        folder = "~/.config/systemd/user" if self.kind == "user" else "/etc/systemd/system"
        return f"{folder}/{UNIT}.d"


def installed_units(root: Path) -> tuple[Unit, ...]:
    """The unit of each manager that comes first in its order of search.

    Args:
        root: below which `etc` and `usr` are.
    """
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    of_the_user = [home, *(root / place / "systemd" / "user" for place in ("etc", "usr/local/lib", "usr/lib"))]
    of_the_system = [root / place / "systemd" / "system" for place in ("etc", "usr/local/lib", "usr/lib")]
    found = (_unit(of_the_user, "user"), _unit(of_the_system, "system"))
    return tuple(unit for unit in found if unit is not None)


def lingers(user: str, root: Path) -> bool:
    """Whether the services of a user run without a log-in."""
    return (root / "var" / "lib" / "systemd" / "linger" / user).exists()


def _unit(folders: list[Path], kind: Literal["user", "system"]) -> Unit | None:
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
    """The `Key=value` lines of a unit; of one that cannot be read, none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";")):
            yield key.strip(), value.strip()


def last_result(unit: Unit) -> str:
    """How systemd says that the service ended; empty where it ended well, runs, or there is no systemd to ask."""
    manager = ["--user"] if unit.kind == "user" else []
    command = ["systemctl", *manager, "show", UNIT, "--property=Result,ExecMainCode,ExecMainStatus"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    facts = dict(line.partition("=")[::2] for line in told.splitlines())
    if facts.get("Result", "success") == "success":
        return ""
    return f"{facts['Result']}, status {facts.get('ExecMainStatus', '?')}"
