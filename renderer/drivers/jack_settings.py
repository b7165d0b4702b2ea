"""Settings of the JACK driver, and the ports that it registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JackSettings:
    """How to join the server, and the connections wanted there.

    Attributes:
        client_name: wanted name; the server may append a number.
        server_name: None for the default server.
        start_server: whether libjack may start one.
        connect_inputs: names or patterns (`*`, `?`) of ports that feed the inputs, in order, or left and right by name.
        connect_outputs: the same of ports that take loudspeakers, by their channels' names or by number.
        connect_monitor: the same of two ports that take the binaural monitor.
        device: own input ports, and ports of the desktop's sound device to connect them to whenever those exist.
        connect_speakers: full names of ports by labels of loudspeakers, in preference to `connect_outputs`.
    """

    client_name: str = "stemfield"
    server_name: str | None = None
    start_server: bool = False
    connect_inputs: tuple[str, ...] = ()
    connect_outputs: tuple[str, ...] = ()
    connect_monitor: tuple[str, ...] = ()
    device: tuple[tuple[str, str], ...] = ()
    connect_speakers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JackPorts:
    """The ports to register, in the processor's order.

    Attributes:
        inputs: names of the mixture's ports, then of the direct inputs'.
        mixture_inputs: number of the mixture's.
        outputs: loudspeaker labels.
        channels: the 1-based channel each loudspeaker is wired to.
        monitor: names of the outputs for the ears, left and right, if there is a binaural monitor.
    """

    inputs: tuple[str, ...]
    mixture_inputs: int
    outputs: tuple[str, ...]
    channels: tuple[int, ...]
    monitor: tuple[str, ...] = ()
