"""Probes the sound cards in /proc/asound, and which processes have opened them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stemfield.control.doctor.processes import Process, process_of, text_of


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card that can play.

    Attributes:
        number: number in ALSA.
        name: name in ALSA, as in `hw:NAME`.
        held_by: process that has opened it for playback; None if it is free.
    """

    number: int
    name: str
    held_by: Process | None


def probe_cards(root: Path) -> tuple[Card, ...]:
    """The sound cards that the kernel lists in `proc/asound`."""
    return tuple(_cards(root / "proc" / "asound"))


def _cards(asound: Path) -> Iterator[Card]:
    for folder in sorted(asound.glob("card[0-9]*")):
        playbacks = sorted(folder.glob("pcm*p"))
        if not playbacks:
            continue
        name = text_of(folder / "id").strip() or folder.name.removeprefix("card")
        states = [text_of(status) for playback in playbacks for status in sorted(playback.glob("sub*/status"))]
        owners = [owner for state in states if (owner := _owner(state))]
        yield Card(int(folder.name.removeprefix("card")), name, process_of(owners[0]) if owners else None)


def _owner(state: str) -> int:
    """The process that has opened a stream, from its status file; 0 if it is closed."""
    for line in state.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "owner_pid" and value.strip().isdecimal():
            return _process_of_thread(int(value))
    return 0


def _process_of_thread(thread: int) -> int:
    for line in text_of(Path("/proc") / str(thread) / "status").splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    return thread
