"""Run the benchmarks, print their figures, and write docs/benchmarks.md.

`python tests/bench/run.py [NAME ...]` runs those named (`callback`, ...) without changing the page; `--page` replaces
their parts of the page.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import Row, realtime
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "benchmarks.md"


def target(row: Row) -> str:
    if row.at_most is not None:
        return f"at most {row.at_most:g}"
    return "" if row.at_least is None else f"at least {row.at_least:g}"


def verdict(row: Row) -> str:
    return {None: "", True: "yes", False: "**no**"}[row.met]


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


HEAD = """# Benchmarks

Written by `make bench`; do not edit. Periods are those of a real jackd with the dummy driver."""


def occasion() -> str:
    priority = "with" if realtime() else "without"
    return (
        f"Measured on {datetime.now(UTC).date()}, on {os.cpu_count()} shared cores of {processor()}, "
        f"with Python {platform.python_version()}, {priority} real-time priority."
    )


def part(name: str, text: str, rows: list[Row]) -> str:
    lines = [f"## {name}", "", text.strip(), "", occasion(), ""]
    lines += ["| what | figure | unit | target | met |", "|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.value:.3g} | {r.unit} | {target(r)} | {verdict(r)} |" for r in rows]
    return "\n".join(lines)


def page(found: dict[str, tuple[str, list[Row]]], names: list[str]) -> str:
    """Page with these parts, and with the old text of all others."""
    before = PAGE.read_text().split("\n\n## ")[1:]
    parts = {text.split("\n", 1)[0]: f"## {text.rstrip()}" for text in before}
    parts |= {name: part(name, *what) for name, what in found.items()}
    return "\n\n".join([HEAD, *(parts[name] for name in names if name in parts)]) + "\n"


def main() -> int:
    every = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    names = [word for word in sys.argv[1:] if word != "--page"] or every
    console = Console()
    found: dict[str, tuple[str, list[Row]]] = {}
    failed = False
    for name in names:
        script = HERE / f"bench_{name}.py"
        with console.status(f"{name} ..."):
            done = subprocess.run(
                [sys.executable, str(script)],
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent / 'support'}"},
            )
        text = script.read_text().split('"""')[1]
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            console.print(f"{name}: not measured: {reason}", style="red")
            found[name] = (f"{text.strip()}\n\nNot measured: {reason}", [])
            failed = True
            continue
        rows = [Row(**row) for row in json.loads(done.stdout)]
        found[name] = (text, rows)
        table = Table("what", "figure", "unit", "target", "met", title=name)
        for row in rows:
            table.add_row(row.what, f"{row.value:.3g}", row.unit, target(row), verdict(row).strip("*"))
        console.print(table)
    if names == every or "--page" in sys.argv:
        PAGE.write_text(page(found, every))
    return int(failed or any(row.met is False for _, rows in found.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
