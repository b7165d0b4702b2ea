from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemfield.control.parameters.patterns import PatternError, matches


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("vocals", "vocals", True),
        ("vocals", "vocalss", False),
        ("*", "", True),
        ("v*", "vocals", True),
        ("*s", "vocals", True),
        ("*o*l*", "vocals", True),
        ("*a*a*", "vocals", False),
        ("?", "1", True),
        ("?", "12", False),
        ("[0-3]", "2", True),
        ("[0-3]", "4", False),
        ("[!0-3]", "4", True),
        ("[a-]", "-", True),
        ("[^]", "^", True),
        ("{bass,drums}", "drums", True),
        ("{bass,drums}*", "drumset", True),
        ("{bass,drums}", "vocals", False),
        ("*{b,abc}*c", "abc", True),
        ("M+0{30,45}", "M+045", True),
        ("M+0?0", "M+030", True),
        ("a.c", "abc", False),
        ("(a|b)", "a", False),
    ],
)
def test_osc_patterns(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern", ["[", "[]", "[!]", "a]", "{", "{a", "a}", "{a,{b,c}}", "[z-a]", "a" * 257, "{a,b}" * 7]
)
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        matches(pattern, "a")


def slow(pattern: str, text: str) -> bool:
    """The definition, by trying everything."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        return any(slow(rest, text[i:]) for i in range(len(text) + 1))
    if head == "{":
        choices, _, rest = rest.partition("}")
        return any(text.startswith(c) and slow(rest, text[len(c) :]) for c in choices.split(","))
    return bool(text) and head in ("?", text[0]) and slow(rest, text[1:])


pieces = st.sampled_from(["a", "b", "*", "?", "{a,ab}", "{b,aba,}"])


@given(
    st.lists(pieces, max_size=5).filter(lambda p: sum(len(x) > 1 for x in p) < 4).map("".join),
    st.text("ab", max_size=7),
)
def test_same_as_the_definition(pattern: str, text: str) -> None:
    assert matches(pattern, text) is slow(pattern, text)


def test_a_hostile_pattern_comes_to_an_end() -> None:
    # Whoever reconsiders what each star took has more ways to go than there are atoms, and never ends here.
    assert not matches("*a" * 100 + "b", "a" * 128)
