"""Types of command line arguments; each error says what was expected and what the argument was."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from math import inf
from typing import Any, TypeVar

from stemfield.layouts.numerals import real, whole

N = TypeVar("N", int, float)


def number(low: float, high: float) -> Callable[[str], float]:
    """A number in a range, limits included."""
    return lambda text: _in_range(text, real, low, high, f"a number from {low:g} to {high:g}")


def count(low: int, high: float = inf) -> Callable[[str], int]:
    """A whole number in a range, limits included; without an upper limit any from `low`."""
    allowed = f"of at least {low}" if high == inf else f"from {low} to {high}"
    return lambda text: _in_range(text, whole, low, high, f"a whole number {allowed}")


def address(text: str) -> str:
    """An OSC address or pattern."""
    if not re.fullmatch(r"/[^\x00#]{1,254}", text):
        raise _expected("an address that begins with /, such as /object/vocals/aed", text)
    return text


def port(text: str) -> int:
    """A port number."""
    return _in_range(text, whole, 1, 65_535, "a port from 1 to 65535")


def mirror(text: str) -> dict[str, Any]:
    """Another renderer, as the configuration describes it."""
    dialect, _, rest = text.partition(":")
    host, colon, port = rest.rpartition(":") if rest.count(":") == 1 else (rest, "", "")
    try:
        value = whole(port) if colon else 0
    except ValueError:
        value = None
    if dialect not in ("s3a", "adm") or not rest or value is None:
        raise _expected("s3a or adm, a numeric address and a port, such as adm:127.0.0.1:4001", text)
    return {"dialect": dialect, "host": host, "port": value}


def pair(text: str) -> tuple[str, str]:
    """A source of a model and its stem."""
    return _split(text, "NAME=STEM, such as accompaniment=other")


def pair_of_ports(text: str) -> tuple[str, str]:
    """A loudspeaker and its port."""
    return _split(text, "LABEL=PORT, such as M+030=system:playback_1", ":")


def gain(text: str) -> tuple[str, float]:
    """A stem and its gain in dB."""
    name, value = _split(text, "NAME=DB, such as vocals=-6")
    return name, number(-120.0, 20.0)(value)


def _split(text: str, form: str, inside: str = "") -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not (name and value and inside in value):
        raise _expected(form, text)
    return name, value


def _in_range(text: str, convert: Callable[[str], N], low: float, high: float, what: str) -> N:
    try:
        value = convert(text)
    except ValueError as error:
        raise _expected(what, text) from error
    if not low <= value <= high:
        raise _expected(what, text)
    return value


def _expected(what: str, text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"expected {what}, got {text or 'nothing'}")
