"""Numbers as text: what is one, and what only Python takes for one."""

import math

import pytest

from stemfield.layouts.foreign import ForeignFileError, number
from stemfield.layouts.numerals import real, whole


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0.0), ("-1.5", -1.5), (".5", 0.5), ("5.", 5.0), ("+1e-3", 0.001), (" 7 ", 7.0), ("-INF", -math.inf)],
)
def test_numbers(text, value):
    assert real(text) == value


@pytest.mark.parametrize("text", ["", "1_0", "\u0665", "\uff11", "0x10", "1e", ".", "nan", "1,5", "1 0", "infinit"])
def test_what_is_no_number(text):
    for read in (real, whole):
        with pytest.raises(ValueError, match="expected a "):
            read(text)
    with pytest.raises(ForeignFileError, match="expected a number"):
        number("azimuth", text)


def test_whole_numbers():
    assert [whole(text) for text in ("0", "007", "-3", "+4")] == [0, 7, -3, 4]
    for text in ("1.0", "9" * 5000):
        with pytest.raises(ValueError, match="whole number"):
            whole(text)
