"""ADM-OSC against the specification's own client, whose handler judges our answers."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from adm_osc import StressClient, stable_params
from adm_osc.handler import adm_handler
from adm_osc.protocol import ValueType
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from stemfield.control.dialects.registry import decode
from stemfield.control.parameters.actions import LoadScene, Ping
from stemfield.control.parameters.adm_rows import ADM_ROWS
from stemfield.control.parameters.commands import SetParameter, Touch
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply, readable, value_of
from stemfield.control.status import idle_status
from stemfield.renderer.scene.scene import Scene, default_scene

CONTEXT = Context(("M+030", "M-030"), default_scene([("guitar", (0,))]), status=idle_status())


@pytest.fixture
def answered(start_control: Callable[..., Any]) -> Iterator[tuple[Any, socket.socket]]:
    """A control side, and the socket at which its answers to ADM-OSC arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("127.0.0.1", 0))
        inbox.settimeout(2.0)
        yield start_control(adm_answer_port=inbox.getsockname()[1]), inbox


@pytest.fixture
def client(control: Any) -> Iterator[StressClient]:
    """The real client with its own server, which runs in a thread."""
    before = set(threading.enumerate())
    made = StressClient("127.0.0.1", control.server.port, 0)
    yield made
    made.server.shutdown()
    made.server.server_close()
    made._sock.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(2)


def receive(inbox: socket.socket) -> tuple[str, list[Any]]:
    message = OscMessage(inbox.recv(4096))
    return message.address, message.params


def do(scene: Scene, address: str, *values: object) -> Scene:
    changed, problems = apply(scene, SetParameter(address, values), CONTEXT)
    assert not problems
    return changed


def value(scene: Scene, address: str) -> tuple[Any, ...]:
    (route,) = readable(address, scene, CONTEXT)
    values = value_of(route, scene, CONTEXT)
    assert values is not None
    return values


READABLE = [row.address.format(n=2) for row in ADM_ROWS if row.read]


@pytest.mark.parametrize("address", READABLE)
def test_the_specification_s_own_handler_accepts_every_answer(
    answered: tuple[Any, socket.socket], address: str
) -> None:
    control, inbox = answered
    peer = control.peer()
    for place in ((30.0, 20.0, 2.5), (-170.0, 0.0, 700.0), (0.0, -90.0, 0.01)):
        peer.send("/object/bass/aed", *place)
        peer.send(address)
        got, values = receive(inbox)
        assert got == address
        adm_handler(got, *values)
    assert peer.received() == []


def test_mute_is_answered_as_an_integer_and_heard_in_every_type(answered: tuple[Any, socket.socket]) -> None:
    control, inbox = answered
    peer = control.peer()
    for sent, expected in ((1, 1), (0.0, 0), (1.0, 1), (False, 0), (True, 1)):
        peer.send("/adm/obj/1/mute", sent)
        peer.send("/adm/obj/1/mute")
        assert receive(inbox) == ("/adm/obj/1/mute", [expected])


def test_a_wildcard_question_has_an_answer_an_object_and_ping_a_pong(answered: tuple[Any, socket.socket]) -> None:
    control, inbox = answered
    peer = control.peer()
    peer.send("/adm/obj/*/gain")
    assert [receive(inbox) for _ in range(7)] == [(f"/adm/obj/{n}/gain", [1.0]) for n in range(1, 8)]
    peer.send("/adm/obj/[2-3]/name")
    assert [receive(inbox)[1] for _ in range(2)] == [["bass"], ["drums"]]
    peer.send("/adm/ping", 7, "x")
    assert receive(inbox) == ("/adm/pong", [7, "x"])
    assert peer.received() == []


def test_every_parameter_of_the_real_client_arrives(control: Any, client: StressClient, peer: Any) -> None:
    for value_type, expected in ((ValueType.Min, 0.0), (ValueType.Max, 1.0), (ValueType.Default, 1.0)):
        client.set_objects_stable_parameters_predefined_value(range(7), value_type)
        client.set_all_objects_stable_parameters_predefined_value(value_type)
        peer.received()
        assert [o.level for o in control.hub.scene.objects] == [expected] * 7
    # The client puts an object's number into the listener's and environment's addresses too: 8 a call.
    assert control.hub.reports.counters.problems == control.hub.reports.counters.unknown == 3 * 8 * 8
    client.send_object_cartesian_position(1, [1.0, 0.5, -0.25])
    peer.received()
    assert control.hub.scene.objects[0].position == pytest.approx((0.5, -1.0, -0.25))
    client.send_object_position_xy(1, [0.0, 1.0])
    client.send_object_dmax(1, 5.0)
    client.send_object_width(1, 0.25)
    client.send_object_name(1, "lead")
    client.send_listener_cartesian_position([0.25, 0.5, 0.0])
    client.send_listener_orientation([30.0, 10.0, -5.0])
    client.send_listener_position_x(-0.25)
    client.send_listener_position_yaw(90.0)
    peer.received()
    lead = control.hub.scene.objects[0]
    assert (lead.name, lead.label, lead.width_deg, lead.dmax_m) == ("vocals", "lead", 90.0, 5.0)
    assert lead.position == pytest.approx((5.0, 0.0, -1.25))
    assert control.hub.scene.listener == pytest.approx((0.5, 0.25, 0.0))
    assert control.hub.scene.head == pytest.approx((90.0, 10.0, -5.0))
    assert control.hub.reports.counters.problems == 3 * 8 * 8


