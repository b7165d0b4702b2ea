"""The nodes of PipeWire that are the devices: makes them, and says why nothing would sound."""

from __future__ import annotations

from collections.abc import Sequence

from stemfield.control.command_errors import CommandError
from stemfield.control.config.configuration import Config
from stemfield.control.config.device import Sink, surround_node
from stemfield.control.device.pipewire import PipeWire, create, destroy, is_current
from stemfield.control.device.sink_file import properties


def check_titles(pipewire: PipeWire, sinks: Sequence[Sink]) -> None:
    """Refuse names that another device or program has: JACK clients could not tell them apart.

    Raises:
        CommandError: a name is taken.
    """
    own = {sink.node for sink in sinks}
    problems = [
        f"{sink.title!r} is the name of {node.name} already: pass --title"
        for sink in sinks
        for node in pipewire.nodes
        if node.name not in own and sink.title in (node.title, node.name)
    ]
    if problems:
        raise CommandError(problems)


def problems_of(config: Config, pipewire: PipeWire, sinks: Sequence[Sink]) -> list[str]:
    """Why nothing would sound, or not as expected."""
    found = []
    for sink in sinks:
        node = pipewire.node(sink.node)
        if node is None:
            found.append(f"{sink.title} is not there (stemfield device install)")
        elif not is_current(node, sink):
            found.append(
                f"the device is called {node.title!r}, configured is {sink.title!r} (stemfield device install)"
            )
    client = config.jack.client_name
    if pipewire.node(client) is None:
        found.append("the daemon is not a client of PipeWire (stemfield service install --server pipewire)")
    elif not (config.jack.connect_outputs or config.jack.connect_speakers):
        found.append("no loudspeakers are configured (stemfield init)")
    return found


def states_of(pipewire: PipeWire, sinks: Sequence[Sink]) -> list[dict[str, object]]:
    """The state of each device, for programs; its latency is what players are told, in ms, None if nothing."""
    found: list[dict[str, object]] = []
    for sink in sinks:
        node = pipewire.node(sink.node)
        latency_ms = round(1000.0 * pipewire.latencies.get(sink.node, 0.0), 1)
        found.append(
            {
                "name": sink.node,
                "title": sink.title,
                "present": node is not None,
                "default": pipewire.default == sink.node,
                "volume": node and node.volume,
                "mute": node is not None and node.mute,
                "latency_ms": latency_ms if pipewire.reports_latency else None,
            }
        )
    return found


def make(pipewire: PipeWire, client: str, sinks: Sequence[Sink]) -> None:
    """Make the nodes that are missing or different, and remove a second one that is no longer wanted.

    Raises:
        CommandError: PipeWire refuses.
    """
    stale = pipewire.node(surround_node(client))
    if stale is not None and stale.name not in {sink.node for sink in sinks}:
        destroy(stale)
    for sink in sinks:
        node = pipewire.node(sink.node)
        if node is not None and not is_current(node, sink):
            destroy(node)
            node = None
        if node is None:
            create(properties(sink))
