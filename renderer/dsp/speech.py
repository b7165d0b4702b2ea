"""The labels of loudspeakers, spoken with recorded words.

The words were recorded from a synthesiser (`record_voice.py`) and ship with the package. A label that would need too
many of them is not spoken.

>>> words_of("M+030"), words_of("U-110"), words_of("LFE1")
(('m', 'plus', 'thirty'), ('u', 'minus', 'one', 'hundred', 'ten'), ('l', 'f', 'e', 'one'))
>>> words_of("TopFront-Left 2"), words_of("Hochton")
(('top', 'front', 'left', 'two'), None)
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from string import ascii_lowercase
from typing import Final

import numpy as np
import soundfile
import soxr

from stemfield.renderer.native.arrays import Doubles

ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS: Final = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
NAMES: Final = (
    "left", "right", "front", "rear", "back", "side", "centre", "surround", "top", "bottom", "upper", "lower",
    "middle", "high", "low", "height", "ceiling", "floor", "wide", "inner", "outer", "sub", "subwoofer", "speaker",
    "bass", "tweeter", "woofer", "main", "monitor",
    "stage", "hall", "balcony", "gallery", "room", "wall", "corner", "door", "window", "roof", "beam", "stairs", "desk",
    "table", "shelf", "bookshelf", "cupboard", "sofa",
)  # fmt: skip
ALIKE: Final = {"center": "centre", "mid": "middle"}
VOCABULARY: Final = (*ascii_lowercase, *ONES, *TENS, "hundred", "plus", "minus", *NAMES)
"""Every word that is recorded."""

LONGEST_SPELT: Final = 4
"""Maximum number of letters that are spelled in a row."""
MOST_WORDS: Final = 12
LONGEST_S: Final = 5.0
PAUSE_S: Final = 0.04
"""Pause between words."""

_SIGNED = re.compile(r"[+-](?=\d{3}(?!\d))|\+")
"""A sign that is spoken: that of a three-digit azimuth of ITU-R BS.2051; other dashes only divide."""
_PARTS = re.compile(r"[+-]|\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


def words_of(label: str) -> tuple[str, ...] | None:
    """The words of a label, or None if it needs more than `MOST_WORDS`."""
    signed = {match.start() for match in _SIGNED.finditer(label)}
    words: list[str] = []
    for match in _PARTS.finditer(label):
        part = match.group()
        if part in "+-":
            words += [{"+": "plus", "-": "minus"}[part]] if match.start() in signed else []
        elif part.isdecimal():
            words += _number(part)
        elif (said := _letters(part)) is not None:
            words += said
        else:
            return None
    return tuple(words) if 0 < len(words) <= MOST_WORDS else None


def spoken(label: str, sample_rate_hz: int) -> Doubles | None:
    """A spoken label, or None if it cannot be spoken within `LONGEST_S`.

    Returns:
        Samples at the sample rate, peak near 1.
    """
    words = words_of(label)
    if words is None:
        return None
    recorded, rate_hz = _recordings()
    pause = np.zeros(round(PAUSE_S * rate_hz))
    said = np.concatenate([part for word in words for part in (recorded[word], pause)])
    if len(said) > LONGEST_S * rate_hz:
        return None
    return np.asarray(soxr.resample(said, rate_hz, sample_rate_hz, quality="VHQ"), np.float64)


def _number(digits: str) -> list[str]:
    """A number up to 999, more as digits."""
    value = int(digits) if len(digits) <= 3 else 1000
    if value > 999:
        return [ONES[int(digit)] for digit in digits]
    words = [ONES[value // 100], "hundred"] if value >= 100 else []
    rest = value % 100
    if rest >= 20:
        words.append(TENS[rest // 10 - 2])
        rest %= 10
        if rest == 0:
            return words
    return words if value and rest == 0 else [*words, ONES[rest]]


def _letters(part: str) -> list[str] | None:
    lower = part.lower()
    word = ALIKE.get(lower, lower)
    if word in NAMES:
        return [word]
    spelt = len(lower) <= LONGEST_SPELT and all(letter in ascii_lowercase for letter in lower)
    return list(lower) if spelt else None


@cache
def _recordings() -> tuple[Mapping[str, Doubles], int]:
    """Every recorded word, and the sample rate in Hz."""
    folder = files("stemfield.renderer") / "data" / "voice"
    with as_file(folder / "words.ogg") as path:
        sound, rate_hz = soundfile.read(path, dtype="float64")
    with (folder / "words.csv").open(encoding="utf-8") as file:
        rows = [(row["word"], int(row["start"]), int(row["end"])) for row in csv.DictReader(file)]
    return {word: sound[start:end] for word, start, end in rows}, int(rate_hz)
