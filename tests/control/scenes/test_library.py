from __future__ import annotations

import threading
from typing import Any

import pytest
from scene_gains import source_gains

from stemfield.control.parameters.context import Context
from stemfield.control.scenes import library
from stemfield.control.scenes.library import MAX_STEPS, MAX_WAITING, History
from stemfield.control.scenes.presets import FORMER_NAMES, presets
from stemfield.control.scenes.store import SceneStore
from stemfield.control.status import idle_status
from stemfield.layouts.loader import load_layout
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.scene import Scene, default_scene

FLAT = ["As it was", "Record wider"]
AROUND = ["Concert seat", "Music around me", "Band around me"]
SHIPPED = [*FLAT, *AROUND, "Music overhead", "Dialogue"]


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("stereo", [*FLAT, "Dialogue"]),
        ("5.1", [*FLAT, *AROUND, "Dialogue"]),
        ("7.1.4", SHIPPED),
        ("22.2", SHIPPED),
    ],
)
def test_presets_suit_the_room(layout: str, expected: list[str]) -> None:
    room = load_layout(layout)
    found = presets(room, default_scene([("guitar", (0,))]))
    assert list(found) == expected
    for scene in found.values():
        assert scene.objects[5:] == default_scene([("guitar", (0,))]).objects[5:]


def test_presets_put_the_music_where_their_names_say() -> None:
    room = load_layout("7.1.4")
    found = presets(room, default_scene())
    azimuths = [abs(s.azimuth_deg) for s in room.speakers]

    def share(name: str, stems: tuple[str, ...], chosen: list[bool]) -> float:
        """The part of the stems' power on some of the loudspeakers."""
        scene = found[name]
        rows = [2 * scene.find(stem).id + side for stem in stems for side in (0, 1)]  # type: ignore[union-attr]
        power = source_gains(scene, room, Panner(room))[rows] ** 2
        return float(power[:, chosen].sum() / power.sum())

    behind = [a > 80 for a in azimuths]
    above = [s.elevation_deg > 20 for s in room.speakers]
    everything = ("vocals", "bass", "drums", "other", "residual")
    assert share("As it was", everything, behind) < 0.01
    assert share("Concert seat", everything[:4], behind) < 0.01
    assert share("Concert seat", ("residual",), behind) > 0.5
    assert share("Dialogue", ("vocals",), [label == "M+000" for label in room.labels]) > 0.9
    assert share("Music around me", ("vocals", "bass", "drums"), behind) < 0.05
    assert share("Music around me", ("other",), behind) > 0.5
    assert share("Band around me", ("drums",), behind) > 0.99
    assert share("Music overhead", ("other",), above) > 0.5
    assert share("Music overhead", ("bass", "drums"), above) < 0.01


@pytest.fixture
def context() -> Context:
    layout = load_layout("7.1.4")
    defaults = default_scene([("guitar", (0,))])
    return Context(layout.labels, defaults, (), presets(layout, defaults), status=idle_status())


def test_scenes_are_listed_loaded_hidden_and_forgotten(control: Any, peer: Any, until: Any) -> None:
    shipped = SHIPPED
    assert peer.ask("/scene/list") == shipped
    peer.send("/scene/load", "Band around me", 2.0)
    assert peer.ask("/object/drums/azimuth") == [180.0]
    assert peer.ask("/scene/name") == ["Band around me"]
    assert control.settled().changes[-1][1].fade_s == 2.0
    peer.send("/subscribe", "/scene/list", 60)
    peer.received()
    peer.send("/object/drums/azimuth", 20.0)
    peer.send("/scene/save", "As it was")
    peer.send("/scene/save", "Verse 1")
    kept = control._folder / "scenes"
    until(lambda: (kept / "Verse+1.json").exists() and (kept / "As+it+was.json").exists(), 5, "they are kept")
    assert peer.receive() == ("/scene/list", [*shipped, "Verse 1"])
    peer.send("/unsubscribe")
    peer.send("/object/drums/azimuth", 5.0)
    peer.send("/scene/load", "As it was")
    assert peer.ask("/object/drums/azimuth") == pytest.approx([20.0])
    peer.send("/scene/delete", "As it was")
    peer.send("/scene/load", "As it was")
    assert peer.ask("/object/drums/azimuth") == [0.0]
    peer.send("/scene/delete", "As it was")
    assert peer.receive()[1][1].startswith("no such scene: expected As it was, Record wider, Concert")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("former", "present"), FORMER_NAMES.items())
def test_a_preset_is_loaded_by_its_former_name(former: str, present: str, control: Any, peer: Any) -> None:
    peer.send("/scene/load", former)
    assert peer.ask("/scene/name") == [present]
    assert peer.ask("/scene/changed") == [False]
    preset = control.hub.context.presets[present]
    assert control.hub.scene.objects == preset.objects


def test_a_scene_saved_under_the_former_name_of_a_preset_is_what_it_loads(peer: Any) -> None:
    peer.send("/object/drums/azimuth", 20.0)
    peer.send("/scene/save", "stage")
    peer.send("/scene/load", "heights")
    peer.send("/scene/load", "stage")
    assert peer.ask("/scene/name") == ["stage"]
    assert peer.ask("/object/drums/azimuth") == pytest.approx([20.0])


