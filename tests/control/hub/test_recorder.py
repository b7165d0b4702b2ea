from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stemfield.control.hub import recorder as recorder_module
from stemfield.control.hub.recorder import Recorder
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.scenes.file import stored_changes
from stemfield.control.scenes.recording import RecordingError, read_recording, scenes_of
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import Scene


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def recorder(control: Any, tmp_path: Path, reported: list[str]) -> Iterator[Recorder]:
    made = control.recorder(tmp_path / "recordings", reported.append)
    yield made
    control.on_loop(made.close())


def test_what_was_recorded_is_played_back_in_time(
    control: Any, peer: Any, recorder: Recorder, tmp_path: Path, until: Callable[..., None]
) -> None:
    peer.send("/object/vocals/aed", 10, 0, 1)
    peer.send("/recorder/record", "Take 1")
    assert peer.ask("/recorder/state") == ["recording Take 1"]
    gap_s = 0.25  # a loop that is later plays two steps in one turn
    for azimuth in (20, 30, 40):
        time.sleep(gap_s)
        peer.send("/adm/obj/1/azim", azimuth)  # in any dialect
        peer.send("/object/drums/mute", azimuth == 30)
    time.sleep(gap_s)
    peer.send("/scene/amount", 0.5)
    peer.received()
    recorded = control.hub.scene
    peer.send("/recorder/stop", 1)
    path = tmp_path / "recordings" / "Take+1.jsonl"
    until(lambda: path.exists() and "/scene/amount" in path.read_text().splitlines()[-1], 5, "it is written")
    assert peer.ask("/recorder/list") == ["Take 1"]

    peer.send("/object/vocals/aed", -90, 0, 2)
    peer.send("/master/gain", -20)
    peer.received()
    time.sleep(1.1)  # the hand lets go
    heard: list[tuple[float, float]] = []

    def listen(scene: Scene, _: object) -> None:
        heard.append((time.monotonic(), round(control.hub.scene.objects[0].position[1], 3)))

    control.hub.listen(listen)
    begun_s = time.monotonic()
    peer.send("/recorder/play", "Take 1")
    assert peer.ask("/recorder/state") == ["playing Take 1"]
    peer.wait_idle()
    assert control.hub.scene.objects == recorded.objects
    assert (control.hub.scene.amount, control.hub.scene.master_gain_db) == (0.5, -20.0)
    places = [place for _, place in heard]
    assert places == sorted(places)
    assert len(set(places)) == 4
    steps = list(read_recording(path))
    assert steps[-1].at_s > 0.4
    assert heard[-1][0] - begun_s >= steps[-1].at_s - 0.0001
    for step in steps:
        if step.address == "/object/0/position":
            first_s = next(at_s for at_s, place in heard if place == round(step.values[1], 3))
            assert first_s - begun_s >= step.at_s - 0.0001, "nothing comes before its time"


def test_a_hand_takes_an_object_out_of_a_recording(control: Any, peer: Any, recorder: Recorder) -> None:
    peer.send("/recorder/record", "x")
    peer.send("/object/*/level", 0.5)
    peer.received()
    peer.send("/recorder/stop")
    peer.received()
    time.sleep(1.1)
    peer.send("/object/bass/level", 2.0)
    peer.send("/recorder/play", "x")
    peer.wait_idle()
    assert [o.level for o in control.hub.scene.objects] == [0.5, 2.0, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_one_after_the_other_never_mixes_them(control: Any, peer: Any, recorder: Recorder, tmp_path: Path) -> None:
    for name, level in (("a", 0.25), ("b", 0.5)):
        peer.send("/recorder/record", name)
        peer.send("/object/bass/level", level)
        peer.received()
    peer.send("/recorder/play", "a")
    peer.send("/recorder/stop")
    control.on_loop(recorder.close())
    for name, levels in (("a", [1.0, 0.25]), ("b", [0.25, 0.5])):
        steps = read_recording(tmp_path / "recordings" / f"{name}.jsonl")
        assert [step.values[0] for step in steps if step.address == "/object/1/level"] == levels
    assert len(control.hub._listeners) == 1


def test_names_and_what_is_not_there(peer: Any, recorder: Recorder, reported: list[str], tmp_path: Path) -> None:
    for name in ("../x", "", "a/b"):
        peer.send("/recorder/record", name)
        peer.send("/recorder/play", name)
    peer.send("/recorder/play", "nothing")
    errors = [values[1] for _, values in peer.received()]
    assert all("expected 1 to 64 of A-Z" in reason for reason in errors[:-1])
    assert errors[-1] == "no such recording: expected none, because there is no recording, got 'nothing'"
    assert not (tmp_path / "recordings").exists()
    (tmp_path / "recordings").write_text("a file in its place")
    peer.send("/recorder/record", "x")
    peer.wait_idle()
    assert reported == ["recording x: File exists"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[0, 1]\n", "line 1"),
        ('{"stemfield": "recording", "format": 1}\nnonsense\n[0, "/a", []]\n', "line 2: not JSON"),
        ('{"stemfield": "recording", "format": 1}\n[1, "/a", [1]]\n[0.5, "/a", [1]]\n', "line 3"),
        ('{"stemfield": "recording", "format": 1}\n[1, "fade", ["x"]]\n', "line 2"),
        ('{"stemfield": "recording", "format": 2}\n', "line 1"),
        (
            '{"stemfield": "recording", "format": 1}\n[1, "fade", [NaN]]\n',
            "line 2: expected a number from 0 to 10, got nan",
        ),
        ('{"stemfield": "recording", "format": 1}\n[Infinity, "/a", [1]]\n', "line 2: expected a number from 0"),
        (
            '{"stemfield": "recording", "format": 1}\n[1' + 400 * "0" + ', "/a", [1]]\n',
            "line 2: expected a number from 0 to 1e\\+07",
        ),
        ('{"stemfield": "recording", "format": 1}\n[1, "/' + (1 << 20) * "a" + '", [1]]\n', "line 2: expected at most"),
    ],
)
def test_a_broken_recording_is_refused_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(RecordingError, match=reason):
        list(read_recording(path))


