"""The sound cards as the kernel shows them, and who has opened them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stemfield.control.doctor.processes import Process, process_of


@dataclass(frozen=True, slots=True)
class Card:
    """One sound card that can play.

    Attributes:
        number: ALSA's.
        name: as ALSA knows it, for `hw:NAME`.
        held_by: who has opened its playback; nobody where it is free.
    """

    number: int
    name: str
    held_by: Process | None


def sound_cards(root: Path) -> tuple[Card, ...]:
    """Those that the kernel knows.

    Args:
        root: below which `proc/asound` is.
    """
    return tuple(_cards(root / "proc" / "asound"))


def _cards(asound: Path) -> Iterator[Card]:
    for folder in sorted(asound.glob("card[0-9]*")):
        playbacks = sorted(folder.glob("pcm*p"))
        if not playbacks:
            continue
        name = _text(folder / "id").strip() or folder.name.removeprefix("card")
        states = [_text(status) for playback in playbacks for status in sorted(playback.glob("sub*/status"))]
        owners = [owner for state in states if (owner := _owner(state))]
        yield Card(int(folder.name.removeprefix("card")), name, process_of(owners[0]) if owners else None)


def _owner(state: str) -> int:
    """The process that has opened a stream, from the text that the kernel gives of it; 0 where it is closed."""
    for line in state.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "owner_pid" and value.strip().isdecimal():
            return _process_of_thread(int(value))
    return 0


def _process_of_thread(thread: int) -> int:
    """The process of the thread that has opened a stream."""
    for line in _text(Path("/proc") / str(thread) / "status").splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    return thread


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
