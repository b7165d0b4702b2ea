"""Positions from a table of comma-separated values, with every problem told by its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stemfield.control.arguments import did_you_mean
from stemfield.layouts.coordinates import cartesian

RANGES = {
    "azimuth_deg": (-360.0, 360.0),
    "elevation_deg": (-90.0, 90.0),
    "distance_m": (0.0, 1000.0),
    "width_deg": (0.0, 360.0),
    "height_deg": (0.0, 180.0),
}
REQUIRED = ("azimuth_deg", "elevation_deg", "distance_m")
EXTENT = ("width_deg", "height_deg")


class PositionsError(ValueError):
    """A table that cannot be used.

    Attributes:
        problems: every one that was found, with its line, counted from 1.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def read_positions(lines: Iterable[str]) -> NDArray[np.float64]:
    """The positions in a table.

    Args:
        lines: the first that is not empty names the columns: azimuth_deg, elevation_deg, distance_m, and perhaps
            width_deg and height_deg, which must be 0 because sources with extent are not rendered.

    Returns:
        Metres, shape (positions, 3): x front, y left, z up.

    Raises:
        PositionsError: with every problem.
    """
    reader = csv.reader(lines, skipinitialspace=True)
    columns: list[str] | None = None
    rows: list[tuple[float, float, float]] = []
    problems: list[str] = []
    extended: list[int] = []
    try:
        for cells in reader:
            words = [cell.strip() for cell in cells]
            if not any(words):
                continue
            if columns is None:
                columns = words
                problems += _column_problems(columns, reader.line_num)
                if problems:
                    break
                continue
            values, wrong = _values(columns, words)
            problems += [f"line {reader.line_num}: {problem}" for problem in wrong]
            if any(values.get(name, 0.0) for name in EXTENT):
                extended.append(reader.line_num)
            if not wrong:
                rows.append((values["azimuth_deg"], values["elevation_deg"], values["distance_m"]))
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    if extended:
        shown = ", ".join(str(line) for line in extended[:10]) + (", ..." if len(extended) > 10 else "")
        problems.append(f"line {shown}: width_deg and height_deg must be 0: sources with extent are not rendered")
    if columns is None:
        problems.append(f"empty: the first line names the columns {', '.join(REQUIRED)}")
    elif not rows and not problems:
        problems.append("holds no position")
    if problems:
        raise PositionsError(problems)
    return cartesian(*np.array(rows, np.float64).T)


def _column_problems(columns: Sequence[str], line: int) -> list[str]:
    problems = [f"line {line}: unknown column {c!r}{did_you_mean(c, RANGES)}" for c in columns if c not in RANGES]
    problems += [f"line {line}: column {c} is missing" for c in REQUIRED if c not in columns]
    return problems + [f"line {line}: column {c} is there twice" for c in RANGES if columns.count(c) > 1]


def _values(columns: Sequence[str], words: Sequence[str]) -> tuple[Mapping[str, float], list[str]]:
    if len(words) != len(columns):
        return {}, [f"{len(words)} values, but {len(columns)} columns"]
    values: dict[str, float] = {}
    problems = []
    for name, word in zip(columns, words, strict=True):
        low, high = RANGES[name]
        try:
            values[name] = 0.0 if name in EXTENT and not word else float(word)
        except ValueError:
            values[name] = math.nan
        if not low <= values[name] <= high:
            problems.append(f"{name}: {word or 'nothing'}: allowed a number from {low:g} to {high:g}")
            values[name] = 0.0
    return values, problems
