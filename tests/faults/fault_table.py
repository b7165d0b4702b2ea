"""Table of faults with the measurements of each test, one row per fault, and the page made from it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
COLUMNS = ("fault", "what was done", "output", "gap", "recovered", "state file", "measured")
NOT_RECORDED = "*not recorded*"
WHERE = "Measured last on "
SECTIONS = (
    "The separation",
    "The JACK server",
    "Disk and configuration",
    "The network",
    "Two machines",
    "The end",
    "Many hours",
)
HEAD = """# Reliability

Written by `make faults` and `make soak`; do not edit.

This page says what was done to a running daemon and what came out meanwhile. A JACK client plays music into the daemon
and records every sample of every loudspeaker. The room is square, with the vocals on one loudspeaker behind and
everything else on one in front: the sum of all loudspeakers must be the recording itself, and the loudspeaker behind
shows whether there are stems. A **gap** is silence where the recording is not silent; **recovered** is the time until
stems play as before, unless something else is named. In every row there was no crash, no sample that is not finite,
none above full scale, and no repeated block; otherwise `make faults` fails. The exceptions are a stopped daemon,
whatever is *not recorded*, and two machines with a resampler between them, whose loudspeakers are compared with the
stems by level and time. A row whose run failed says **failed**, and why; *by* a date means that date or earlier.
"""


def _today() -> str:
    return str(datetime.now(UTC).date())


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    section: str
    fault: str
    done: str
    outputs: str
    gap: str
    recovered: str
    state: str
    measured: str = field(default_factory=_today)
    """Date of the measurement."""

    @property
    def line(self) -> str:
        """Row of the page."""
        cells = (self.fault, self.done, self.outputs, self.gap, self.recovered, self.state, self.measured)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


class FaultTable:
    """Rows in the order of measurement."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, section: str, fault: str, done: str, *, outputs: str, gap: str, recovered: str, state: str) -> None:
        """Add a row."""
        assert section in SECTIONS
        self.rows.append(Row(section, fault, done, outputs, gap, recovered, state))

    def write(self, path: Path = PAGE) -> None:
        """Write the page; rows not measured this time stay as they were."""
        path.write_text(page(self.rows, path.read_text() if path.exists() else ""))


def page(rows: list[Row], before: str = "") -> str:
    """Page with these rows, and with the rows of an earlier page for all other faults."""
    kept: dict[str, dict[str, str]] = {name: {} for name in SECTIONS}
    section, where = "", ""
    for line in before.splitlines():
        if line.startswith(WHERE):
            where = line + "\n"
        elif line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and section in kept and not line.startswith(f"| {COLUMNS[0]} |"):
            kept[section][line.split(" | ")[0].removeprefix("| ")] = line
    for row in rows:
        kept[row.section][row.fault] = row.line
    parts = [HEAD, _where() if rows else where]
    for name, lines in kept.items():
        if lines:
            table = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|", *lines.values()]
            parts.append(f"## {name}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def _where() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    machine = f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}, shared with other work"
    return f"{WHERE}{_today()}, {machine}; a jackd with the dummy driver.\n"
