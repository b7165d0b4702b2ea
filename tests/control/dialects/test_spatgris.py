from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message_builder import build_msg

from stemfield.control.dialects.registry import decode
from stemfield.control.parameters.commands import Problem


@pytest.mark.parametrize(
    ("arguments", "aed"),
    [
        (("deg", 1, 90.0, 20.0, 2.0, 0.0, 0.0), (-90.0, 20.0, 2.0)),  # clockwise: to the right
        (("pol", 1, math.pi / 2, 0.0, 1.0, 0.0, 0.0), (-90.0, 0.0, 1.0)),
        (("car", 1, -1.0, 0.0, 0.0, 0.0, 0.0), (90.0, 0.0, 1.0)),  # x is to the right
        (("car", 1, 0.0, 1.0, 1.0, 0.0, 0.0), (0.0, 45.0, math.sqrt(2))),
        (("deg", 1, 350, 0, 1, 0, 0), (10.0, 0.0, 1.0)),
    ],
)
def test_where_a_source_is(peer: Any, arguments: tuple[Any, ...], aed: tuple[float, ...]) -> None:
    peer.send("/spat/serv", *arguments)
    assert peer.ask("/object/vocals/aed") == pytest.approx(aed, abs=1e-4)
    assert peer.received() == []


def test_distances_are_multiples_of_dmax(peer: Any) -> None:
    """SpatGRIS has no metres: 1 is where the loudspeakers are, and its cube goes on to 1.66."""
    peer.send("/object/vocals/dmax", 4.0)
    for arguments, place in (
        (("car", 1, 1.0, 0.5, 0.25, 0.0, 0.0), (2.0, -4.0, 1.0)),
        (("car", 1, -1.66, 1.0, 0.0, 0.0, 0.0), (4.0, 6.64, 0.0)),
        (("deg", 1, 90.0, 0.0, 0.5, 0.0, 0.0), (0.0, -2.0, 0.0)),
        (("pol", 1, 0.0, 0.0, 3.0, 0.0, 0.0), (12.0, 0.0, 0.0)),
    ):
        peer.send("/spat/serv", *arguments)
        assert peer.ask("/object/vocals/position") == pytest.approx(place, abs=1e-5)


def test_spans_clearing_and_algorithms(control: Any, peer: Any) -> None:
    before = control.hub.scene.objects[1]
    peer.send("/spat/serv", "deg", 2, 10.0, 0.0, 1.0, 0.5, 0.25)
    assert peer.ask("/object/bass/width") == [180.0]
    assert peer.ask("/object/bass/height") == [45.0]
    peer.send("/spat/serv", "alg", 2, "cube")
    peer.send("/spat/serv", "clr", 2)
    assert peer.received() == []
    assert control.hub.scene.objects[1] == before


def test_what_is_wrong_is_said(control: Any, peer: Any) -> None:
    for arguments in (
        ("deg", 1, 2.0),
        ("deg", 0, 1.0, 1.0, 1.0, 0.0, 0.0),
        ("dag", 1),
        (3, 1),
        (),
        ("car", 1, math.nan, 0.0, 0.0, 0.0, 0.0),
        ("deg", 99, 1.0, 1.0, 1.0, 0.0, 0.0),
    ):
        peer.send("/spat/serv", *arguments)
    peer.send("/spat/other", 1)
    reasons = [values[1] for _, values in peer.received()]
    assert reasons[:6] == [
        "deg: expected source azimuth elevation distance horizontal span vertical span, got 2 arguments",
        "deg: expected a whole number from 1 to 10000, got 0",
        "expected deg, pol, car, clr, alg, got 'dag'",
        "expected deg, pol, car, clr, alg, got 3",
        "expected deg, pol, car, clr, alg, got ''",
        "car: x: expected a number, got nan",
    ]
    assert reasons[-1] == "unknown address: SpatGRIS has only /spat/serv"
    assert control.hub.scene == control.hub.context.defaults


arguments = st.lists(
    st.one_of(st.sampled_from(["deg", "pol", "car", "clr", "alg"]), st.integers(-9, 99), st.floats(width=32)),
    max_size=8,
)


@given(arguments)
def test_no_arguments_make_it_raise(values: list[Any]) -> None:
    for timed in decode(build_msg("/spat/serv", values).dgram, 0.0):
        assert isinstance(timed.command, Problem) or timed.command.arguments is not None  # type: ignore[union-attr]
