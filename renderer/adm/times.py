"""Times in documents: hours, minutes and seconds, with decimals or a fraction.

>>> parse_time("00:00:01.50000"), parse_time("00:01:00.24000S48000")
(Fraction(3, 2), Fraction(121, 2))
>>> time_text(step_time(4801, 48_000)), time_text(step_time(7, 192_000))
('00:00:00.10002', '00:00:00.7S192000')
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

_TIME = re.compile(r"(\d{1,3}):([0-5]?\d):([0-5]?\d)(?:\.(\d{1,18})(?:S(\d{1,12}))?)?", re.ASCII)
_SECONDS = re.compile(r"\+?(?:\d{1,6}(?:\.\d{1,30})?|\.\d{1,30})(?:[eE]-\d{1,2})?", re.ASCII)
_STEPS_HZ: Final = 100_000
"""Resolution of times with five decimals, which every program reads."""
_EXACT_HZ: Final = 96_000
"""Sample rate up to which they identify a frame."""


def parse_time(text: str) -> Fraction:
    """Seconds of a time.

    Raises:
        ValueError: it is not a time.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    hours, minutes, seconds, digits, parts = match.groups()
    whole = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
    if not digits:
        return Fraction(whole)
    if parts is None:
        return whole + Fraction(int(digits), 10 ** len(digits))
    if not 0 <= int(digits) < int(parts):
        raise ValueError(text)
    return whole + Fraction(int(digits), int(parts))


def parse_seconds(text: str) -> Fraction:
    """Seconds of an interpolationLength, below a million; some programs write small ones as `2e-05`.

    Raises:
        ValueError: it is not a number of seconds.
    """
    if _SECONDS.fullmatch(text.strip()) is None:
        raise ValueError(text)
    return Fraction(text.strip())


def step_time(frame: int, sample_rate_hz: int) -> Fraction:
    """Time of a frame: with five decimals if that identifies the frame."""
    if sample_rate_hz > _EXACT_HZ:
        return Fraction(frame, sample_rate_hz)
    return Fraction(round(Fraction(frame * _STEPS_HZ, sample_rate_hz)), _STEPS_HZ)


def time_text(time_s: Fraction) -> str:
    """Text of a time of `step_time` or of a difference of two, exact."""
    seconds, rest = divmod(time_s, 1)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if _STEPS_HZ % rest.denominator == 0:
        return f"{clock}.{int(rest * _STEPS_HZ):05d}"
    return f"{clock}.{rest.numerator}S{rest.denominator}"


def seconds_text(time_s: Fraction) -> str:
    """Text of an interpolationLength in seconds."""
    return f"{float(time_s):.5f}" if _STEPS_HZ % time_s.denominator == 0 else f"{float(time_s):.9f}"