def test_dialogue_raises_voices_and_another_preset_lowers_them_again(peer: Any) -> None:
    for name, expected_db in (("Dialogue", [3.0, -3.0]), ("Record wider", [0.0, 0.0])):
        peer.send("/scene/load", name)
        assert [*peer.ask("/object/vocals/gain"), *peer.ask("/object/other/gain")] == pytest.approx(expected_db)


def test_undo_and_redo(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PAUSE_S", -1.0)
    for level in (0.5, 0.25):
        peer.send("/object/bass/level", level)
    for address, expected in (("/scene/undo", 0.5), ("/scene/undo", 1.0), ("/scene/redo", 0.5), ("/scene/redo", 0.25)):
        peer.send(address, 1)
        peer.send(address, 0)  # a button that is let go
        assert peer.ask("/object/bass/level") == [expected]
    peer.send("/scene/redo")
    assert peer.received() == [("/error", ["/scene/redo", "nothing to redo"])]


def test_undo_lets_no_loudspeaker_speak_again(control: Any, peer: Any) -> None:
    peer.send("/speaker/M+030/gain", -6.0)
    control.hub.history.end_step()
    for _ in range(2):
        peer.send("/speaker/M+030/identify")
        peer.send("/speaker/M-030/identify")
        peer.received()
        control.hub.history.end_step()
    asked = {label: trim.identify for label, trim in control.hub.scene.speakers.items()}
    for address, expected in (("/scene/undo", 0.0), ("/scene/redo", -6.0)):
        peer.send(address)
        assert peer.ask("/speaker/M+030/gain") == [expected]
        assert {label: trim.identify for label, trim in control.hub.scene.speakers.items()} == asked
    peer.send("/scene/redo")
    assert peer.received() == [("/error", ["/scene/redo", "nothing to redo"])]


def test_a_scene_that_is_loaded_in_the_midst_of_a_drag_is_a_step_of_its_own(peer: Any) -> None:
    peer.send("/object/drums/azimuth", 10.0)
    peer.send("/object/drums/azimuth", 20.0)
    peer.send("/scene/load", "Band around me")
    peer.send("/object/drums/azimuth", 30.0)
    for expected in (180.0, 20.0, 0.0):
        peer.send("/scene/undo")
        assert peer.ask("/object/drums/azimuth") == pytest.approx([expected])


def test_a_drag_is_one_step_and_a_new_change_ends_the_way_forward() -> None:
    scenes = [Scene((), amount=n / 100) for n in range(100)]
    history = History()
    for n in range(30):
        history.note(scenes[n], n / 100)
    history.note(scenes[30], 5.0)
    assert history.undo(scenes[31]) is scenes[30]
    assert history.undo(scenes[30]) is scenes[0]
    assert history.redo(scenes[0]) is scenes[30]
    history.note(scenes[30], 5.1)
    with pytest.raises(RefusedError, match="nothing to redo"):
        history.redo(scenes[40])
    for n in range(MAX_STEPS + 20):
        history.note(scenes[n % 100], 10.0 + n)
    for _ in range(MAX_STEPS):
        history.undo(scenes[0])
    with pytest.raises(RefusedError, match="nothing to undo"):
        history.undo(scenes[0])


def test_a_scene_can_be_taken_up_before_the_disk_has_it(control: Any, peer: Any, until: Any) -> None:
    written, wait = [], threading.Event()
    save_named = SceneStore.save_named

    def slow(store: SceneStore, name: str, scene: Scene) -> None:
        wait.wait(10)
        save_named(store, name, scene)
        written.append(scene.find("drums").level)  # type: ignore[union-attr]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SceneStore, "save_named", slow)
        for level in (0.25, 0.5):
            peer.send("/object/drums/level", level)
            peer.send("/scene/save", "verse")
        peer.send("/object/drums/level", 1.0)
        peer.send("/scene/load", "verse")
        assert peer.ask("/object/drums/level") == [0.5]
        peer.send("/scene/delete", "verse")
        for number in range(MAX_WAITING):
            peer.send("/scene/save", f"s{number}")
        reasons = [values[1] for _, values in peer.received()]
        assert reasons == [
            "verse: is waiting for the disk",
            *[f"expected at most {MAX_WAITING} scenes waiting for the disk"] * 2,
        ]
        wait.set()
        until(lambda: len(written) == MAX_WAITING, 5, "they are kept")
    assert written[:2] == [0.25, 0.5]
    peer.send("/scene/load", "verse")
    assert peer.ask("/object/drums/level") == [0.5]


def test_the_number_of_scenes_is_bounded(control: Any, peer: Any, until: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MAX_SCENES", 2)
    for name in ("a", "b", "c", "b"):
        peer.send("/scene/save", name)
    assert peer.received() == [("/error", ["/scene/save", "expected at most 2 saved scenes: delete another one"])]
    until(lambda: {*peer.ask("/scene/list")} >= {"a", "b"}, 5, "they are kept")
    peer.send("/scene/delete", "a")
    peer.send("/scene/save", "c")
    assert peer.received() == []
