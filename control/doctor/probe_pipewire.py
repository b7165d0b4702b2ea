"""Probes PipeWire: whether it runs, and whether its period or rate is forced."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stemfield.renderer.drivers.pipewire_library import is_running

TIMEOUT_S: Final = 4.0
SETTINGS: Final = ("clock.force-quantum", "clock.force-rate")
PROPERTIES: Final = ("node.force-quantum", "node.force-rate")
"""Settings (for all programs) and properties of nodes (of one program) that force a period or a rate."""


@dataclass(frozen=True, slots=True)
class Force:
    """A forced value.

    Attributes:
        key: the setting, or the property of a node.
        value: frames or Hz.
        by: program that forces it; empty for a setting.
        pid: process id of that program; 0 if unknown.
    """

    key: str
    value: int
    by: str = ""
    pid: int = 0

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return "Hz" if self.key.endswith("rate") else "frames"


@dataclass(frozen=True, slots=True)
class PipeWireState:
    """State of this user's PipeWire.

    Attributes:
        running: whether it accepts connections.
        forces: forced values.
        problem: why they could not be read; empty if they could.
    """

    running: bool = False
    forces: tuple[Force, ...] = ()
    problem: str = ""


def probe_pipewire() -> PipeWireState:
    """Read the current state with `pw-dump`, if it is installed."""
    if not is_running():
        return PipeWireState()
    tool = shutil.which("pw-dump")
    if tool is None:
        return PipeWireState(running=True, problem="pw-dump is not installed (package pipewire-bin)")
    try:
        output = subprocess.run([tool], capture_output=True, timeout=TIMEOUT_S, check=False).stdout
        objects = json.loads(output)
    except (subprocess.TimeoutExpired, ValueError):
        return PipeWireState(running=True, problem="PipeWire accepts connections but does not reply to pw-dump")
    return PipeWireState(running=True, forces=tuple(force for one in objects for force in _forces(one)))


def _forces(one: Mapping[str, Any]) -> Iterator[Force]:
    """The values forced by one object of the dump."""
    for entry in one.get("metadata") or ():
        if entry.get("key") in SETTINGS and (value := _number(entry.get("value"))):
            yield Force(entry["key"], value)
    props = (one.get("info") or {}).get("props") or {}
    for key in PROPERTIES:
        if value := _number(props.get(key)):
            name = props.get("application.name") or props.get("node.name") or "a node"
            yield Force(key, value, str(name), _number(props.get("application.process.id")))


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0