def test_the_real_client_s_stress_loses_nothing(control: Any, client: StressClient, peer: Any) -> None:
    client.stress_all(7, 0.6, 2.0)
    peer.received()
    # Two stresses of 0.3 s at 2 ms for seven objects, and the ping.
    assert control.hub.reports.counters.messages - 1 >= 2 * 150 * 7
    assert control.hub.reports.counters.problems == 0
    w, wave = (1 + 150) % 7 / 7, -math.pi
    expected = (math.sin(wave) * 0.5, -(math.sin(w) / math.sin(1.0) * 2.0 - 1.0), math.cos(wave) * 0.5)
    assert control.hub.scene.objects[0].position == pytest.approx(expected, abs=1e-6)


def test_what_the_client_asks_is_answered(answered: tuple[Any, socket.socket]) -> None:
    control, inbox = answered
    client = StressClient("127.0.0.1", control.server.port, 0)
    try:
        client.query_all_polar_positions()
        for number in range(1, 8):
            got, values = receive(inbox)
            assert got == f"/adm/obj/{number}/aed"
            _, objects, parameter, _ = adm_handler(got, *values)
            assert (objects, parameter) == (number, stable_params.aed)
    finally:
        client.server.shutdown()
        client.server.server_close()
        client._sock.close()


def test_malformed_addresses_are_counted_and_not_answered(control: Any, peer: Any) -> None:
    before = control.hub.scene
    for address in ("/adm/lis/2/xyz", "/adm/env/2/change", "/adm/obj/99/azim", "/adm/obj/0/azim", "/adm/obj/x/azim"):
        peer.send(address, 1.0)
    peer.send("/adm/obj/1/azim", "left")
    peer.send("/adm/obj/1/azim", math.nan)
    assert peer.received() == []
    assert control.hub.reports.counters.problems == 7
    assert control.hub.scene is before


def test_the_axes_are_right_front_up() -> None:
    for place, xyz in (
        ((0, 0, 1), (0, 1, 0)),
        ((90, 0, 1), (-1, 0, 0)),
        ((-90, 0, 1), (1, 0, 0)),
        ((0, 90, 1), (0, 0, 1)),
    ):
        scene = do(CONTEXT.defaults, "/adm/obj/1/aed", *place)
        assert value(scene, "/adm/obj/1/xyz") == pytest.approx(xyz, abs=1e-6)
        assert value(scene, "/object/vocals/aed") == pytest.approx(place)
        scene = do(CONTEXT.defaults, "/adm/obj/1/xyz", *xyz)
        assert value(scene, "/adm/obj/1/aed") == pytest.approx(place, abs=1e-6)
        # The inverse of the convention, which the printed specification has with the other sign.
        assert value(scene, "/adm/obj/1/azim")[0] == pytest.approx(math.degrees(math.atan2(-xyz[0], xyz[1])), abs=1e-6)


components = st.one_of(
    st.tuples(st.just("azim"), st.floats(-180, 180)),
    st.tuples(st.just("elev"), st.floats(-90, 90)),
    st.tuples(st.just("dist"), st.floats(0, 1)),
    st.tuples(st.sampled_from(["x", "y", "z"]), st.floats(-1, 1)),
)


@given(st.tuples(st.floats(-179, 179), st.floats(-89, 89), st.floats(0, 1)), components)
def test_one_component_changes_the_last_representation(place: tuple[float, ...], component: tuple[str, float]) -> None:
    scene = do(CONTEXT.defaults, "/adm/obj/1/aed", *place)
    before = {name: value(scene, f"/adm/obj/1/{name}") for name in ("aed", "xyz")}
    name, number = component
    scene = do(scene, f"/adm/obj/1/{name}", number)
    kind, index = ("xyz", "xyz".index(name)) if name in "xyz" else ("aed", ["azim", "elev", "dist"].index(name))
    expected = list(before[kind])
    expected[index] = number
    got = value(scene, f"/adm/obj/1/{kind}")
    if name == "elev" and abs(number) > 89.99:
        assert got[1:] == pytest.approx(expected[1:], abs=1e-4)
    else:
        assert got == pytest.approx(expected, abs=1e-4)


