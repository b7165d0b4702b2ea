"""A state folder that another version, another program or another disk has written to: nothing in it is lost."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from stemfield.control.daemon.last_run import LastRun, last_runs
from stemfield.control.parameters.context import Context
from stemfield.control.scenes.file import SceneFileError, load_scene_file
from stemfield.control.scenes.journal import SLOT_BYTES, Journal
from stemfield.control.scenes.library import SceneLibrary
from stemfield.control.scenes.store import SceneStore
from stemfield.renderer.scene.scene import Scene

NEWER = json.dumps({"format": 2, "scene": {"amount": 0.25}, "beams": [1, 2]}).encode()


def journal(folder: Path, content: bytes) -> Journal:
    made = Journal(folder / "scene.journal")
    made.reserve()
    made.write(content)
    return made


def after_a_change(context: Context, folder: Path, scene: Scene | None = None) -> tuple[Scene, str]:
    """Start, change something, end: what was begun with, and what was told."""
    store = SceneStore(folder, context)
    loaded, problems = store.load()
    store.prepare()
    store.save(replace(loaded, amount=0.5))
    assert SceneStore(folder, context).load() == (replace(loaded, amount=0.5), ())
    return loaded, "\n".join(problems)


def test_a_scene_of_a_newer_version_is_kept(context: Context, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "scene.json").write_bytes(NEWER)
        scene, told = after_a_change(context, tmp_path)
        assert scene == context.defaults
        assert "format: expected 1, got 2; a newer version wrote it" in told
        assert f"scene.json: renamed to scene.json.newer-{number}; the default scene is used" in told
        assert (tmp_path / f"scene.json.newer-{number}").read_bytes() == NEWER


def test_a_journal_of_a_newer_version_is_kept(context: Context, tmp_path: Path) -> None:
    SceneStore(tmp_path, context).save(replace(context.defaults, amount=0.75))
    journal(tmp_path, NEWER)
    whole = (tmp_path / "scene.journal").read_bytes()
    scene, told = after_a_change(context, tmp_path)
    assert scene.amount == 0.75
    assert "scene.journal: renamed to scene.journal.newer-1; scene.json is used" in told
    assert (tmp_path / "scene.journal.newer-1").read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe", b"[]", b"null", b'"\\ud800"', b'{"format": "x"}'])
@pytest.mark.parametrize("name", ["scene.json", "scene.journal"])
def test_foreign_content_is_set_aside(context: Context, tmp_path: Path, name: str, content: bytes) -> None:
    if name == "scene.json":
        (tmp_path / name).write_bytes(content)
    else:
        journal(tmp_path, content)
    whole = (tmp_path / name).read_bytes()
    scene, told = after_a_change(context, tmp_path)
    assert scene == context.defaults
    assert f"renamed to {name}.broken-1" in told
    assert (tmp_path / f"{name}.broken-1").read_bytes() == whole


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "loop", "huge"])
@pytest.mark.parametrize("name", ["scene.json", "scene.journal"])
def test_what_is_no_file_holds_nothing_up(context: Context, tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "loop":
            path.symlink_to(path)
        case "huge":
            with path.open("wb") as file:
                file.truncate(2 * SLOT_BYTES + 1)
    scene, told = after_a_change(context, tmp_path)
    assert scene == context.defaults
    assert f"{name}: renamed to {name}.broken-1" in told
    assert os.path.lexists(tmp_path / f"{name}.broken-1")


@pytest.mark.parametrize(
    "content", [b"stemfld2" + bytes(2 * SLOT_BYTES - 8), bytes(SLOT_BYTES) + b"stemfld2", b"diary\n"]
)
def test_a_journal_of_another_kind_is_kept(context: Context, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scene.journal").write_bytes(content)
    loaded, told = after_a_change(context, tmp_path)
    assert loaded == context.defaults
    assert "scene.journal: renamed to scene.journal.broken-1; scene.json is used" in told
    assert (tmp_path / "scene.journal.broken-1").read_bytes() == content


def test_a_journal_numbered_beyond_all_is_none(context: Context, tmp_path: Path) -> None:
    made = journal(tmp_path, b"{}")
    made._number = 2**64 - 3
    made.write(b"{}")
    found = Journal(tmp_path / "scene.journal")
    assert found.read() == b"{}"
    found.write(b"[]")
    assert Journal(tmp_path / "scene.journal").read() == b"[]"


@pytest.mark.parametrize("name", ["scene.new", "run.new"])
def test_a_fifo_in_the_way_is_told_and_holds_nothing_up(context: Context, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with LastRun(tmp_path):
        pass
    store = SceneStore(tmp_path, context)
    if name == "scene.new":
        with pytest.raises(OSError, match="No such device"):
            store.save(context.defaults)
    store.save(context.defaults)
    assert SceneStore(tmp_path, context).load() == (context.defaults, ())


def test_nothing_in_the_folder_is_a_program(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    store.prepare()
    store.save(context.defaults)
    with LastRun(tmp_path):
        pass
    modes = {path.name: oct(path.stat().st_mode & 0o111) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("scene.json", "scene.journal", "run.json"), "0o0")


def test_what_cannot_be_used_in_part_stays_in_a_copy(context: Context, tmp_path: Path) -> None:
    text = json.dumps({"format": 1, "speaker": {"U+045": {"gain": -3}}, "scene": {"amount": 0.75, "haze": 1}})
    (tmp_path / "scene.json").write_text(text)
    scene, told = after_a_change(context, tmp_path)
    assert scene.amount == 0.75
    assert "speaker.U+045.gain: no loudspeaker 'U+045'" in told
    assert "a copy is saved as scene.json.kept" in told
    assert (tmp_path / "scene.json.kept").read_text() == text


def test_a_kept_scene_of_a_newer_version_is_neither_loaded_nor_lost(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    store.save_named("own", replace(context.defaults, amount=0.5))
    path = tmp_path / "scenes" / "Verse+1.json"
    for number, content in enumerate((NEWER, NEWER, b"{", b"\xff"), 1):
        path.write_bytes(content)
        with pytest.raises(SceneFileError):
            store.load_named("Verse 1")
        store.save_named("Verse 1", context.defaults)
        kind = "newer" if content == NEWER else "broken"
        aside = path.with_name(f"Verse+1.json.{kind}-{number if kind == 'newer' else number - 2}")
        assert aside.read_bytes() == content
        assert store.load_named("Verse 1") == (context.defaults, ())
    assert store.names() == ("Verse 1", "own")
    assert store.load_named("own")[0].amount == 0.5


def test_one_kept_scene_that_is_no_file_costs_only_itself(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    store.save_named("own", replace(context.defaults, amount=0.5))
    (tmp_path / "scenes" / "folder.json").mkdir()
    os.mkfifo(tmp_path / "scenes" / "fifo.json")
    book = SceneLibrary(store, {})
    for name, reason in (("folder", "cannot be read: Is a directory"), ("fifo", "expected a regular file")):
        with pytest.raises(SceneFileError, match=reason):
            store.load_named(name)
        assert name in book.names()
    assert book.load("own")[0].amount == 0.5


def test_a_recording_that_is_no_file_holds_nothing_up(control: Any, peer: Any, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    os.mkfifo(folder / "fifo.jsonl")
    (folder / "newer.jsonl").write_text('{"stemfield": "recording", "format": 2}\n')
    (folder / "deep.jsonl").write_text(
        '{"stemfield": "recording", "format": 1}\n[0, "/x", [' + "[" * 900 + "]" * 900 + "]]\n"
    )
    told: list[str] = []

    recorder = control.recorder(folder, told.append)
    for name in ("fifo", "newer", "deep"):
        peer.send("/recorder/play", name)
        peer.wait_idle()
    peer.send("/recorder/record", "fifo")
    peer.wait_idle()
    control.on_loop(recorder.close())
    assert told == [
        "playing fifo: expected a regular file",
        "playing newer: line 1: format: expected 1, got 2; another version wrote it",
        "playing deep: line 2: not JSON",
        "recording fifo: No such device or address",
    ]


def test_a_mark_of_a_run_that_is_no_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    assert last_runs(tmp_path) == ()
    (tmp_path / "run.json").unlink()
    (tmp_path / "run.json").write_text("[" * 100_000)
    assert last_runs(tmp_path) == ()
    with LastRun(tmp_path) as run:
        assert asdict(last_runs(tmp_path)[0]) == run._now


def test_scene_files_of_other_editors(context: Context, tmp_path: Path) -> None:
    text = '{"scene": {"amount": 0.25}}'
    path = tmp_path / "mine.json"
    for content in (text.encode("utf-8-sig"), text.replace("{", "{\r\n").encode(), f"\n\n{text}\n".encode()):
        path.write_bytes(content)
        assert load_scene_file(path, context).amount == 0.25
    for content, reason in (
        (text.encode("utf-16"), "not UTF-8"),
        (b'{"scene": {"amount": 0.25, "amount": 0.5}}', "the key 'amount' appears twice"),
        (text.encode()[:-2], "invalid: "),
        (b"", "invalid: "),
        (b'{"scene": {"amount": "\\ud800"}}', "scene.amount: '\\\\ud800' is not text"),
        (b'{"object": {"vocals": {"exclude": "*\\u0000"}}}', "contains a NUL character"),
    ):
        path.write_bytes(content)
        with pytest.raises(SceneFileError, match=reason.replace(".", r"\.")):
            load_scene_file(path, context)