def test_a_recording_that_was_cut_off_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"stemfield": "recording", "format": 1}\n[0, "/scene/amount", [0.5]]\n[1, "/scene/am')
    assert [step.address for step in read_recording(path)] == ["/scene/amount"]


def test_the_changes_between_two_scenes_make_the_one_into_the_other(context: Context) -> None:
    scene = context.defaults
    for address, *values in (
        ("/object/*/aed", 40, 10, 3),
        ("/object/bass/group", 4),
        ("/group/4/rotate", 30),
        ("/group/4/gain", -3),
        ("/object/piano/channels", 0),
        ("/object/piano/eq", "peak", 100, 1, 2),
        ("/object/vocals/name", "lead"),
        ("/speaker/M+030/gain", -2),
        ("/separation/bass/gain", 3),
        ("/separation/threshold", 0.5),
        ("/listener/position", 0.5, 0, 0),
    ):
        scene, problems = apply(scene, SetParameter(address, values), context)
        assert not problems
    for before, after in ((context.defaults, scene), (scene, context.defaults)):
        made = before
        for address, told in json.loads(json.dumps(list(stored_changes(before, after, context)))):
            made, problems = apply(made, SetParameter(address, told), context)
            assert not problems, (address, told)
        assert set(json.dumps(list(stored_changes(made, after, context)))) == set("[]")


def test_a_recording_as_scenes(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = (
        '{"stemfield": "recording", "format": 1}',
        '[0, "/scene/amount", [0.5]]',
        '[0, "/master/gain", [-6]]',
        '[1.5, "fade", [2]]',
        '[1.5, "/scene/amount", [1]]',
        '[2, "/object/99/level", [1]]',
    )
    path.write_text("".join(f"{line}\n" for line in lines))
    found = scenes_of(read_recording(path), context.defaults, context)
    assert [(at_s, scene.amount, scene.master_gain_db, fade_s) for at_s, scene, fade_s in found] == [
        (0.0, 0.5, -6.0, 0.0),
        (1.5, 1.0, -6.0, 2.0),
        (2.0, 1.0, -6.0, 0.0),
    ]


@pytest.mark.parametrize("next_one", [("/recorder/stop", 1), ("/recorder/play", "x")])
def test_what_was_recorded_is_written_whatever_comes_next(
    control: Any, peer: Any, recorder: Recorder, tmp_path: Path, next_one: tuple[Any, ...]
) -> None:
    peer.send("/recorder/record", "x")
    peer.received()
    time.sleep(0.05)  # the first lines are written by then
    peer.send("/object/bass/level", 0.25)
    peer.received()
    peer.send("/recorder/stop", 1)
    peer.send(*next_one)
    peer.received()
    control.on_loop(recorder.close())
    *_, last = read_recording(tmp_path / "recordings" / "x.jsonl")
    assert (last.address, last.values) == ("/object/1/level", [0.25])


def test_a_recorded_fade_is_bounded_as_a_live_one_is(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"stemfield": "recording", "format": 1}\n[0, "fade", [1e30]]\n[1, "fade", [-1]]\n')
    assert [step.values for step in read_recording(path)] == [[10.0], [0.0]]


def test_recordings_are_deleted(control: Any, peer: Any, recorder: Recorder, tmp_path: Path) -> None:
    def refusals() -> list[str]:
        return [values[1] for address, values in peer.received() if address == "/error"]

    peer.send("/recorder/record", "x")
    peer.send("/recorder/delete", "x")
    assert refusals() == ["'x': recording is still active: use /recorder/stop first"]
    peer.send("/object/bass/level", 0.25)
    peer.send("/recorder/stop")
    peer.send("/recorder/delete", "x")  # while it is still being written
    assert peer.ask("/recorder/list") == []
    peer.send("/recorder/record", "y")
    peer.send("/recorder/stop")
    peer.wait_idle()
    control.on_loop(recorder.close())
    assert [path.name for path in (tmp_path / "recordings").iterdir()] == ["y.jsonl"]
    for name in ("x", "../y"):
        peer.send("/recorder/delete", name)
    unknown, no_name = refusals()
    assert unknown == "no such recording: expected y, got 'x'"
    assert "expected 1 to 64 of A-Z" in no_name
    (tmp_path / "recordings" / "y.jsonl").write_text(
        '{"stemfield": "recording", "format": 1}\n[60, "/scene/amount", [0]]\n'
    )
    peer.send("/recorder/play", "y")
    peer.send("/recorder/delete", "y")
    assert refusals() == ["'y': playing is still active: use /recorder/stop first"]
    peer.send("/recorder/stop")
    peer.send("/recorder/delete", "y")
    control.settled()
    control.on_loop(recorder.close())
    assert not list((tmp_path / "recordings").iterdir())


def test_there_are_never_too_many(peer: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "MAX_RECORDINGS", 2)
    for name in ("a", "b", "c", "a"):
        peer.send("/recorder/record", name)
    (error,) = [values for address, values in peer.received() if address == "/error"]
    assert error == ["/recorder/record", "expected at most 2 recordings: /recorder/delete deletes one"]
    assert peer.ask("/recorder/list") == ["a", "b"]
    peer.send("/recorder/delete", "b")
    peer.send("/recorder/record", "c")
    assert peer.ask("/recorder/list") == ["a", "c"]


def test_no_more_wait_for_the_disk_than_it_takes(control: Any, peer: Any, recorder: Recorder) -> None:
    """A thousand recordings a second, each of which waits for all before it, would keep everybody else waiting."""

    async def hurry() -> list[str]:
        refused = []
        for _ in range(50):
            try:
                recorder.record("x")
            except RefusedError as refusal:
                refused.append(str(refusal))
        return refused

    assert control.on_loop(hurry()) == ["expected at most 16 recordings waiting for the disk"] * (50 - 16)
    control.on_loop(recorder.close())
    peer.send("/recorder/record", "y")
    assert peer.ask("/recorder/state") == ["recording y"]


def test_what_is_too_long_ends_and_is_told(
    control: Any, peer: Any, recorder: Recorder, reported: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 1 << 20
    monkeypatch.setattr(recorder_module, "MAX_BYTES", most)
    peer.send("/recorder/record", "x")
    for number in range(5000):
        peer.send("/object/*/eq", *(["peak", 100.0 + number, 1.0, 0.125] * 16))
        assert peer.received() == []
        control.settled()  # what comes in one turn of the loop is one change to record
        if number % 50 == 0 and peer.ask("/recorder/state") == [""]:
            break
    peer.wait_idle()
    control.on_loop(recorder.close())
    assert reported == ["recording x: expected at most 1 MiB: it ends here"]
    assert most <= (tmp_path / "recordings" / "x.jsonl").stat().st_size < most + 10_000
    assert list(read_recording(tmp_path / "recordings" / "x.jsonl"))


def test_a_recording_is_read_as_it_is_played(
    control: Any, peer: Any, recorder: Recorder, reported: list[str], tmp_path: Path, until: Callable[..., None]
) -> None:
    """Neither its length nor a fault far behind is known before."""
    (tmp_path / "recordings").mkdir()
    lines = [f'[{0 if n < 600 else 60}, "/object/1/level", [{n / 1024}]]' for n in range(2000)]
    text = "\n".join(['{"stemfield": "recording", "format": 1}', '[0, "fade", [3]]', *lines, "nonsense", ""])
    path = tmp_path / "recordings" / "long.jsonl"
    path.write_text(text)
    recorder._names.add("long")
    fades: list[float] = []
    control.hub.listen(lambda _, dirty: fades.append(dirty.fade_s))
    peer.send("/recorder/play", "long")
    until(lambda: control.hub.scene.objects[1].level == 599 / 1024, 5, "all of the first moment")
    assert fades
    assert set(fades) == {3.0}, "in each turn of the loop that it took"
    assert (reported, peer.ask("/recorder/state")) == ([], ["playing long"])
    peer.send("/recorder/stop")
    control.settled()
    control.on_loop(recorder.close())
    path.write_text(text.replace("60,", "0,"))
    peer.send("/recorder/play", "long")
    peer.wait_idle()
    assert reported == ["playing long: line 2003: not JSON"]
    assert control.hub.scene.objects[1].level == 1999 / 1024, "all that came before the fault"
