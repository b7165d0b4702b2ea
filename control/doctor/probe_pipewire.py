"""PipeWire, where it runs: what its period and rate are forced to, and by whom."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 4.0
FORCED: Final = {"clock.force-quantum": "frames", "clock.force-rate": "Hz"}
"""The settings, with their units."""
_BY_NODE: Final = {"node.force-quantum": "frames", "node.force-rate": "Hz"}


@dataclass(frozen=True, slots=True)
class Force:
    """One value that is forced.

    Attributes:
        key: the setting, or the property of a node.
        value: frames or Hz.
        by: who forces it, as far as PipeWire knows; empty for a setting, which anybody may have changed.
        pid: of that program; 0 where that is not known.
    """

    key: str
    value: int
    by: str = ""
    pid: int = 0

    @property
    def unit(self) -> str:
        """Of the value."""
        return "Hz" if self.key.endswith("rate") else "frames"


@dataclass(frozen=True, slots=True)
class PipeWireLook:
    """Whether it runs for this user, what is forced there, and why that could not be seen."""

    running: bool = False
    forces: tuple[Force, ...] = ()
    problem: str = ""


def look_at_pipewire() -> PipeWireLook:
    """What there is now; asks PipeWire's own tool, where it is installed."""
    if not is_running():
        return PipeWireLook()
    tool = shutil.which("pw-dump")
    if tool is None:
        return PipeWireLook(running=True, problem="pw-dump is not installed (package pipewire-bin)")
    try:
        told = subprocess.run([tool], capture_output=True, timeout=PATIENCE_S, check=False).stdout
        objects = json.loads(told)
    except (subprocess.TimeoutExpired, ValueError):
        return PipeWireLook(running=True, problem="PipeWire takes connections and does not answer pw-dump")
    return PipeWireLook(running=True, forces=tuple(force for one in objects for force in _forces(one)))


def is_running() -> bool:
    """Whether a PipeWire of this user takes connections."""
    folder = os.environ.get("PIPEWIRE_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    path = Path(folder) / os.environ.get("PIPEWIRE_REMOTE", "pipewire-0")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(PATIENCE_S)
        try:
            door.connect(str(path))
        except OSError:
            return False
    return True


def _forces(one: Mapping[str, Any]) -> Iterator[Force]:
    """What one object of the dump forces."""
    for entry in one.get("metadata") or ():
        if entry.get("key") in FORCED and (value := _number(entry.get("value"))):
            yield Force(entry["key"], value)
    props = (one.get("info") or {}).get("props") or {}
    for key in _BY_NODE:
        if value := _number(props.get(key)):
            name = props.get("application.name") or props.get("node.name") or "a node"
            yield Force(key, value, str(name), _number(props.get("application.process.id")))


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0
