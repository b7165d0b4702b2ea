"""Whatever is accepted can be saved, loaded, sent and shown; what cannot be is refused with a reason."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemfield.control.dialects import s3a, s3a_listener
from stemfield.control.dialects.osc import Message, encode, parse
from stemfield.control.http.oscquery import node_at
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.argument import MAX_STORED_BYTES, MAX_TEXT_BYTES, Argument, sendable
from stemfield.control.parameters.commands import SetParameter, UpsertObject
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.group_rows import MAX_GROUPS
from stemfield.control.parameters.object_rows import MAX_EQ_BANDS
from stemfield.control.parameters.routes import ROWS, apply, every_route
from stemfield.control.parameters.table import TABLE
from stemfield.control.scenes.file import scene_to_dict, stored_changes
from stemfield.control.scenes.journal import MAX_CONTENT, Journal
from stemfield.control.scenes.recording import HEADER, MAX_LINE, encode_step, read_recording, scenes_of
from stemfield.control.scenes.store import SceneStore
from stemfield.control.scenes.upsert import upsert_object
from stemfield.control.status import idle_status
from stemfield.layouts.loader import load_layout
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import MAX_OBJECTS, Scene, default_scene

TEXT = (
    st.text(max_size=12)
    | st.text(st.characters(categories=("Cs", "Cc", "Zl", "Cf", "Lu")), max_size=6)
    | st.sampled_from(
        (
            *("", "*", "M+0*, LFE1", "[M+030, M-030], M+000", "{U*,M*}", '"', "a\\b", " padded ", "vocals", "object-3"),
            *("positions, gains", "\ud800", "*\udfff", "a\0b", "x" * 5000, "*\x01" * 60_000, "é" * 1500, "0", "007"),
            *("\u2028", ",".join(["*a"] * 120), ",".join(["*" * 15] * 127), ",".join(["M+030"] * 200), '*"' * 1000),
        )
    )
)
NUMBERS = st.floats() | st.integers() | st.booleans() | st.just(10**400)


def values_of(argument: Argument) -> st.SearchStrategy[Any]:
    if argument.tag == "s":
        return st.sampled_from(argument.values) | TEXT if argument.values else TEXT
    if argument.tag == "T":
        return st.booleans()
    whole = argument.tag == "i"
    low, high = max(argument.low, -1e6), min(argument.high, 1e6)
    good = st.integers(int(low), int(high)) if whole else st.floats(low, high)
    return good | NUMBERS if not whole else good | NUMBERS | st.integers(0, 3)


def arguments_of(arguments: Sequence[Argument]) -> st.SearchStrategy[list[Any]]:
    group = st.tuples(*map(values_of, arguments))
    if arguments and arguments[-1].repeated:
        return st.lists(group, min_size=1, max_size=3).map(lambda groups: [v for one in groups for v in one])
    return group.map(list)


SETTABLE = [row for row in ROWS if row.write is not None]
PLACES = {
    "{o}": ("vocals", "0", "guitar", "6", "*", "object-9"),
    "{n}": ("1", "6", "*"),
    "{group}": ("0", "3", "2147483647", "9999999999"),
    "{label}": ("M+030", "LFE1", "*"),
    "{stem}": ("vocals", "*"),
}


@st.composite
def command(draw: Any) -> SetParameter | UpsertObject:
    if draw(st.integers(0, 9)) == 0:
        channels = draw(st.none() | st.lists(st.integers(0, 3), max_size=3))
        return UpsertObject(draw(st.integers(0, 12)), draw(st.sampled_from([None, "point", "channel"])), channels, {})
    row = draw(st.sampled_from(SETTABLE))
    address = row.address
    if row.variable:
        address = address.replace(row.variable, draw(st.sampled_from(PLACES[row.variable])))
    return SetParameter(address, draw(arguments_of(row.arguments)))


def after(scene: Scene, given_: SetParameter | UpsertObject, context: Context) -> Scene:
    if isinstance(given_, UpsertObject):
        try:
            return upsert_object(scene, given_, context)
        except RefusedError as refused:
            sendable(str(refused)).encode()
            return scene
    scene, problems = apply(scene, given_, context)
    for problem in problems:
        encode("/error", "ss", (sendable(problem.address), sendable(problem.reason)))
    return scene


@given(st.lists(command(), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_whatever_is_accepted_is_kept_sent_and_shown(context: Context, tmp_path: Path, commands: list[Any]) -> None:
    scene = context.defaults
    for one in commands:
        scene = after(scene, one, context)
    store = SceneStore(tmp_path, context)
    store.save(scene)
    loaded, problems = SceneStore(tmp_path, context).load()
    assert problems == ()
    assert scene_to_dict(loaded, context) == scene_to_dict(scene, context)
    json.dumps(node_at("/object", scene, context), ensure_ascii=False, allow_nan=False).encode()
    for route in every_route(scene, context):
        values = route.parameter.values(scene, route.key, context)
        if values:
            packet = encode(route.address, route.parameter.tags, values)
            ((_, message),) = parse(packet, 0.0)
            assert isinstance(message, Message)
            assert [v for v in message.arguments if isinstance(v, str)] == [v for v in values if isinstance(v, str)]


def test_an_added_object_never_stands_under_the_first_name_of_another(context: Context, tmp_path: Path) -> None:
    context = replace(context, defaults=default_scene([("object-9", (0, 1))]))
    scene, _ = apply(context.defaults, SetParameter("/object/object-9/name", ("horn",)), context)
    with pytest.raises(RefusedError, match="another object is named object-9"):
        upsert_object(scene, UpsertObject(9, "point", [0], {}), context)
    scene = upsert_object(scene, UpsertObject(8, "point", [0], {}), context)
    SceneStore(tmp_path, context).save(scene)
    assert SceneStore(tmp_path, context).load() == (scene, ())


def test_every_row_of_text_refuses_what_cannot_be_kept(context: Context) -> None:
    found = 0
    for row in SETTABLE:
        if not any(argument.tag == "s" for argument in row.arguments):
            continue
        address = row.address.replace(row.variable, PLACES[row.variable][0]) if row.variable else row.address
        for text in ("\ud800", "*\ud800", "*\0", "*\x1b[31m", "*" + "x" * 60_000, "*" + "\x01" * 60_000):
            values = [text if argument.tag == "s" else 1 for argument in row.arguments]
            scene, problems = apply(context.defaults, SetParameter(address, values), context)
            assert scene == context.defaults, (address, text[:9])
            assert len(problems) == 1
            found += 1
    assert found > 40


def test_the_largest_scene_that_can_be_made_is_kept(tmp_path: Path) -> None:
    """By all who may change things, in a room that is set up by a person in his right mind."""
    labels = load_layout("22.2").labels
    context = Context(labels, default_scene([("in", (0, 1))]), status=idle_status())
    scene = context.defaults
    for ident in range(len(scene.objects), MAX_OBJECTS):
        scene = upsert_object(scene, UpsertObject(ident, "channel", [0, 1], {}), context)
    odd = 0.1234567890123456
    bands = ["bandstop", 20000 + odd, 10 + odd, -12 - odd] * MAX_EQ_BANDS
    outputs = ", ".join(labels[n % len(labels)] for n in range((MAX_STORED_BYTES - 2) // 7))
    for address, *values in (
        ("/object/*/exclude", "*" + '"' * (MAX_STORED_BYTES // 2 - 1)),
        ("/object/*/outputs", f"[{outputs}]"),
        ("/object/*/eq", *bands),
        ("/object/*/exclude_sector", 100 + odd, 200 + odd, -30 - odd, 30 + odd),
        ("/object/*/aed", 100 + odd, 30 + odd, 3 + odd),
        *((f"/object/*/{name}", odd) for name in ("gain", "width", "height", "diffuseness", "dref", "smooth")),
        *((f"/object/*/{name}", 2**31 - 1) for name in ("group", "priority")),
        *((f"/group/{n}/gain", -odd) for n in range(2**31 - MAX_GROUPS, 2**31)),
        ("/group/*/links", "position, level, mute, solo, width"),
        ("/speaker/*/gain", -odd),
        ("/scene/recall/without", ",".join(["*" * 14] * 127)),
    ):
        scene, problems = apply(scene, SetParameter(address, values), context)
        assert not problems, (address, problems)
    longer = ",".join(["*" * 15] * 127)
    _, problems = apply(scene, SetParameter("/scene/recall/without", (longer,)), context)
    assert [p.reason for p in problems] == [f"expected at most {MAX_STORED_BYTES} bytes of text, got {127 * 17 - 2}"]
    for item in scene.objects:
        scene, problems = apply(
            scene, SetParameter(f"/object/{item.id}/name", (f"{item.id:_>3}{'😀' * 125}",)), context
        )
        assert not problems
    store = SceneStore(tmp_path, context)
    store.prepare()
    store.save(scene)
    content = (tmp_path / "scene.json").read_bytes()
    assert MAX_CONTENT / 2 < len(content) <= MAX_CONTENT
    assert SceneStore(tmp_path, context).load() == (scene, ())
    Journal(tmp_path / "scene.journal").write(content)
    assert SceneStore(tmp_path, context).load() == (scene, ())


def test_a_scene_that_could_not_be_read_again_is_not_written(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    store.save(context.defaults)
    large = replace(context.defaults.objects[0], exclude=("*" * (1 << 20),))
    with pytest.raises(OSError, match=f"expected at most {MAX_CONTENT} bytes of scene"):
        store.save(context.defaults.with_object(large))
    with pytest.raises(OSError, match="bytes of scene"):
        store.save_named("x", context.defaults.with_object(large))
    assert store.load() == (context.defaults, ())


@pytest.mark.parametrize("decode", [s3a.decode, s3a_listener.decode])
@pytest.mark.parametrize(
    "packet",
    [
        b'{"objects": [{"id": 0, "outputChannels": "\\ud800"}, {"id": 1, "level": 0.5}]}',
        b'{"objects": [{"id": 0, "eq": [{"type": "\\ud800", "f": 1}]}, {"id": "\\ud800"}]}',
        b'{"objects": [{"id": 0, "type": "\\ud800", "channels": "\\ud800"}]}',
        b'{"\\ud800": 1, "x": "\\ud800", "orientation": {"\\ud800": 1}}',
        b'{"objects": ' + b"[" * 990 + b"]" * 990 + b"}",
        b'{"objects": [{"id": ' + b"[" * 900 + b"]" * 900 + b"}]}",
        b'{"x": ' + b'{"a":' * 950 + b"1" + b"}" * 950 + b"}",
        b'{"x": 1e999, "orientation": {"yaw": 1e400}}',
        b'{"objects": [{"id": 1e400, "level": ' + b"9" * 4000 + b"}]}",
        b'\xef\xbb\xbf{"x": 1}',
        b'{"x": 1, "x": 2}',
    ],
)
def test_no_json_makes_the_hub_raise(control: Any, packet: bytes, decode: Any) -> None:
    told: list[bytes] = []
    peer = Peer("127.0.0.1", 9, lambda answer, _: told.append(answer), "s3a")

    async def run() -> None:
        sum(control.hub.work(packet, peer, decode))

    control.on_loop(run())
    for answer in told:
        json.loads(answer)


def test_recorded_values_can_be_encoded(context: Context) -> None:
    for row in TABLE:
        if row.stored and row.default:
            encode_step(0.0, row.address, row.default).encode()
    assert MAX_TEXT_BYTES * 6 < MAX_LINE


def recorded(scenes: Sequence[Scene], context: Context, path: Path) -> Scene:
    """The last scene of a recording that began in the first of them, played where it was not made."""
    lines = [HEADER, *(encode_step(0.0, *entry) for entry in stored_changes(None, scenes[0], context))]
    for number, (before, later) in enumerate(itertools.pairwise(scenes), 1):
        lines += [encode_step(float(number), *entry) for entry in stored_changes(before, later, context)]
    path.write_text("\n".join([*lines, ""]))
    ready = scenes[0]
    for item in context.defaults.objects:
        ready = ready.with_object(item)
    *_, (_, last, _) = scenes_of(read_recording(path), ready, context)
    return last


@given(st.lists(command(), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_whatever_is_accepted_can_be_recorded_and_played(context: Context, tmp_path: Path, commands: list[Any]) -> None:
    scenes = [context.defaults]
    for one in commands:
        scene = after(scenes[-1], one, context)
        if not isinstance(one, UpsertObject):  # a recording adds no objects
            scenes.append(scene)
    for begin in (0, len(scenes) - 1):
        last = recorded(scenes[begin:], context, tmp_path / "take.jsonl")
        assert scene_to_dict(last, context) == scene_to_dict(scenes[-1], context)


@pytest.mark.parametrize("names", [("bass", "vocals", "drums"), ("bass", "drums", "vocals"), ("x", "vocals", "bass")])
def test_objects_that_exchange_their_names_are_recorded(
    context: Context, tmp_path: Path, names: tuple[str, ...]
) -> None:
    renamed = context.defaults
    for ident, name in enumerate(names):
        item = renamed.find(ident)
        assert item is not None
        renamed = renamed.with_object(replace(item, name=name))
    for scenes in ([context.defaults, renamed], [renamed], [renamed, context.defaults]):
        last = recorded(scenes, context, tmp_path / "take.jsonl")
        assert [o.name for o in last.objects] == [o.name for o in scenes[-1].objects]
