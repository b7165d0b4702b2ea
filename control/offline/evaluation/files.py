"""The files that an evaluation writes: pictures and a report."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.offline.evaluation.report import Result, routings, summary
from stemfield.control.offline.evaluation.tables import write_report
from stemfield.control.offline.inputs import check_target


@dataclass(frozen=True, slots=True)
class Files:
    """Files to write; None: not asked for."""

    scores: Path | None = None
    """Chart of the scores."""
    routing: Path | None = None
    """Matrices of the routing."""
    report: Path | None = None
    """All tables in Markdown, with links to the pictures."""

    def write(self, results: Sequence[Result]) -> None:
        """Write them.

        Raises:
            CommandError: one cannot be written.
        """
        if self.scores:
            from stemfield.control.offline.evaluation.plot import plot

            with _writing(self.scores):
                plot(summary(results), self.scores)
        routed = {method: summary for method, summary in routings(results).items() if any(summary.values())}
        if self.routing and routed:
            from stemfield.separation.evaluation.routing_picture import plot_routing

            with _writing(self.routing):
                plot_routing(routed, self.routing)
        if self.report:
            drawn = (self.scores, self.routing if routed else None)
            with _writing(self.report):
                write_report(results, self.report, [path for path in drawn if path])


def files_for(plot: str | None, report: str | None, routing: bool) -> Files:
    """The files of the options `--plot` and `--report`, checked before anything is measured.

    Args:
        plot: file for the chart of the scores; the matrices of `--routing` go beside it, to `NAME-routing`.
        report: file for the report.
        routing: whether the routing is measured.

    Raises:
        CommandError: one cannot be written, two are the same, or pictures cannot be drawn here.
    """
    if plot and importlib.util.find_spec("matplotlib") is None:
        raise CommandError(["--plot needs matplotlib: pip install 'stemfield[plot]'"])
    scores = Path(plot) if plot else None
    matrices = scores.with_name(f"{scores.stem}-routing{scores.suffix}") if scores and routing else None
    files = Files(scores, matrices, Path(report) if report else None)
    if files.report and files.report in (scores, matrices):
        raise CommandError([f"--report {report}: expected another file than the picture"])
    for target in (files.scores, files.routing, files.report):
        if target:
            check_target(target)
    return files


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise CommandError([f"{path}: cannot be written: {error}"], FAILED) from error
