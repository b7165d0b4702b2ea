"""Kept scenes that come back: overwritten, deleted, changed since, and under names of every script."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemfield.control.parameters.names import file_stem, name_of, valid_name
from stemfield.control.scenes import library
from stemfield.control.scenes.store import SceneStore
from stemfield.layouts.problems import RefusedError


def level(peer: Any) -> float:
    [found] = peer.ask("/object/drums/level")
    return float(found)


def written(control: Any, peer: Any, until: Any) -> list[Any]:
    """Waits for the disk; what was complained of."""
    told: list[Any] = peer.received()
    until(lambda: not control.hub.library._saving, 5, "it is on the disk")
    return told


def keep(control: Any, peer: Any, until: Any, name: str, drums: float) -> Path:
    """Saves a scene in which the drums have a level, and waits for the disk."""
    peer.send("/object/drums/level", drums)
    assert peer.received() == []
    control.hub.history.end_step()
    peer.send("/scene/save", name)
    assert written(control, peer, until) == []
    found: Path = control._folder / "scenes" / f"{file_stem(name)}.json"
    return found


def test_a_scene_that_was_overwritten_or_deleted_comes_back(control: Any, peer: Any, until: Any) -> None:
    file = keep(control, peer, until, "verse", 0.25)
    first = file.read_bytes()
    keep(control, peer, until, "verse", 0.5)
    second = file.read_bytes()
    peer.send("/scene/delete", "verse")
    assert peer.received() == []
    assert not file.exists()
    for address, expected in (
        *(("/scene/undo", second), ("/scene/undo", first)),
        *(("/scene/redo", second), ("/scene/redo", None), ("/scene/undo", second)),
    ):
        peer.send(address, 1)
        peer.send(address, 0)
        assert written(control, peer, until) == []
        assert (file.read_bytes() if file.exists() else None) == expected
        assert ("verse" in peer.ask("/scene/list")) == (expected is not None)
        assert level(peer) == 0.5  # the present scene is none of them
    assert peer.received() == []
    peer.send("/scene/undo")  # the second save
    peer.send("/scene/load", "verse")
    assert level(peer) == 0.25


def test_undo_goes_on_behind_a_kept_scene(control: Any, peer: Any, until: Any) -> None:
    keep(control, peer, until, "verse", 0.25)
    peer.send("/scene/delete", "verse")
    peer.send("/object/drums/level", 0.75)
    for expected, names in ((0.25, False), (0.25, True), (1.0, True)):
        peer.send("/scene/undo")
        assert written(control, peer, until) == []
        assert (level(peer), "verse" in peer.ask("/scene/list")) == (expected, names)
    # The first save of a name loses nothing: nobody who takes steps back wants to lose it.
    peer.send("/scene/undo")
    assert peer.received() == [("/error", ["/scene/undo", "nothing to undo"])]


def test_what_was_written_by_hand_or_is_broken_comes_back_as_it_was(control: Any, peer: Any, until: Any) -> None:
    file = keep(control, peer, until, "verse", 0.25)
    for content in (b'{"format": 99, "mine": true}', b"\xff{"):
        for address in ("/scene/delete", "/scene/save"):
            file.write_bytes(content)
            peer.send(address, "verse")
            written(control, peer, until)
            peer.send("/scene/undo")
            assert written(control, peer, until) == []
            assert file.read_bytes() == content


def test_a_save_that_waits_for_the_disk_is_undone_too(
    control: Any, peer: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keep(control, peer, until, "verse", 0.25)
    before, wait, save_named = file.read_bytes(), threading.Event(), SceneStore.save_named

    def slow(*arguments: Any) -> None:
        wait.wait(10)
        save_named(*arguments)

    monkeypatch.setattr(SceneStore, "save_named", slow)
    peer.send("/object/drums/level", 0.5)
    peer.send("/scene/save", "verse")
    peer.send("/scene/undo")
    peer.send("/scene/load", "verse")
    assert level(peer) == 0.25
    wait.set()
    until(lambda: not control.hub.library._saving, 5, "it is on the disk")
    assert file.read_bytes() == before


def test_what_cannot_be_undone_stays_to_be_undone(control: Any, peer: Any, until: Any) -> None:
    keep(control, peer, until, "verse", 0.25)
    peer.send("/scene/delete", "verse")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "MAX_WAITING", 0)
        peer.send("/scene/undo")
        assert peer.received() == [("/error", ["/scene/undo", "expected at most 0 scenes waiting for the disk"])]
    peer.send("/scene/undo")
    until(lambda: "verse" in peer.ask("/scene/list"), 5, "it is back")


def test_whether_the_scene_is_another_one_since(control: Any, peer: Any, until: Any) -> None:
    def told() -> tuple[object, object]:
        return peer.ask("/scene/name")[0], peer.ask("/scene/changed")[0]

    assert told() == ("", False)
    keep(control, peer, until, "verse", 0.25)
    assert told() == ("verse", False)
    for address, value in (("/scene/compare", 1), ("/scene/recall/without", "bass")):
        peer.send(address, value)
    peer.send("/listener/ypr", 20.0, 0.0, 0.0)
    peer.send("/speaker/M+030/identify")
    assert told() == ("verse", False)
    peer.send("/object/bass/gain", -3.0)
    assert told() == ("verse", True)
    peer.send("/scene/undo")
    assert told() == ("verse", False)
    peer.send("/master/gain", -3.0)
    assert told() == ("verse", True)
    peer.send("/scene/load", "verse")  # the master is not recalled: it is as it was when the scene was taken up
    assert told() == ("verse", False)
    peer.send("/object/bass/gain", -3.0)
    keep(control, peer, until, "verse", 0.5)
    peer.send("/scene/undo")  # the kept one is what it was before, the present one is not
    assert written(control, peer, until) == []
    assert told() == ("verse", True)
    peer.send("/scene/delete", "verse")
    assert told() == ("", False)


NAMES = ("Käse & Brot".replace(" & ", " "), "мой зал", "夜の庭", "गीत १", "می‌خواهم", "Ton 🎻", "👩‍🎤 solo", "x" * 64)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_every_script(control: Any, peer: Any, until: Any, name: str) -> None:
    assert keep(control, peer, until, name, 0.25).exists()
    assert name in peer.ask("/scene/list")
    assert control.hub.library._folder().names() == (name,)
    peer.send("/object/drums/level", 1.0)
    peer.send("/scene/load", name)
    assert level(peer) == 0.25
    peer.send("/scene/delete", name)
    assert name not in peer.ask("/scene/list")
    assert peer.received() == []


def test_a_name_is_one_however_it_is_typed() -> None:
    assert valid_name("Cafe\u0301") == valid_name("Caf\u00e9") == "Caf\u00e9"


@pytest.mark.parametrize(
    "name", ["", " ", "..", "a/b", "a\n", "x\ud800", "a\u202eb", "a+b", "x" * 65, "夜" * 64, "a\0"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(RefusedError, match="expected 1 to 64 of A-Z a-z 0-9, space, _ and -, letters"):
        valid_name(name)


@given(st.text(max_size=70))
def test_every_name_has_a_file_of_its_own(text: str) -> None:
    try:
        name = valid_name(text)
    except RefusedError:
        return
    stem = file_stem(name)
    assert name_of(stem) == valid_name(name) == name
    assert len(f"{stem}.jsonl.part".encode()) <= 255
    assert not set("/.") & set(stem)
