"""Scene and listener messages as VISR's own senders write them."""

from __future__ import annotations

import json
import math
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemfield.control.dialects import s3a, s3a_listener
from stemfield.control.dialects.registry import BY_NAME
from stemfield.control.dialects.s3a import parse_channels
from stemfield.control.dialects.s3a_listener import angles_of
from stemfield.control.network.admission import Admission
from stemfield.control.network.mirror import Mirror
from stemfield.control.network.udp import UdpServer
from stemfield.control.parameters.commands import Problem, SetParameter, UpsertObject
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.scenes.file import scene_from_dict, scene_to_dict
from stemfield.control.scenes.upsert import upsert_object
from stemfield.control.status import idle_status
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import Scene, default_scene

CONTEXT = Context(
    ("M+030", "M-030", "U+110"), default_scene([("guitar", (0,)), ("piano", (1, 2))]), status=idle_status()
)


def heard(*objects: dict[str, Any], scene: Scene = CONTEXT.defaults) -> tuple[Scene, list[str]]:
    """The scene after a message, and what was refused."""
    problems = []
    for timed in s3a.decode(json.dumps({"objects": objects}).encode(), 0.0):
        if isinstance(timed.command, Problem):
            problems.append(f"{timed.command.address}: {timed.command.reason}")
            continue
        assert isinstance(timed.command, UpsertObject)
        try:
            scene = upsert_object(scene, timed.command, CONTEXT)
        except RefusedError as refused:
            problems.append(f"object {timed.command.id}: {refused}")
    return scene, problems


# As the metadapter and the VISR object sender print them: numbers and quoted numbers mixed.
POINT = {
    "id": "5",
    "type": "point",
    "channels": "0",
    "group": "0",
    "priority": "0",
    "level": "0.500000",
    "position": {"x": "0.0", "y": "1.000000", "z": 0.5},
}