def test_directions_survive_where_they_have_no_meaning() -> None:
    scene = do(CONTEXT.defaults, "/adm/obj/1/aed", 70.0, 30.0, 0.0)
    assert value(scene, "/adm/obj/1/dist")[0] == pytest.approx(0.0, abs=1e-6)
    scene = do(scene, "/adm/obj/1/azim", 80.0)
    scene = do(scene, "/adm/obj/1/dist", 0.5)
    assert value(scene, "/adm/obj/1/aed") == pytest.approx((80.0, 30.0, 0.5))
    scene = do(scene, "/adm/obj/1/xyz", 0.0, 0.0, 0.0)
    scene = do(scene, "/adm/obj/1/azim", -40.0)
    scene = do(scene, "/adm/obj/1/dist", 1.0)
    assert value(scene, "/adm/obj/1/aed") == pytest.approx((-40.0, 0.0, 1.0))
    scene = do(scene, "/adm/obj/1/elev", 90.0)
    scene = do(scene, "/adm/obj/1/elev", 0.0)
    assert value(scene, "/adm/obj/1/azim") == pytest.approx((-40.0,))


def test_dmax_is_what_distance_1_means() -> None:
    scene = do(CONTEXT.defaults, "/adm/obj/1/aed", 0.0, 0.0, 0.5)
    scene = do(scene, "/adm/obj/1/dmax", 8.0)
    assert value(scene, "/adm/obj/1/dist") == pytest.approx((0.5,))
    assert value(scene, "/object/vocals/distance") == pytest.approx((4.0,))
    assert do(scene, "/adm/obj/1/y", 1.0).objects[0].position == pytest.approx((8.0, 0.0, 0.0))


def test_any_name_of_a_mixing_desk_becomes_a_label_of_ours() -> None:
    scene = do(CONTEXT.defaults, "/adm/obj/1/name", "Lead/Vox #1, [L]" + "x" * 200)
    assert (scene.objects[0].name, scene.objects[0].label) == ("vocals", ("Lead/Vox #1, [L]" + "x" * 200)[:128])


def only(address: str, *values: object) -> object:
    (timed,) = decode(build_msg(address, [*values]).dgram, 0.0)
    return timed.command


def test_touch_release_and_scene_changes() -> None:
    assert only("/adm/obj/1/azim", 3.0, "touch") == SetParameter("/adm/obj/1/azim", [3.0], "adm", True)
    assert only("/adm/obj/1/aed", 3.0, 2.0, 1.0, "release") == SetParameter(
        "/adm/obj/1/aed", [3.0, 2.0, 1.0], "adm", False
    )
    assert only("/adm/obj/1/azim", "touch") == Touch("/adm/obj/1", True, "adm")
    assert only("/adm/obj/1/touch") == Touch("/adm/obj/1", True, "adm")
    assert only("/adm/obj/*/release", 1) == Touch("/adm/obj/*", False, "adm")
    assert only("/adm/obj/1/name", "touch") == SetParameter("/adm/obj/1/name", ["touch"], "adm")
    assert only("/adm/env/change", "Verse") == LoadScene("Verse", 1.0, address="/adm/env/change")
    assert only("/adm/ping") == Ping(b",\0\0\0", "/adm/pong")


def test_a_scene_is_changed_by_its_name(answered: tuple[Any, socket.socket], until: Callable[..., None]) -> None:
    control, inbox = answered
    peer = control.peer()
    peer.send("/object/vocals/aed", 90, 0, 1)
    peer.send("/scene/save", "left")
    peer.send("/object/vocals/aed", 0, 0, 1)
    peer.received()
    until(lambda: (control._folder / "scenes" / "left.json").exists(), 5, "the scene is kept")
    peer.send("/adm/env/change", "left")
    peer.send("/adm/env/change")
    assert receive(inbox) == ("/adm/env/change", ["left"])
    assert control.hub.scene.objects[0].position == pytest.approx((0, 1, 0), abs=1e-6)
    assert control.settled().changes[-1][1].fade_s == 1.0
    assert replace(control.hub.scene, objects=()) == replace(CONTEXT.defaults, objects=())
