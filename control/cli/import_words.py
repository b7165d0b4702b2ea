"""Words about a model that is brought in: of what its user gave, not of the card and the copies made of that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemfield.control.problems import CommandError
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.scene.scene import STEMS
from stemfield.separation.cards.card import CardError, ModelCard

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
"""By the keys of a card that follow from them."""
_AXES = {"s": "--source", "n": "--samples", "t": "--samples", "f": "--n-fft"}
"""By the letters of a tensor's layout."""
_SHAPES = re.compile(r"the (?:in|out)put '(?P<name>.+)' has shape \[(?P<has>.*)\], the card says \[(?P<says>.*)\]")


@contextmanager
def words_of_the_user(scratch: Path, paths: Mapping[str, Path], made: Mapping[str, Any] | None) -> Iterator[None]:
    """Turns what a model in a scratch folder is refused for into lines for the user.

    Args:
        scratch: where the copies are.
        paths: of the files that the user gave, by the names of their copies.
        made: a card that was made of options; None where the user gave the card.
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


def unplaced(card: ModelCard) -> list[str]:
    """What is to be known of the stems of a model that are no instrument of a room."""
    lines = []
    for name in card.names:
        stem = card.room_stem(name)
        if stem not in STEMS:
            known = f"{', '.join(STEMS)}{did_you_mean(stem, STEMS)}"
            hint = f"say where it belongs with --stem {name}=vocals, for instance, or `stems` in the card"
            lines.append(f"{card.name}: no instrument of a room gets {name!r}: {stem!r} is none of {known}; {hint}")
    return lines


def _with_option(problem: str, made: Mapping[str, Any]) -> str:
    """A problem with the option that mends it."""
    found = _SHAPES.fullmatch(problem)
    if found:
        options = dict.fromkeys(_AXES[axis] for axis in _differing(found, made) if axis in _AXES)
        problem = problem.replace("the card says", "the options say")
    else:
        key = re.match(r"[a-z_]+", problem)
        options = dict.fromkeys([_OPTIONS[key[0]]] if key and key[0] in _OPTIONS else [])
    missing = [option for option in options if option not in problem]
    return f"{problem} ({', '.join(missing)})" if missing else problem


def _differing(found: re.Match[str], made: Mapping[str, Any]) -> Sequence[str]:
    """The letters of the axes in which a tensor is not as the card says."""
    layouts = {port["name"]: port.get("layout", "") for port in (*made["inputs"], *made["outputs"])}
    axes = re.findall(r"\([^)]*\)|\w", layouts.get(found["name"], ""))
    has, says = found["has"].split(", "), found["says"].split(", ")
    return [axis for axis, a, b in zip(axes, has, says, strict=False) if a != b and a.isdecimal()]
