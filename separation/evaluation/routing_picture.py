"""Picture of routings: a matrix of shares for each register, darker for more, readable without colours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stemfield.separation.evaluation.routing import REGISTERS, WHOLE
from stemfield.separation.evaluation.routing_summary import MeanRow, RoutingSummary, Spread, without_empty_residual

CELL_INCHES = 0.75
TITLES = {WHOLE: "all frequencies"} | {register: register.replace("-", " to ") for register in REGISTERS}


def plot_routing(methods: Mapping[str, RoutingSummary], path: Path) -> None:
    """Write the picture, in the format of the suffix; a row of matrices per method.

    Each cell shows the mean share over songs and, with several songs, its range; what goes right has a thick frame.

    Args:
        methods: summary by method, at least one with a row.
        path: file to write, such as `routing.png`.

    Raises:
        OSError: it cannot be written.
        ValueError: a suffix of no image format.
    """
    registers = (WHOLE, *REGISTERS)
    shown = {method: without_empty_residual(summary) for method, summary in methods.items()}
    rows = [(stem, row) for each in shown.values() for stems in each.values() for stem, row in stems.items()]
    stems = [*dict.fromkeys(stem for stem, _ in rows)]
    estimates = [*dict.fromkeys(name for _, row in rows for name in row.shares)]
    size = (
        len(registers) * (1.3 + CELL_INCHES * len(estimates)),
        len(methods) * (1.2 + CELL_INCHES * len(stems)) + 0.4,
    )
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle("Share of each true stem's power in each estimate: mean over songs, and range")
    panels = figure.subplots(len(methods), len(registers), squeeze=False)
    for line, (method, summary) in zip(panels, shown.items(), strict=True):
        for panel, register in zip(line, registers, strict=True):
            _draw(panel, summary, register, stems, estimates)
            panel.set_title(f"{method}: {TITLES[register]}", fontsize=10)
    figure.savefig(path, dpi=110)


def _draw(panel: Any, summary: RoutingSummary, register: str, stems: list[str], estimates: list[str]) -> None:
    """Draw the matrix of a register."""
    rows = summary.get(register, {})
    none = Spread(0.0, 0.0, 0.0, 0.0)
    cells = {stem: [rows[stem].shares.get(estimate, none) for estimate in estimates] for stem in stems if stem in rows}
    unknown = [np.nan] * len(estimates)
    means = np.array([[share.mean for share in cells[stem]] if stem in cells else unknown for stem in stems])
    panel.imshow(means, cmap="Greys", vmin=0.0, vmax=1.0, aspect="equal")
    panel.set_xticks(range(len(estimates)), estimates, fontsize=8)
    panel.set_yticks(range(len(stems)), [_label(stem, register, rows.get(stem)) for stem in stems], fontsize=8)
    panel.set(xlabel="goes to", ylabel="true stem")
    panel.tick_params(length=0)
    centred = {"ha": "center", "va": "center"}
    frame: dict[str, Any] = {"fill": False, "edgecolor": "0.5", "linewidth": 2.5}
    for down, stem in enumerate(stems):
        for across, estimate in enumerate(estimates):
            if estimate in stem.split("+"):
                panel.add_patch(Rectangle((across - 0.48, down - 0.48), 0.96, 0.96, **frame))
        for across, share in enumerate(cells.get(stem, [])):
            colour = "white" if share.mean > 0.5 else "black"
            panel.text(across, down - 0.1, _percent(share.mean), color=colour, fontsize=10, **centred)
            if rows[stem].songs > 1:
                text = f"{_percent(share.lowest)} to {_percent(share.highest)}"
                panel.text(across, down + 0.25, text, color=colour, fontsize=6, **centred)


def _label(stem: str, register: str, row: MeanRow | None) -> str:
    if row is None:
        return f"{stem}\nnone here"
    if register == WHOLE:
        return f"{stem}\n{row.songs} song{'s' * (row.songs > 1)}"
    return f"{stem}\n{_percent(row.power)} of it"


def _percent(share: float) -> str:
    return f"{round(100.0 * share)}%"