def test_a_point_with_quoted_numbers() -> None:
    scene, problems = heard(POINT)
    assert problems == []
    item = scene.find(5)
    assert item is not None
    assert (item.type, item.level, item.position, item.channels) == ("point", 0.5, (0.0, 1.0, 0.5), (0,))
    again, _ = heard(POINT, scene=scene)
    assert again is scene  # a stream that repeats itself costs no gains


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "point", "position": {"az": 90, "el": "0"}}, {"type": "point", "position": (0.0, 1.0, 0.0)}),
        ({"type": "point", "position": {"x": 1, "y": 2}}, {"position": (1.0, 2.0, 0.0)}),
        ({"type": "point", "channelLock": 7}, {"channel_lock_deg": 7.0}),
        (
            {"type": "plane", "direction": {"az": -90, "el": 0, "refdist": 3}},
            {"type": "plane", "position": (0.0, -3.0, 0.0)},
        ),
        ({"type": "diffuse"}, {"type": "diffuse"}),
        ({"type": "pointdiffuse", "diffuseness": "0.4"}, {"type": "pointdiffuse", "diffuseness": 0.4}),
        (
            {"type": "pointextent", "width": 40, "height": "20", "depth": 1, "diffuseness": 0.1},
            {"type": "pointextent", "width_deg": 40.0, "height_deg": 20.0, "diffuseness": 0.1},
        ),
        ({"type": "channel", "outputChannels": "[M+030]"}, {"type": "channel", "outputs": (("M+030",),)}),
        (
            {
                "type": "pointreverb",
                "position": {"az": 0, "el": 0, "radius": 2},
                "room": {"ereflect": [{"delay": 0.1}], "lreverb": {"delay": 0.1, "level": "1,1,1"}},
            },
            {"type": "point", "position": (2.0, 0.0, 0.0)},
        ),
        ({"type": "point", "priority": "3", "group": 2.0, "colour": "red"}, {"priority": 3, "group": 2}),
    ],
)
def test_every_type(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    scene, problems = heard({"id": 5, "channels": 0} | fields)
    assert problems == []
    item = scene.find(5)
    for name, value in expected.items():
        got = getattr(item, name)
        assert got == (pytest.approx(value, abs=1e-9) if name == "position" else value), name


def test_an_equaliser() -> None:
    band = {"type": "peak", "f": "1000", "q": 2, "gain": "-3.5"}
    scene, problems = heard({"id": 5, "type": "point", "eq": [band, {"type": "lowpass", "f": 8000}]})
    assert problems == []
    item = scene.find(5)
    assert item is not None
    assert [(b.type, b.f_hz, b.q, b.gain_db) for b in item.eq] == [
        ("peak", 1000.0, 2.0, -3.5),
        ("lowpass", 8000.0, 0.7071, 0.0),
    ]
    assert heard({"id": 5, "eq": []}, scene=scene)[0].find(5).eq == ()  # type: ignore[union-attr]


def test_an_object_whose_type_changes_is_made_anew() -> None:
    scene, _ = heard({"id": 5, "type": "pointextent", "width": 40, "diffuseness": 0.5, "level": 0.3})
    scene, _ = heard({"id": 5, "level": 0.4}, scene=scene)
    assert scene.find(5).width_deg == 40.0  # type: ignore[union-attr]
    scene, _ = heard({"id": 5, "type": "point"}, scene=scene)
    item = scene.find(5)
    assert item is not None
    assert (item.width_deg, item.diffuseness, item.level, item.name) == (0.0, 0.0, 1.0, "guitar")


def test_a_bad_object_is_refused_whole_and_leaves_the_others() -> None:
    scene, problems = heard(
        {"id": 0, "type": "point", "level": 0.5, "position": {"x": 1, "az": 3}},
        {"id": 1, "type": "point", "level": 0.25, "channels": "7"},
        {"id": 2, "type": "ponit"},
        {"id": -1},
        7,  # type: ignore[arg-type]
        {"id": 3, "type": "hoa", "order": 3, "channels": "0:15"},
        {"id": 6, "channels": "1, 9", "level": 0.5, "outputChannels": "nowhere"},
        {"id": 4, "type": "point", "level": "0.75"},
    )
    assert problems == [
        "object 0: position: expected x, y, z or az, el, radius, got 'x, az'",
        "object 2: type: expected point, plane, channel, diffuse, pointdiffuse, pointextent, pointreverb, got 'ponit'",
        "object: expected a whole number from 0 to 2147483647, got -1",
        "object: expected an object, got 7",
        "object 3: type: hoa: Ambisonic scenes are not rendered",
        "object 6: channels: expected 1 or 2 different ones from 0 to 2, got 1 9; "
        "outputs: 'nowhere': no such loudspeaker",
    ]
    assert [o.level for o in scene.objects] == [1.0, 0.25, 1.0, 1.0, 0.75, 1.0, 1.0]
    assert scene.find(6) == CONTEXT.defaults.find(6)


def test_new_objects_are_added_survive_a_restart_and_can_be_removed() -> None:
    scene, problems = heard(
        {"id": 40, "type": "point", "channels": [0, 2], "position": {"x": 0, "y": 2, "z": 0}, "level": 0.5},
        {"id": 41, "type": "point", "channels": 3},
        {"id": 42, "type": "point"},
    )
    assert problems == [
        "object 41: channels: expected 1 or 2 different ones from 0 to 2, got 3",
        "object 42: no such object: expected 0, 1, 2, 3, 4, 5, 6, 40, or a new one with channels",
    ]
    scene, _ = apply(scene, SetParameter("/object/40/name", ["added one"]), CONTEXT)
    kept, problems = scene_from_dict(json.loads(json.dumps(scene_to_dict(scene, CONTEXT))), CONTEXT)
    assert (kept, problems) == (scene, ())
    assert kept.objects[-1].channels == (0, 2)
    removed, _ = apply(scene, SetParameter("/object/added one/remove"), CONTEXT)
    assert removed == CONTEXT.defaults
    smaller = Context(CONTEXT.labels, default_scene(), status=idle_status())
    scene, problems = scene_from_dict(scene_to_dict(kept, CONTEXT), smaller)
    assert scene == smaller.defaults
    assert "added.object-40: a new object needs a direct input" in problems[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (3, (3,)),
        ("3", (3,)),
        ([0, 1], (0, 1)),
        ("0,3, 5", (0, 3, 5)),
        ("0:8", tuple(range(9))),
        ("0:2:8", (0, 2, 4, 6, 8)),
        ("8:-3:1", (8, 5, 2)),
        (["4", 5.0], (4, 5)),
    ],
)
def test_channels(given: object, expected: tuple[int, ...]) -> None:
    assert parse_channels(given) == expected


