"""The ports of the sound card in JACK, and the layouts that fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from stemfield.control.doctor.probe_jack import JackProbe
from stemfield.layouts.channels import wired
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.layouts.model import Layout

PREFERRED: Final = ("stereo", "quad", "5.1", "7.1", "5.1.2", "5.1.4", "7.1.4", "9.1.4", "22.2")
"""The most common layouts."""
EARS: Final = 2
"""Number of ports that headphones need; with no more than that, the binaural monitor suits better than loudspeakers."""


@dataclass(frozen=True, slots=True)
class SoundCard:
    """Full names of physical ports, in the server's order.

    Attributes:
        server: whether a server replies.
        playback: playback ports of the card that has most of them.
        capture: capture ports.
        channels: channel of each port, such as `FL`, if known.
        others: playback ports of other cards.
    """

    server: bool = False
    playback: tuple[str, ...] = ()
    capture: tuple[str, ...] = ()
    channels: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str | None, ...]:
        """The channels of the playback ports."""
        return tuple(map(self.channels.get, self.playback))

    @property
    def ears(self) -> tuple[str, ...]:
        """Playback ports for headphones, left and right."""
        return self._pair(self.playback)

    @property
    def microphones(self) -> tuple[str, ...]:
        """Capture ports for the music, left and right."""
        return self._pair(self.capture)

    def _pair(self, ports: Sequence[str]) -> tuple[str, ...]:
        sides = {self.channels.get(port): port for port in reversed(ports)}
        return (sides["FL"], sides["FR"]) if {"FL", "FR"} <= set(sides) else tuple(ports[:EARS])


@dataclass(frozen=True, slots=True)
class Wiring:
    """The port of each loudspeaker of a layout.

    Attributes:
        ports: full names by label.
        by_name: whether channel names were used; otherwise channel numbers.
        missing: labels of loudspeakers without a port.
    """

    ports: Mapping[str, str]
    by_name: bool
    missing: tuple[str, ...]


def wiring(layout: Layout, card: SoundCard) -> Wiring:
    """Assign the loudspeakers of a layout to the ports of a sound card."""
    found, by_name = wired(layout.speakers, card.names)
    ports = {label: card.playback[index] for label, index in found.items()}
    return Wiring(ports, by_name, tuple(label for label in layout.labels if label not in ports))


def sound_card(server_name: str | None = None) -> SoundCard:
    """The current ports; none if no server replies. Starts no server and never hangs."""
    with JackProbe(server_name) as probe:
        ports = probe.state.card_ports
        sinks = [port.name for port in ports if port.is_input]
        clients = [name.partition(":")[0] for name in sinks]
        card = max(clients, key=clients.count, default="")
        return SoundCard(
            probe.state.opened,
            tuple(name for name, client in zip(sinks, clients, strict=True) if client == card),
            tuple(port.name for port in ports if not port.is_input),
            {port.name: port.channel for port in ports if port.channel is not None},
            tuple(name for name, client in zip(sinks, clients, strict=True) if client != card),
        )


def suggested_layouts(names: Sequence[str | None]) -> tuple[Layout, ...]:
    """The shipped layouts that fit playback ports with these channels (if known), the best first; else all."""
    found = [load_layout(str(entry.path)) for entry in available_layouts()]

    def rank(layout: Layout) -> tuple[bool, int, int]:
        known = layout.name in PREFERRED
        return not known, -len(layout.labels), PREFERRED.index(layout.name) if known else 0

    fitting = [layout for layout in found if len(wired(layout.speakers, names)[0]) == len(layout.labels)]
    return tuple(sorted(fitting or found, key=rank))


def highest_channel(layout: Layout) -> int:
    """The highest channel number: the number of consecutive ports that it needs."""
    return max(speaker.channel for speaker in layout.speakers)
