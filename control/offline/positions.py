"""Positions from a table of comma-separated values; each problem names its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.numerals import real
from stemfield.layouts.problems import ProblemsError, did_you_mean

Floats = NDArray[np.float64]

RANGES = {
    "azimuth_deg": (-360.0, 360.0),
    "elevation_deg": (-90.0, 90.0),
    "distance_m": (0.0, 1000.0),
    "width_deg": (0.0, 360.0),
    "height_deg": (0.0, 180.0),
}
REQUIRED = ("azimuth_deg", "elevation_deg", "distance_m")
EXTENT = ("width_deg", "height_deg")


class PositionsError(ProblemsError):
    """A table that cannot be used; each problem names its line, counted from 1."""


class Positions(NamedTuple):
    """Positions and sizes of sources."""

    places: Floats
    """Metres, shape (positions, 3): x front, y left, z up."""
    width_deg: Floats
    """Shape (positions,)."""
    height_deg: Floats
    """Shape (positions,)."""


def read_positions(lines: Iterable[str], source: str) -> Positions:
    """The positions in a table.

    Args:
        lines: lines of the table; the first that is not empty names the columns: azimuth_deg, elevation_deg,
            distance_m, and optionally width_deg and height_deg, whose empty cells are 0.
        source: name of the table, for errors.

    Raises:
        PositionsError: with every problem.
    """
    reader = csv.reader(lines, skipinitialspace=True)
    columns: list[str] | None = None
    rows: list[list[float]] = []
    problems: list[str] = []
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
            if not wrong:
                rows.append([values.get(name, 0.0) for name in RANGES])
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    if columns is None:
        problems.append(f"empty: expected a first line with the columns {', '.join(REQUIRED)}")
    elif not rows and not problems:
        problems.append("contains no position")
    if problems:
        raise PositionsError(source, problems)
    *place, width_deg, height_deg = np.array(rows, np.float64).T
    return Positions(cartesian(*place), width_deg, height_deg)


def _column_problems(columns: Sequence[str], line: int) -> list[str]:
    problems = [f"line {line}: unknown column {c!r}{did_you_mean(c, RANGES)}" for c in columns if c not in RANGES]
    problems += [f"line {line}: column {c} is missing" for c in REQUIRED if c not in columns]
    return problems + [f"line {line}: column {c} appears twice" for c in RANGES if columns.count(c) > 1]


def _values(columns: Sequence[str], words: Sequence[str]) -> tuple[Mapping[str, float], list[str]]:
    if len(words) != len(columns):
        return {}, [f"expected {len(columns)} values, got {len(words)}"]
    values: dict[str, float] = {}
    problems = []
    for name, word in zip(columns, words, strict=True):
        low, high = RANGES[name]
        try:
            values[name] = 0.0 if name in EXTENT and not word else real(word)
        except ValueError:
            values[name] = math.nan
        if not low <= values[name] <= high:
            problems.append(f"{name}: expected a number from {low:g} to {high:g}, got {word or 'nothing'}")
            values[name] = 0.0
    return values, problems
