"""The sound card's ports as JACK shows them, and the layouts that suit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stemfield.control.doctor.probe_jack import JackVisit
from stemfield.layouts.channels import wired
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.layouts.model import Layout, LayoutError

PREFERRED: Final = ("stereo", "quad", "5.1", "7.1", "5.1.2", "5.1.4", "7.1.4", "9.1.4", "22.2")
"""What most people have."""
EARS: Final = 2
"""Ports that headphones take; with no more than that, a room is better heard by the binaural monitor."""


@dataclass(frozen=True, slots=True)
class SoundCard:
    """Full names of physical ports, in the server's order.

    Attributes:
        server: whether one answers.
        playback: what plays, of the card that has most of it.
        capture: what records.
        channels: which channel a port is, such as `FL`, where anything says so.
        others: what plays of other cards.
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
        """The two playback ports for headphones, left and right."""
        return self._pair(self.playback)

    @property
    def microphones(self) -> tuple[str, ...]:
        """The two capture ports that music comes in by, left and right."""
        return self._pair(self.capture)

    def _pair(self, ports: Sequence[str]) -> tuple[str, ...]:
        sides = {self.channels.get(port): port for port in reversed(ports)}
        return (sides["FL"], sides["FR"]) if {"FL", "FR"} <= set(sides) else tuple(ports[:EARS])


@dataclass(frozen=True, slots=True)
class Wires:
    """The port of each loudspeaker of a layout.

    Attributes:
        ports: full names by labels.
        by_name: whether the channels' names were of any help; otherwise it is by number.
        missing: labels of the loudspeakers for which there is none.
    """

    ports: Mapping[str, str]
    by_name: bool
    missing: tuple[str, ...]


def wires(layout: Layout, card: SoundCard) -> Wires:
    """How a layout hangs on a sound card."""
    found, by_name = wired(layout.speakers, card.names)
    ports = {label: card.playback[index] for label, index in found.items()}
    return Wires(ports, by_name, tuple(label for label in layout.labels if label not in ports))


def sound_card(server_name: str | None = None) -> SoundCard:
    """What there is now; none where no server answers. Starts no server and does not hang."""
    with JackVisit(server_name) as visit:
        ports = visit.seen.card_ports
        sinks = [port.name for port in ports if port.is_input]
        clients = [name.partition(":")[0] for name in sinks]
        card = max(clients, key=clients.count, default="")
        return SoundCard(
            visit.seen.opened,
            tuple(name for name, client in zip(sinks, clients, strict=True) if client == card),
            tuple(port.name for port in ports if not port.is_input),
            {port.name: port.channel for port in ports if port.channel is not None},
            tuple(name for name, client in zip(sinks, clients, strict=True) if client != card),
        )


def suggested_layouts(
    ports: int, folders: Sequence[Path] = (), channels: Sequence[str | None] = ()
) -> tuple[Layout, ...]:
    """The layouts that a number of ports can play, first what uses them best; all of them where none can.

    Args:
        ports: that play.
        channels: which they are, where anything says so.
        folders: with layouts of one's own, which come before the shipped ones.
    """
    entries = [entry for entry in available_layouts(folders) if not entry.problems]
    found = [layout for entry in entries if (layout := _loaded(entry.path)) is not None]
    own = {entry.name for entry in entries if any(entry.path.is_relative_to(folder) for folder in folders)}

    def rank(layout: Layout) -> tuple[bool, bool, int, int]:
        known = layout.name in PREFERRED
        place = PREFERRED.index(layout.name) if known else 0
        return layout.name not in own, not known, -len(layout.labels), place

    names = channels or (None,) * ports
    fitting = [layout for layout in found if len(wired(layout.speakers, names)[0]) == len(layout.labels)]
    return tuple(sorted(fitting or found, key=rank))


def _loaded(path: Path) -> Layout | None:
    try:
        return load_layout(str(path))
    except LayoutError:
        return None


def highest_channel(layout: Layout) -> int:
    """How many ports in a row it needs."""
    return max(speaker.channel for speaker in layout.speakers)
