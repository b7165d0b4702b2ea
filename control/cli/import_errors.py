"""Errors of a model import in terms of what the user gave, not of the card and the copies that were made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemfield.control.command_errors import CommandError
from stemfield.separation.cards.card import CardError

_OPTIONS = {
    "name": "--name",
    "title": "--title",
    "sources": "--source",
    "rest": "--rest",
    "stems": "--stem",
    "stft": "--n-fft",
    "chunk": "--samples",
    "compensate": "--compensate",
    "licence": "--licence",
    "attribution": "--attribution",
    "trained_on": "--trained-on",
}
"""Options by the keys of a card that follow from them."""
_AXES = {"s": "--source", "n": "--samples", "t": "--samples", "f": "--n-fft"}
"""Options by the letters of a tensor's layout."""
_SHAPES = re.compile(
    r"the (?:in|out)put '(?P<name>.+)': expected shape \[(?P<expected>.*)\] as in the card, got \[(?P<got>.*)\]"
)


@contextmanager
def in_terms_of_options(scratch: Path, paths: Mapping[str, Path], made: Mapping[str, Any] | None) -> Iterator[None]:
    """Turn the problems of a model in a scratch folder into a CommandError about the files and options of the user.

    Args:
        scratch: folder of the copies.
        paths: paths of the files that the user gave, by the names of their copies.
        made: card that was made of options; None where the user gave the card.
    """
    try:
        yield
    except CardError as error:
        source = Path(error.source)
        shown = paths.get(source.name, source.name) if source.is_relative_to(scratch) else error.source
        if made is None:
            raise CommandError([f"{shown}: {problem}" for problem in error.problems]) from error
        name = "the options" if source.suffix == ".yaml" else shown
        raise CommandError([f"{name}: {_with_option(problem, made)}" for problem in error.problems]) from error


def _with_option(problem: str, made: Mapping[str, Any]) -> str:
    """A problem with the option that corrects it."""
    found = _SHAPES.fullmatch(problem)
    if found:
        options = dict.fromkeys(_AXES[axis] for axis in _differing(found, made) if axis in _AXES)
        problem = problem.replace("as in the card", "as in the options")
    else:
        key = re.match(r"[a-z_]+", problem)
        options = dict.fromkeys([_OPTIONS[key[0]]] if key and key[0] in _OPTIONS else [])
    missing = [option for option in options if option not in problem]
    return f"{problem} ({', '.join(missing)})" if missing else problem


def _differing(found: re.Match[str], made: Mapping[str, Any]) -> Sequence[str]:
    """The letters of the axes in which a tensor differs from the card."""
    layouts = {port["name"]: port.get("layout", "") for port in (*made["inputs"], *made["outputs"])}
    axes = re.findall(r"\([^)]*\)|\w", layouts.get(found["name"], ""))
    got, expected = found["got"].split(", "), found["expected"].split(", ")
    return [axis for axis, a, b in zip(axes, got, expected, strict=False) if a != b and a.isdecimal()]
