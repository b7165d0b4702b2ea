"""Tables of results, independent of where they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Args:
        title: one line.
        headings: of the columns.
        sections: rows of cells that belong together.
        labels: number of columns from the left that hold names; all others hold figures.
    """

    title: str
    headings: tuple[str, ...]
    sections: tuple[tuple[tuple[str, ...], ...], ...]
    labels: int = 1


def markdown(tables: Sequence[Table]) -> str:
    """The tables in Markdown, each under its title in bold."""
    return "\n\n".join("\n".join(_lines(table)) for table in tables)


def _lines(table: Table) -> Iterator[str]:
    yield f"**{table.title}**"
    yield ""
    yield _line(table.headings)
    yield _line("---" if index < table.labels else "--:" for index in range(len(table.headings)))
    for section in table.sections:
        yield from map(_line, section)


def _line(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
