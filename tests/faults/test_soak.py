"""Report of a soak test: how long it played, whether it failed, and why stems were missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fault_table import FaultTable, page
from losses import CHANGE, HELD_UP, REPLACED, SKIPPED, START, Snapshot, loss_summary, losses
from soak import Result, add

WHOLE = Result(1876.0, 420.0, 290.0, 291.0, 0.5, (9000, 8000), (542.5,), (16, 16), (), 0.0, 17, 100, 200, ())


def row_of(found: Result) -> str:
    fault_table = FaultTable()
    add(fault_table, "on the clock driver", "moves", found)
    return fault_table.rows[0].line


def test_a_row_stands_under_the_hours_that_were_played() -> None:
    assert row_of(WHOLE).startswith("| 0.5 h on the clock driver | 0.52 h of music in 7 min; ")
    assert row_of(replace(WHOLE, played_s=86_399.0)).startswith("| 23.9 h on the clock driver |")
    assert row_of(replace(WHOLE, played_s=86_400.2)).startswith("| 24 h on the clock driver |")


def test_a_run_that_failed_says_so() -> None:
    assert "failed" not in row_of(WHOLE)
    assert "| **failed**: 2 cuts; a traceback in the log |" in row_of(
        replace(WHOLE, problems=("2 cuts", "a traceback in the log"))
    )


def test_the_page_keeps_what_was_not_measured_now_with_its_date() -> None:
    fault_table = FaultTable()
    add(fault_table, "on the clock driver", "moves", WHOLE)
    old = page([replace(fault_table.rows[0], measured="2020-02-02")]).replace(
        "Measured last on ", "Measured last on then, "
    )
    assert page([], old) == old
    add(fault_table, "on the clock driver", "moves", replace(WHOLE, played_s=86_400.0))
    both = page(fault_table.rows[1:], old)
    assert "| 2020-02-02 |" in both
    assert both.count("h on the clock driver") == 2
    assert "then, " not in both
    assert "2020-02-02" not in page(fault_table.rows, old)


def test_the_page_that_is_there_is_what_would_be_written(tmp_path: Path) -> None:
    there = Path(__file__).parents[2] / "docs" / "reliability.md"
    copy = tmp_path / "page.md"
    copy.write_text(there.read_text())
    FaultTable().write(copy)
    assert copy.read_text() == there.read_text()


def snapshots(*said_and_counts: tuple[float, int, int, int, str]) -> list[Snapshot]:
    """Snapshots half a second apart: time without stems, cuts, skips, restarts, log lines."""
    return [Snapshot()] + [
        Snapshot(0.5 * k, 5.0 * k, missing_s, cuts, skips, restarts, 0.25 * k, tuple(filter(None, said.split("; "))))
        for k, (missing_s, cuts, skips, restarts, said) in enumerate(said_and_counts, start=1)
    ]


def test_each_loss_has_its_cause() -> None:
    found = losses(
        snapshots(
            (2.0, 0, 0, 0, "stems arrive"),
            (2.0, 0, 0, 0, ""),
            (2.5, 0, 0, 0, ""),
            (3.0, 0, 0, 0, ""),
            (3.5, 0, 1, 0, ""),
            (3.5, 0, 1, 0, "model light requested"),
            (3.5, 0, 1, 0, ""),
            (4.0, 1, 1, 0, "model light plays"),
            (4.1, 1, 1, 0, ""),
            (4.109, 1, 1, 0, ""),
            (9.0, 1, 1, 1, "separation worker: it ended with status -9"),
            (9.0, 1, 1, 1, "separation worker of another model: bad; the current one plays on"),
            (9.5, 1, 2, 1, ""),
        )
    )
    assert [(loss.cause, round(loss.missing_s, 3), loss.cuts) for loss in found] == [
        (START, 2.0, 0),
        (HELD_UP, 1.0, 0),
        (SKIPPED, 0.5, 0),
        (CHANGE, 0.5, 1),
        (HELD_UP, 0.1, 0),
        (REPLACED, 4.891, 0),
        (SKIPPED, 0.5, 0),
    ]
    assert found[3].log_lines == ("model light plays",)
    assert loss_summary(found) == (
        f"{REPLACED}, once: 4.9 s; {START}, once: 2.0 s; {HELD_UP}, 2 times: 1.1 s; {SKIPPED}, 2 times: 1.0 s; "
        f"{CHANGE}, once: 0.5 s, 1 cuts"
    )


def test_a_loss_says_when_it_was_and_how_busy_the_machine_was() -> None:
    (loss,) = losses(snapshots((0.0, 0, 0, 0, ""), (0.6, 0, 0, 0, ""), (1.2, 0, 0, 0, "")))
    assert loss.line.startswith("1.20 s without stems, 0 cuts, 0 skips within 1.0 s, 0 s after the start, at 5 s")
    assert "10.0 times as fast as time: the worker was held up" in loss.line
    assert loss.line.endswith("in 50 % of the time")


def test_nothing_lost_needs_no_cause() -> None:
    assert losses(snapshots((0.0, 0, 0, 0, ""), (0.0, 0, 0, 0, "model light plays"))) == []
    assert loss_summary([]) == ""