@pytest.mark.parametrize("bad", ["", "a", "1:0:5", "5:1", "0:1:2:3", "0:99999999", -1, None, [None], "1:-1", 1.5, {}])
def test_channels_that_are_none(bad: object) -> None:
    with pytest.raises(RefusedError):
        parse_channels(bad)


@pytest.mark.parametrize(
    ("ident", "written", "expected"),
    [
        (5, "M+030", (("M+030",),)),
        (5, "[M+030, M-030]", (("M+030", "M-030"),)),
        (6, "[M+030, M-030]", (("M+030",), ("M-030",))),
        (6, "[M+030, M-030, U+110]", (("M+030", "M-030", "U+110"),)),
        (6, "U+110, [M+030,M-030]", (("U+110",), ("M+030", "M-030"))),
        (6, "[ M+030 ], M-030", (("M+030",), ("M-030",))),
    ],
)
def test_output_channels(ident: int, written: str, expected: tuple[tuple[str, ...], ...]) -> None:
    """One entry a channel: object 5 has one, object 6 two."""
    scene, problems = heard({"id": ident, "type": "channel", "outputChannels": written})
    assert problems == []
    item = scene.find(ident)
    assert item is not None
    assert item.outputs == expected
    (told,) = json.loads(s3a.encode_objects(scene, {ident})[0])["objects"]
    del told["channels"]  # those of the mirror's own numbering
    again, problems = heard(told, scene=scene)
    assert (again.find(ident), problems) == (item, [])
    assert scene_from_dict(scene_to_dict(scene, CONTEXT), CONTEXT) == (scene, ())


def test_more_entries_than_channels_are_refused() -> None:
    _, problems = heard({"id": 5, "type": "channel", "outputChannels": "M+030, [M-030, U+110]"})
    assert problems == ["object 5: outputs: expected one entry per channel, at most 1, got 2; brackets hold several"]
    _, problems = heard({"id": 6, "type": "channel", "outputChannels": 3})
    assert problems == ["object 6: outputChannels: expected labels such as M+000, [M+030, M-030], got 3"]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 60_000, "nested too deeply"),
        (b"[1]", "expected an object"),
        (b"{}", "objects: expected a list of objects, got null"),
        (b'{"objects": {}}', "expected a list"),
        (b'{"objects": [{"id": 0, "level": NaN}]}', "expected a number, got NaN"),
        (b'{"objects": [{"id": ' + b"9" * 5000 + b"}]}", "not JSON"),
        (b" " * 65_537, "got 65537"),
    ],
)
def test_what_is_no_scene_message(packet: bytes, reason: str) -> None:
    (timed,) = s3a.decode(packet, 0.0)
    assert isinstance(timed.command, Problem)
    assert reason in timed.command.reason


