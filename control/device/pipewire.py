"""What PipeWire has now, read by `pw-dump`, and the changes to it that a device needs.

PipeWire has no Python library; its own tools (package pipewire-bin) read and write everything as JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.config.device import Sink
from stemfield.renderer.drivers.pipewire_library import is_running

TIMEOUT_S: Final = 8.0
OLDEST: Final = (0, 3, 60)
REPORTS_LATENCY: Final = (1, 2)
"""Since then the monitor of a sink passes on the latency behind it."""
_DEFAULT: Final = "default.configured.audio.sink"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of PipeWire.

    Attributes:
        number: its id.
        name: unique name, for programs.
        title: displayed name.
        media_class: such as `Audio/Sink`.
        channels: positions of its channels, if known.
        volume: its volume as an amplitude, 1 for full; None if it has none.
        mute: whether it is muted.
    """

    number: int
    name: str
    title: str = ""
    media_class: str = ""
    channels: tuple[str, ...] = ()
    volume: float | None = None
    mute: bool = False


@dataclass(frozen=True, slots=True)
class PipeWire:
    """State of the user's PipeWire.

    Attributes:
        version: version of the running server.
        nodes: all nodes.
        managed: whether a session manager runs, which connects programs with devices.
        default: name of the configured default sink, or an empty string.
        latencies: latency behind each sink that reports one, in seconds, by node name.
    """

    version: str
    nodes: tuple[Node, ...]
    managed: bool
    default: str
    latencies: Mapping[str, float]

    def node(self, name: str) -> Node | None:
        """The node of a name."""
        return next((node for node in self.nodes if node.name == name), None)

    @property
    def reports_latency(self) -> bool:
        """Whether the device can report the latency of the daemon to players."""
        return _numbers(self.version) >= REPORTS_LATENCY


def read_pipewire() -> PipeWire:
    """Read the state of the running PipeWire.

    Raises:
        CommandError: it does not run, is too old, or has no tools.
    """
    if not is_running():
        raise CommandError(["PipeWire: does not run in this session (systemctl --user start pipewire)"], FAILED)
    try:
        objects = objects_of(_run("pw-dump").decode())
    except ValueError as error:
        raise CommandError(["pw-dump: PipeWire does not answer"], FAILED) from error
    state = state_of(objects)
    if _numbers(state.version) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise CommandError([f"PipeWire {state.version}: expected {oldest} or newer"], FAILED)
    return state


def objects_of(text: str) -> list[dict[str, Any]]:
    """The objects of a dump: of several arrays if something changes meanwhile, where the last state counts.

    Raises:
        ValueError: it is not JSON, or empty.
    """
    found: dict[int, dict[str, Any]] = {}
    decoder, text = json.JSONDecoder(), text.strip()
    while text or not found:
        part, end = decoder.raw_decode(text)
        found |= {one["id"]: one for one in part}
        text = text[end:].lstrip()
    return [one for one in found.values() if "type" in one]  # those without have been removed


def state_of(objects: Sequence[Mapping[str, Any]]) -> PipeWire:
    """The state in a dump."""
    version, default, managed = "0", "", False
    nodes = []
    for one in objects:
        kind = str(one.get("type", "")).rpartition(":")[2]
        if kind == "Core":
            version = str((one.get("info") or {}).get("version", version))
        elif kind == "Metadata" and one.get("props", {}).get("metadata.name") == "default":
            managed = True
            entries = {entry.get("key"): entry.get("value") for entry in one.get("metadata", ())}
            value = entries.get(_DEFAULT)
            default = str(value.get("name", "")) if isinstance(value, dict) else ""
        elif (node := node_of(one)) is not None:
            nodes.append(node)
    names = {node.number: node.name for node in nodes}
    latencies: dict[str, float] = {}
    for one in objects:
        for name, latency_s in _latency(one, names):
            latencies[name] = max(latency_s, latencies.get(name, 0.0))
    return PipeWire(version, tuple(nodes), managed, default, latencies)


def node_of(one: Mapping[str, Any]) -> Node | None:
    """The node in an object of a dump; None if it is another object, or removed."""
    info = one.get("info") or {}
    props = info.get("props") or {}
    if one.get("type") != "PipeWire:Interface:Node" or "node.name" not in props:
        return None
    volume, mute = None, False
    channels: tuple[str, ...] = ()
    for values in (info.get("params") or {}).get("Props") or ():
        if "channelVolumes" in values:
            volume = max(map(float, values["channelVolumes"]), default=None)
            mute = bool(values.get("mute", False))
            channels = tuple(map(str, values.get("channelMap", ())))
    title = str(props.get("node.description") or props.get("node.nick") or "")
    return Node(
        int(one["id"]), str(props["node.name"]), title, str(props.get("media.class", "")), channels, volume, mute
    )


def _latency(one: Mapping[str, Any], names: Mapping[int, str]) -> list[tuple[str, float]]:
    """Node name and latency of an input port, in seconds, at a quantum of 1024 frames and 48 kHz where it depends."""
    info = one.get("info") or {}
    props = info.get("props") or {}
    if one.get("type") != "PipeWire:Interface:Port" or info.get("direction") != "input":
        return []
    name = names.get(props.get("node.id", -1))
    found = [each for each in (info.get("params") or {}).get("Latency") or () if each.get("direction") == "Input"]
    return [(name, _seconds(each)) for each in found if name is not None]


def _seconds(latency: Mapping[str, Any]) -> float:
    frames = float(latency.get("maxRate", 0)) + 1024.0 * float(latency.get("maxQuantum", 0.0))
    return frames / 48_000.0 + 1e-9 * float(latency.get("maxNs", 0))


def create(properties: Mapping[str, object]) -> None:
    """Create a node that stays until PipeWire ends.

    Raises:
        CommandError: PipeWire refuses.
    """
    _run("pw-cli", "create-node", "adapter", json.dumps(properties, ensure_ascii=False))


def destroy(node: Node) -> None:
    """Remove a node.

    Raises:
        CommandError: PipeWire refuses.
    """
    _run("pw-cli", "destroy", str(node.number))


def set_default(name: str) -> None:
    """Make a sink the default one; an empty name leaves the choice to the session manager.

    Raises:
        CommandError: PipeWire refuses.
    """
    if name:
        _run("pw-metadata", "-n", "default", "0", _DEFAULT, json.dumps({"name": name}), "Spa:String:JSON")
    else:
        _run("pw-metadata", "-n", "default", "-d", "0", _DEFAULT)


def is_current(node: Node, sink: Sink) -> bool:
    """Whether a node is as the sink is to be."""
    return node.title == sink.title and node.channels in ((), sink.channels)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _run(tool: str, *words: str) -> bytes:
    try:
        done = subprocess.run([tool, *words], capture_output=True, timeout=TIMEOUT_S, check=False)
    except FileNotFoundError as error:
        raise CommandError([f"{tool}: not installed (sudo apt install pipewire-bin)"], FAILED) from error
    except subprocess.TimeoutExpired as error:
        raise CommandError([f"{tool}: PipeWire does not answer"], FAILED) from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["failed"]
        raise CommandError([f"{tool}: {reason[0]}"], FAILED)
    return done.stdout
