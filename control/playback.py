"""The sound card's ports as JACK shows them, and the layouts that suit them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemfield.control.doctor.jack_look import JackVisit
from stemfield.layouts import Layout, LayoutError, available_layouts, load_layout

PREFERRED: Final = ("stereo", "quad", "5.1", "7.1", "5.1.2", "5.1.4", "7.1.4", "9.1.4", "22.2")
"""What most people have."""
EARS: Final = 2
"""Ports that headphones take; with no more than that, a room is better heard by the binaural monitor."""


@dataclass(frozen=True, slots=True)
class SoundCard:
    """Full names of physical ports, in the server's order.

    Attributes:
        server: whether one answers.
        playback: what plays.
        capture: what records.
    """

    server: bool = False
    playback: tuple[str, ...] = ()
    capture: tuple[str, ...] = ()


def sound_card(server_name: str | None = None) -> SoundCard:
    """What there is now; none where no server answers. Starts no server and does not hang."""
    with JackVisit(server_name) as visit:
        ports = [port for port in visit.seen.ports if port.is_physical]
        return SoundCard(
            visit.seen.opened,
            tuple(port.name for port in ports if port.is_input),
            tuple(port.name for port in ports if not port.is_input),
        )


def suggested_layouts(ports: int, folders: Sequence[Path] = ()) -> tuple[Layout, ...]:
    """The layouts that a number of ports can play, first what uses them best; all of them where none can.

    Args:
        ports: that play.
        folders: with layouts of one's own, which come before the shipped ones.
    """
    entries = [entry for entry in available_layouts(folders) if not entry.problems]
    found = [layout for entry in entries if (layout := _loaded(entry.path)) is not None]
    own = {entry.name for entry in entries if any(entry.path.is_relative_to(folder) for folder in folders)}

    def rank(layout: Layout) -> tuple[bool, bool, int, int]:
        known = layout.name in PREFERRED
        place = PREFERRED.index(layout.name) if known else 0
        return layout.name not in own, not known, -len(layout.labels), place

    fitting = [layout for layout in found if highest_channel(layout) <= ports]
    return tuple(sorted(fitting or found, key=rank))


def _loaded(path: Path) -> Layout | None:
    try:
        return load_layout(str(path))
    except LayoutError:
        return None


def highest_channel(layout: Layout) -> int:
    """How many ports in a row it needs."""
    return max(speaker.channel for speaker in layout.speakers)
