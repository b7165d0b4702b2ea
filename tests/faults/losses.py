"""Causes of missing stems, from regular snapshots of a daemon's counters and log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

START, CHANGE, REPLACED = "at the start", "a change of the model", "a worker was replaced"
SKIPPED, HELD_UP = "the worker fell behind and skipped", "the worker was held up"
ROUNDED_S = 0.01
"""Resolution of the daemon's time without stems."""
PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters at one moment."""

    wall_s: float = 0.0
    audio_s: float = 0.0
    missing_s: float = 0.0
    """Time played without stems."""
    cuts: int = 0
    skips: int = 0
    """Number of times the worker dropped its backlog."""
    restarts: int = 0
    waited_s: float = 0.0
    """Time in which any program waited for a processor."""
    log_lines: tuple[str, ...] = ()
    """Lines of the log since the previous snapshot."""


@dataclass(slots=True)
class Loss:
    """A period of missing or cut stems with one cause."""

    cause: str
    before: Snapshot
    after: Snapshot
    log_lines: tuple[str, ...]

    @property
    def missing_s(self) -> float:
        return self.after.missing_s - self.before.missing_s

    @property
    def cuts(self) -> int:
        return self.after.cuts - self.before.cuts

    @property
    def line(self) -> str:
        """Text: what was lost, when, why, and how busy the machine was."""
        wall_s, audio_s = self.after.wall_s - self.before.wall_s, self.after.audio_s - self.before.audio_s
        waited_s, skips = self.after.waited_s - self.before.waited_s, self.after.skips - self.before.skips
        pace, busy = (audio_s / wall_s, waited_s / wall_s) if wall_s else (0.0, 0.0)
        return (
            f"{self.missing_s:.2f} s without stems, {self.cuts} cuts, {skips} skips within {wall_s:.1f} s, "
            f"{self.before.wall_s:.0f} s after the start, at {self.before.audio_s:.0f} s of the music, which ran "
            f"{pace:.1f} times as fast as time: {self.cause}; programs waited for a processor in {100 * busy:.0f} % of "
            "the time"
        )


def losses(snapshots: Sequence[Snapshot]) -> list[Loss]:
    """All losses; consecutive snapshots with the same cause are one loss."""
    found: list[Loss] = []
    for before, now, changes in _with_changes(snapshots):
        if now.missing_s - before.missing_s < ROUNDED_S - 1e-6 and now.cuts == before.cuts:
            continue
        cause = _cause(before, now, changes=changes)
        if found and found[-1].after is before and found[-1].cause == cause:
            found[-1] = Loss(cause, found[-1].before, now, found[-1].log_lines + now.log_lines)
        else:
            found.append(Loss(cause, before, now, now.log_lines))
    return found


def _cause(before: Snapshot, now: Snapshot, *, changes: bool) -> str:
    if before.wall_s == 0.0:
        return START
    if now.restarts > before.restarts:
        return REPLACED
    if changes:
        return CHANGE
    return SKIPPED if now.skips > before.skips else HELD_UP


def _with_changes(snapshots: Sequence[Snapshot]) -> Iterator[tuple[Snapshot, Snapshot, bool]]:
    """Each pair of snapshots, and whether a change of model was in progress between them."""
    changing = False
    for before, now in pairwise(snapshots):
        changes = changing
        for line in now.log_lines:
            if line.endswith(" requested"):
                changing = changes = True
            elif line.endswith(" plays") or "the current one plays on" in line:
                changing = False
        yield before, now, changes


def loss_summary(found: Sequence[Loss]) -> str:
    """Text: total loss per cause, the largest first; empty without losses."""
    parts = []
    for cause in {loss.cause for loss in found}:
        of_it = [loss for loss in found if loss.cause == cause]
        parts.append((sum(loss.missing_s for loss in of_it), sum(loss.cuts for loss in of_it), len(of_it), cause))
    return "; ".join(
        f"{cause}, {_times(times)}: {missing_s:.1f} s" + (f", {cuts} cuts" if cuts else "")
        for missing_s, cuts, times, cause in sorted(parts, reverse=True)
    )


def _times(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def waited_s() -> float:
    """Time since boot in which any program waited for a processor; 0 if the kernel does not report it."""
    try:
        some = PRESSURE.read_text().splitlines()[0]
    except (OSError, IndexError):
        return 0.0
    return 1e-6 * int(some.rpartition("total=")[2])