def test_listeners() -> None:
    def said(**document: Any) -> list[Any]:
        return [timed.command for timed in s3a_listener.decode(json.dumps(document).encode(), 0.0)]

    assert said(x="0.5", y=-0.25, z=0, timeStamp=3, faceId=1) == [
        SetParameter("/listener/position", (0.5, -0.25, 0.0), "s3a")
    ]
    assert said(orientation={"yaw": 30, "pitch": "10", "roll": -5}) == [
        SetParameter("/listener/ypr", (30.0, 10.0, -5.0), "s3a")
    ]
    for orientation in (
        {"quaternion": {"w": math.cos(0.5), "x": 0, "y": 0, "z": math.sin(0.5)}},
        {"rotationVector": {"x": 0, "y": 0, "z": 2, "angle": math.degrees(1.0)}},
    ):
        (command,) = said(orientation=orientation)
        assert command.arguments == pytest.approx((math.degrees(1.0), 0, 0))
    (problem,) = said(face=3)
    assert problem == Problem("listener", "expected x, y, z or orientation")


@given(st.floats(-179, 179), st.floats(-89, 89), st.floats(-179, 179))
def test_a_quaternion_gives_back_the_angles_it_was_made_of(yaw: float, pitch: float, roll: float) -> None:
    def turn(angle_deg: float, axis: int) -> tuple[float, ...]:
        half = math.radians(angle_deg) / 2
        return (math.cos(half), *(math.sin(half) * (index == axis) for index in range(3)))

    def times(p: tuple[float, ...], q: tuple[float, ...]) -> tuple[float, ...]:
        (a, b, c, d), (e, f, g, h) = p, q
        return (
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        )

    # Pitch up is a negative turn about the axis to the left.
    w, x, y, z = times(times(turn(yaw, 2), turn(-pitch, 1)), turn(roll, 0))
    assert angles_of((w, x, y, z)) == pytest.approx((yaw, pitch, roll), abs=1e-6)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "az", "el", "f"]), inner),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "id",
        "type",
        "channels",
        "level",
        "position",
        "direction",
        "eq",
        "outputChannels",
        "group",
        "width",
        "orientation",
    ]
)


@given(st.lists(st.dictionaries(fields, json_values, max_size=5), max_size=3), st.dictionaries(fields, json_values))
@settings(max_examples=500, deadline=None)
def test_no_document_makes_it_raise(objects: list[Any], document: dict[str, Any]) -> None:
    for packet in ({"objects": objects}, {"objects": [{"id": 5, **o} for o in objects]}, document):
        for timed in s3a.decode(json.dumps(packet).encode(), 0.0):
            if isinstance(timed.command, UpsertObject):
                with suppress(RefusedError):
                    upsert_object(CONTEXT.defaults, timed.command, CONTEXT)
        for timed in s3a_listener.decode(json.dumps(packet).encode(), 0.0):
            if isinstance(timed.command, SetParameter):
                apply(CONTEXT.defaults, timed.command, CONTEXT)


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(1, 40))
@settings(max_examples=500, deadline=None)
def test_no_bytes_make_it_raise(junk: bytes, at: int, length: int) -> None:
    whole = json.dumps({"objects": [POINT]}).encode()
    for packet in (junk, whole[:at] + junk + whole[at + length :]):
        s3a.decode(packet, 0.0)
        s3a_listener.decode(packet, 0.0)


@pytest.fixture
def json_door(control: Any) -> Iterator[tuple[Any, socket.socket]]:
    """A control side with an S3A port, and a socket connected to it."""

    async def open_door() -> UdpServer:
        def work(packet: bytes, peer: Any) -> Iterator[int]:
            return control.hub.work(packet, peer, s3a.decode)

        server = UdpServer("127.0.0.1", 0, Admission((), 1e6), work, control.scheduler, "s3a.port", "s3a")
        await server.start()
        return server

    server = control.on_loop(open_door())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(2)
        sender.connect(("127.0.0.1", server.port))
        yield control, sender
    control.loop.call_soon_threadsafe(server.close)


