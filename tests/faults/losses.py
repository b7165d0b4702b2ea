"""Why stems were missing: a daemon's counters, looked at again and again, beside what its log said meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

START, CHANGE, REPLACED = "at the start", "a change of the model", "a worker was replaced"
SKIPPED, HELD_UP = "the worker fell behind and skipped", "the worker was held up"
ROUNDED_S = 0.01
"""To which the daemon tells how long stems were missing."""
PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True, slots=True)
class Sight:
    """What was counted by one moment."""

    wall_s: float = 0.0
    audio_s: float = 0.0
    missing_s: float = 0.0
    """Time that was played without stems."""
    cuts: int = 0
    skips: int = 0
    """How often the worker gave its backlog up."""
    restarts: int = 0
    waited_s: float = 0.0
    """Time in which some program of this machine waited for a processor."""
    said: tuple[str, ...] = ()
    """Lines of the log since the sight before."""


@dataclass(slots=True)
class Loss:
    """A while in which stems were missing or cut, for one cause."""

    cause: str
    before: Sight
    after: Sight
    said: tuple[str, ...]

    @property
    def missing_s(self) -> float:
        return self.after.missing_s - self.before.missing_s

    @property
    def cuts(self) -> int:
        return self.after.cuts - self.before.cuts

    @property
    def line(self) -> str:
        """What was lost, when, why, and how busy the machine was."""
        wall_s, audio_s = self.after.wall_s - self.before.wall_s, self.after.audio_s - self.before.audio_s
        waited_s, skips = self.after.waited_s - self.before.waited_s, self.after.skips - self.before.skips
        pace, busy = (audio_s / wall_s, waited_s / wall_s) if wall_s else (0.0, 0.0)
        return (
            f"{self.missing_s:.2f} s without stems, {self.cuts} cuts, {skips} skips within {wall_s:.1f} s, "
            f"{self.before.wall_s:.0f} s after the start, at {self.before.audio_s:.0f} s of the music, which ran "
            f"{pace:.1f} times as fast as time: {self.cause}; somebody waited for a processor in {100 * busy:.0f} % of "
            "the time"
        )


def losses(sights: Sequence[Sight]) -> list[Loss]:
    """Every loss between the first sight and the last; sights that follow one another with one cause are one loss."""
    found: list[Loss] = []
    for before, now, changes in _with_changes(sights):
        if now.missing_s - before.missing_s < ROUNDED_S - 1e-6 and now.cuts == before.cuts:
            continue
        cause = _cause(before, now, changes=changes)
        if found and found[-1].after is before and found[-1].cause == cause:
            found[-1] = Loss(cause, found[-1].before, now, found[-1].said + now.said)
        else:
            found.append(Loss(cause, before, now, now.said))
    return found


def _cause(before: Sight, now: Sight, *, changes: bool) -> str:
    if before.wall_s == 0.0:
        return START
    if now.restarts > before.restarts:
        return REPLACED
    if changes:
        return CHANGE
    return SKIPPED if now.skips > before.skips else HELD_UP


def _with_changes(sights: Sequence[Sight]) -> Iterator[tuple[Sight, Sight, bool]]:
    """Each two sights, and whether another model was on its way between them."""
    changing = False
    for before, now in pairwise(sights):
        changes = changing
        for line in now.said:
            if line.endswith(" requested"):
                changing = changes = True
            elif line.endswith(" plays") or "the present one plays on" in line:
                changing = False
        yield before, now, changes


def explained(found: Sequence[Loss]) -> str:
    """How much was lost for which cause, the greatest first; nothing where nothing was."""
    parts = []
    for cause in {loss.cause for loss in found}:
        of_it = [loss for loss in found if loss.cause == cause]
        parts.append((sum(loss.missing_s for loss in of_it), sum(loss.cuts for loss in of_it), len(of_it), cause))
    return "; ".join(
        f"{cause}, {_often(times)}: {missing_s:.1f} s" + (f", {cuts} cuts" if cuts else "")
        for missing_s, cuts, times, cause in sorted(parts, reverse=True)
    )


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def waited_s() -> float:
    """Time since the boot in which some program waited for a processor; 0 where the kernel does not say."""
    try:
        some = PRESSURE.read_text().splitlines()[0]
    except (OSError, IndexError):
        return 0.0
    return 1e-6 * int(some.rpartition("total=")[2])
