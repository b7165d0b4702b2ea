"""What the words of a command line are made into; each error names the word and what is allowed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any


def number(low: float, high: float) -> Callable[[str], float]:
    """A number in a range, limits included."""

    def convert(text: str) -> float:
        from stemfield.layouts.numerals import real

        try:
            value = real(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text}: allowed a number from {low:g} to {high:g}")
        return value

    return convert


def address(text: str) -> str:
    """An OSC address or pattern."""
    if not re.fullmatch(r"/[^\x00#]{1,254}", text):
        raise argparse.ArgumentTypeError(f"{text}: allowed an address that begins with /, such as /object/vocals/aed")
    return text


def port(text: str) -> int:
    """The number of a port."""
    if (number := _whole(text)) is None or not 1 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text}: allowed a port from 1 to 65535")
    return number


def mirror(text: str) -> dict[str, Any]:
    """Another renderer, as the configuration has it."""
    dialect, _, rest = text.partition(":")
    host, colon, port = rest.rpartition(":") if rest.count(":") == 1 else (rest, "", "")
    number = _whole(port) if colon else 0
    if dialect not in ("s3a", "adm") or not rest or number is None:
        raise argparse.ArgumentTypeError(
            f"{text}: allowed s3a or adm, a numeric address and a port: adm:127.0.0.1:4001"
        )
    return {"dialect": dialect, "host": host, "port": number}


def count(low: int, high: int) -> Callable[[str], int]:
    """A whole number in a range, limits included."""

    def convert(text: str) -> int:
        if (value := _whole(text)) is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text}: allowed a whole number from {low} to {high}")
        return value

    return convert


def _whole(text: str) -> int | None:
    from stemfield.layouts.numerals import whole

    try:
        return whole(text)
    except ValueError:
        return None


def pair(text: str) -> tuple[str, str]:
    """A source and the stem it is."""
    name, equals, stem = text.partition("=")
    if not (name and equals and stem):
        raise argparse.ArgumentTypeError(f"{text}: allowed NAME=STEM, such as accompaniment=other")
    return name, stem


def pair_of_ports(text: str) -> tuple[str, str]:
    """A loudspeaker and its port."""
    label, equals, port = text.partition("=")
    if not (label and equals and ":" in port):
        raise argparse.ArgumentTypeError(f"{text}: allowed LABEL=PORT, such as M+030=system:playback_1")
    return label, port


def gain(text: str) -> tuple[str, float]:
    """An instrument and its gain in dB."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text}: allowed NAME=DB, such as vocals=-6")
    return name, number(-120.0, 20.0)(value)