def test_over_a_socket_good_objects_count_and_bad_ones_are_told(json_door: tuple[Any, socket.socket]) -> None:
    control, sender = json_door
    sender.send(json.dumps({"objects": [POINT, {"id": 99}, {"id": "x"}]}).encode())
    told = [json.loads(sender.recv(4096))["errors"][0] for _ in range(2)]
    assert [entry["where"] for entry in told] == ["object 99", "object"]
    assert control.hub.scene.find(5).level == 0.5
    assert control.hub.reports.counters.problems == 2
    sender.send(json.dumps({"errors": told}).encode())
    control.settled()
    assert control.hub.reports.counters.problems == 2


def test_a_stream_gives_way_to_a_hand(json_door: tuple[Any, socket.socket]) -> None:
    control, sender = json_door
    peer = control.peer()
    peer.send("/object/guitar/level", 0.125)
    peer.received()
    sender.send(json.dumps({"objects": [POINT]}).encode())
    (error,) = json.loads(sender.recv(4096))["errors"]
    assert error == {"where": "object 5", "reason": f"held by 127.0.0.1:{peer.port}"}
    assert peer.ask("/object/guitar/level") == [0.125]
    assert peer.ask("/object/guitar/holder") == [f"127.0.0.1:{peer.port}"]
    assert peer.ask("/status/conflicts") == [1]


@pytest.mark.parametrize("dialect", ["s3a", "adm"])
def test_a_mirror_keeps_another_daemon_alike(
    dialect: Any, start_control: Callable[..., Any], until: Callable[..., None]
) -> None:
    ours, other = start_control(), start_control()

    async def link() -> Mirror:
        mirror = Mirror(BY_NAME[dialect], ("127.0.0.1", other.server.port), 100.0, lambda: ours.hub.scene)
        ours.hub.listen(mirror.changed)
        mirror.start()
        return mirror

    if dialect == "s3a":
        other.hub_decode = s3a.decode
    mirror = ours.on_loop(link())
    peer = ours.peer()
    random.seed(5)
    for name in ("vocals", "bass", "drums", "other", "residual", "guitar", "piano"):
        peer.send(f"/object/{name}/aed", random.uniform(-170, 170), random.uniform(-60, 60), random.uniform(0.2, 0.9))
        peer.send(f"/object/{name}/level", random.uniform(0, 2))
        peer.send(f"/object/{name}/width", random.uniform(1, 300))
    peer.send("/object/bass/group", 2)
    peer.send("/group/2/gain", -6.0206)
    peer.send("/object/drums/mute", 1)
    peer.received()

    # Inputs of another renderer are numbered by the objects that we tell it of, which these two do not have.
    count = 5 if dialect == "s3a" else 7

    def alike() -> bool:
        return all(
            a.position == pytest.approx(b.position, abs=1e-4)
            and a.width_deg == pytest.approx(b.width_deg, abs=1e-3)
            and (a.id in (1, 2) or a.level == pytest.approx(b.level, abs=1e-5))
            for a, b in zip(ours.hub.scene.objects[:count], other.hub.scene.objects, strict=False)
        )

    until(alike, 5, "the other daemon follows")
    bass, drums = other.hub.scene.objects[1:3]
    assert bass.level == pytest.approx(ours.hub.scene.objects[1].level / 2, rel=1e-4)
    assert drums.mute or drums.level == 0.0
    ours.loop.call_soon_threadsafe(mirror.close)


def test_the_largest_id_has_ten_digits() -> None:
    scene, problems = heard(POINT | {"id": s3a.MAX_ID})
    assert not problems
    scene, (problem,) = apply(scene, SetParameter(f"/object/{s3a.MAX_ID}/level", ("x",)), CONTEXT)
    assert problem.reason == "expected a number from 0 to 10, got 'x'"
    kept, problems = scene_from_dict(scene_to_dict(scene, CONTEXT), CONTEXT)
    assert (problems, kept.find(s3a.MAX_ID)) == ((), scene.find(s3a.MAX_ID))
