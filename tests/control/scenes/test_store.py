from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.scenes.file import SceneFileError, load_scene_file, scene_from_dict, scene_to_dict
from stemfield.control.scenes.journal import SLOT_BYTES, Journal
from stemfield.control.scenes.store import Saver, SceneStore
from stemfield.control.status import idle_status
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import Scene, default_scene


def changed(context: Context) -> Scene:
    """A scene in which nothing is as it was."""
    scene = context.defaults
    for address, *values in (
        ("/object/*/type", "plane"),
        ("/object/*/aed", 40, 90, 3.3),
        ("/object/*/gain", -7.3),
        ("/object/*/width", 12.5),
        ("/object/*/mute", True),
        ("/object/*/solo", 1),
        ("/object/*/group", 3),
        ("/object/*/priority", 4),
        ("/object/*/smooth", 0.7),
        ("/object/*/outputs", "LFE1"),
        ("/object/piano/channels", 0, 2),
        ("/object/vocals/name", "x"),
        ("/object/bass/name", "vocals"),
        ("/object/x/name", "bass"),
        ("/object/piano/name", 'Flügel "3"'),
        ("/object/*/height", 33.3),
        ("/object/*/diffuseness", 0.4),
        ("/object/*/channel_lock", 5.5),
        ("/object/*/exclude", "M-0*, LFE1"),
        ("/object/*/exclude_sector", 120, -120, -10, 90),
        ("/object/*/eq", "peak", 800, 2, -4.5, "highshelf", 6000, 0.7, 3),
        ("/object/*/dref", 0.25),
        ("/object/*/dmax", 12),
        ("/scene/distance/law", "inverse"),
        ("/scene/distance/reference", 2.5),
        ("/scene/distance/floor", -33),
        ("/listener/position", 0.5, -0.25, 0.1),
        ("/scene/amount", 0.3),
        ("/speaker/*/gain", -1.7),
        ("/speaker/M-030/mute", True),
        ("/speaker/M+000/solo", True),
        ("/master/gain", -11.1),
        ("/master/mute", True),
        ("/separation/threshold", 0.21),
        ("/separation/*/gain", 2.2),
        ("/separation/model", "second"),
        ("/separation/bypass", True),
    ):
        scene, problems = apply(scene, SetParameter(address, values), context)
        assert not problems
    return scene


def test_everything_survives_a_restart(context: Context, tmp_path: Path) -> None:
    scene = changed(context)
    SceneStore(tmp_path, context).save(scene)
    loaded, problems = SceneStore(tmp_path, context).load()
    assert problems == ()
    assert loaded == scene
    # The azimuth at the zenith too, which is all in the last bits.
    assert loaded.objects[0].position == scene.objects[0].position


def test_without_a_file_it_is_the_default_scene(context: Context, tmp_path: Path) -> None:
    assert SceneStore(tmp_path / "new", context).load() == (context.defaults, ())
    assert not (tmp_path / "new").exists()


def test_objects_are_found_by_their_configured_names(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    store.save(changed(context))
    reordered = Context(
        context.labels,
        default_scene([("piano", (0, 1)), ("organ", (2,)), ("guitar", (3,))]),
        context.models,
        status=idle_status(),
    )
    scene, problems = SceneStore(tmp_path, reordered).load()
    assert problems == ()
    piano, organ, guitar = scene.objects[5:]
    assert (piano.name, piano.width_deg, piano.id) == ('Flügel "3"', 12.5, 5)
    assert organ == reordered.defaults.objects[6]
    assert (guitar.name, guitar.width_deg) == ("guitar", 12.5)
    # The routing was another one: channels that were set in it would now lead to other instruments.
    assert (piano.channels, guitar.channels) == ((0, 1), (3,))


def test_what_is_gone_is_reported_and_the_rest_used(context: Context, tmp_path: Path) -> None:
    SceneStore(tmp_path, context).save(changed(context))
    smaller = Context(("M+030", "M-030"), default_scene(), ("first",), status=idle_status())
    scene, problems = SceneStore(tmp_path, smaller).load()
    assert scene.objects[2].width_deg == 12.5
    assert set(scene.speakers) == {"M+030", "M-030"}
    told = "\n".join(problems)
    assert "object.guitar.level: no object 'guitar'" in told
    assert "speaker.LFE1.gain: no loudspeaker 'LFE1'" in told
    assert "separation.model: expected first, got 'second'" in told
    assert "object.bass.outputs: 'LFE1': no such loudspeaker" in told


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xff", b"{}" + b" " * (1 << 20), b"[" * 100_000, b"9" * 5000])
def test_a_broken_file_is_set_aside(context: Context, tmp_path: Path, content: bytes) -> None:
    store = SceneStore(tmp_path, context)
    for count in (1, 2):
        (tmp_path / "scene.json").write_bytes(content)
        scene, problems = store.load()
        assert scene == context.defaults
        assert problems[-1] == f"{tmp_path}/scene.json: renamed to scene.json.broken-{count}; the default scene is used"
        assert (tmp_path / f"scene.json.broken-{count}").read_bytes() == content
        assert not (tmp_path / "scene.json").exists()
    store.save(scene)
    assert store.load() == (context.defaults, ())


def test_out_of_range_is_reported_and_the_rest_used(context: Context) -> None:
    data = {
        "object": {
            "vocals": {"level": 11, "width": 40, "aed": [30, "high", 1], "hologram": "red", "type": "pont"},
            "drums": {"mute": True, "remove": True, "name": "other"},
            "v*": {"level": 0.5},
        },
        "scene": {"amount": float("nan"), "reset": True},
        "master": {"gain": -6, "mute": [True, False]},
        "sepration": {"threshold": 0.5},
    }
    scene, problems = scene_from_dict(data, context)
    expected = replace(context.defaults.objects[0], width_deg=40.0)
    assert scene.objects[0] == expected
    assert scene.objects[2] == replace(context.defaults.objects[2], mute=True)
    assert scene.master_gain_db == -6.0
    assert sorted(problems) == [
        "master.mute: expected mute, got 2 arguments",
        "object.drums.remove: has no value",
        "object.v*.level: matches nothing, did you mean /object/{o}/level?",
        "object.vocals.aed: elevation: expected a number from -90 to 90, got 'high'",
        "object.vocals.hologram: no 'hologram' here",
        "object.vocals.level: expected a number from 0 to 10, got 11",
        "object.vocals.type: expected point, plane, channel, diffuse, pointdiffuse, pointextent, got 'pont', "
        "did you mean point?",
        "object: two objects are named other: the configured names are used",
        "scene.amount: expected a number from 0 to 1, got nan",
        "scene.reset: has no value",
        "sepration.threshold: no 'sepration' here, did you mean separation?",
    ]


def test_a_scene_that_a_person_wrote(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("object:\n  vocals: {aed: [180, 0, 2], gain: -6}\n  guitar: {mute: yes}\nscene: {amount: 0.5}\n")
    scene = load_scene_file(path, context)
    assert scene.objects[0].position == pytest.approx((-2, 0, 0), abs=1e-12)
    assert scene.objects[0].level == pytest.approx(0.501187)
    assert (scene.objects[5].mute, scene.amount) == (True, 0.5)
    path.write_text("object: {vocals: {aed: [180, 0], gian: -6}}\nformat: 2\n")
    with pytest.raises(SceneFileError, match="format: expected 1, got 2"):
        load_scene_file(path, context)
    path.write_text("object: {vocals: {aed: [180, 0], gian: -6}}\n")
    with pytest.raises(SceneFileError) as caught:
        load_scene_file(path, context)
    assert caught.value.problems == (
        "object.vocals.gian: no 'gian' here, did you mean gain?",
        "object.vocals.aed: expected azimuth elevation distance, got 2 arguments",
    )
    exported = tmp_path / "exported.json"
    exported.write_text(json.dumps(scene_to_dict(changed(context), context)))
    assert load_scene_file(exported, context) == changed(context)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["object", "vocals", "aed", "name", "scene", "speaker", "inputs", "0"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["object", "scene", "speaker", "separation", "master", "format"]), json_values))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_data_makes_it_raise(context: Context, data: dict[str, object]) -> None:
    scene, _ = scene_from_dict(data, context)
    assert [o.id for o in scene.objects] == [o.id for o in context.defaults.objects]
    assert len({o.name for o in scene.objects}) == len(scene.objects)


def test_named_scenes(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    assert store.names() == ()
    store.save_named("Verse 1", changed(context))
    store.save_named("Verse_1", context.defaults)
    assert store.names() == ("Verse 1", "Verse_1")
    assert store.load_named("Verse 1") == (changed(context), ())
    assert store.load_named("Verse_1") == (context.defaults, ())
    for name in ("..", "a/b", "", "x" * 65, "a\n"):
        with pytest.raises(RefusedError):
            store.save_named(name, context.defaults)
    with pytest.raises(RefusedError, match="no such scene: expected Verse 1, Verse_1, got 'Chorus'"):
        store.load_named("Chorus")
    (tmp_path / "scenes" / "Verse_1.json").write_text("{")
    with pytest.raises(SceneFileError):
        store.load_named("Verse_1")


WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from stemfield.control.scenes.store import SceneStore
from stemfield.control.parameters.context import Context
from stemfield.control.status import idle_status
from stemfield.renderer.scene.scene import default_scene
context = Context(("M+030",), default_scene(), status=idle_status())
store = SceneStore(Path(sys.argv[1]), context)
store.save(context.defaults)
print("ready", flush=True)
for n in range(1, 10**9):
    store.save(replace(context.defaults, amount=(n % 1000) / 1000))
"""


def test_the_file_is_whole_whenever_the_writer_is_killed(tmp_path: Path) -> None:
    context = Context(("M+030",), default_scene(), status=idle_status())
    seen = set()
    for number in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(0.003 * number)
            os.kill(writer.pid, signal.SIGKILL)
        scene, problems = SceneStore(tmp_path, context).load()
        assert problems == ()
        seen.add(scene.amount)
    assert len(seen) > 1


def test_the_saver_saves_the_last_at_most_once_in_its_interval(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    written: list[tuple[float, float]] = []

    class Watched(SceneStore):
        def save(self, scene: Scene) -> str:
            reason = super().save(scene)
            written.append((time.monotonic(), scene.amount))
            return reason

    async def run() -> None:
        saver = Saver(Watched(tmp_path, context), lambda _: None, interval_s=0.2)
        for step in range(50):
            saver.offer(replace(context.defaults, amount=step / 100))
            await asyncio.sleep(0.01)
        await saver.close()

    asyncio.run(run())
    times = [t for t, _ in written[:-1]]
    assert len(written) == 3
    assert times[1] - times[0] >= 0.2
    assert store.load()[0].amount == 0.49


def test_what_is_on_disk_already_is_not_written_again(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    scene = replace(context.defaults, amount=0.5)
    inodes = []
    for yaw_deg in (0.0, 10.0, 20.0):  # a tracker turns the head all day
        store.save(replace(scene, head=(yaw_deg, 0.0, 0.0)))
        inodes.append((tmp_path / "scene.json").stat().st_ino)
    assert len(set(inodes)) == 1
    store.save(context.defaults)
    store.save(scene)
    assert store.load()[0].amount == 0.5


def test_a_disk_that_fails_is_reported_once_and_tried_again(context: Context, tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "state"
    folder.write_text("a file in its place")

    async def run() -> None:
        saver = Saver(SceneStore(folder, context), told.append, interval_s=0.02, again_s=0.1)
        for step in range(3):
            saver.offer(replace(context.defaults, amount=step / 10))
            await asyncio.sleep(0.1)
        folder.unlink()
        while len(told) < 2:  # nobody touches the scene any more
            await asyncio.sleep(0.01)
        assert SceneStore(folder, context).load()[0].amount == 0.2
        await saver.close()

    asyncio.run(asyncio.wait_for(run(), 10.0))
    assert told == [f"{folder}: the scene cannot be saved: File exists", f"{folder}: the scene is saved again"]


def test_what_failed_is_tried_once_more_at_the_end(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.write_text("a file in its place")

    async def run() -> None:
        saver = Saver(SceneStore(folder, context), lambda _: None, interval_s=0.02)
        saver.offer(replace(context.defaults, amount=0.25))
        await asyncio.sleep(0.2)
        folder.unlink()
        await saver.close()

    asyncio.run(run())
    assert SceneStore(folder, context).load()[0].amount == 0.25


def test_the_journal_keeps_the_last_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    assert journal.read() is None
    with pytest.raises(OSError, match="No such file"):
        journal.write(b"x")
    journal.reserve()
    assert path.stat().st_blocks * 512 >= 2 << 20
    assert journal.read() is None
    for content in (b"one", b"two", b"three"):
        journal.write(content)
        assert Journal(path).read() == content
    again = Journal(path)
    assert again.read() == b"three"
    again.write(b"four")
    whole = bytearray(path.read_bytes())
    # The power goes while the next is written: whatever came of it, the last one counts.
    for damage in range(60):
        broken = whole.copy()
        broken[SLOT_BYTES + damage] ^= 0xFF
        path.write_bytes(broken)
        assert Journal(path).read() in (b"three", b"four")
    path.write_bytes(whole)
    journal.clear()
    assert Journal(path).read() is None
    with pytest.raises(OSError, match="expected at most"):
        journal.write(bytes(SLOT_BYTES))


def test_a_full_disk_loses_nothing(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SceneStore(tmp_path, context)
    store.prepare()
    assert store.save(context.defaults) == ""
    before = (tmp_path / "scene.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert store.save(replace(context.defaults, amount=0.25)) == "No space left on device"
        assert store.save(changed(context)) == "No space left on device"
        journalled = (tmp_path / "scene.journal").read_bytes()
        assert store.save(changed(context)) == "No space left on device"
        assert (tmp_path / "scene.journal").read_bytes() == journalled  # tried again, it wears nothing out
        assert (tmp_path / "scene.json").read_bytes() == before
        assert not (tmp_path / "scene.new").exists()
        assert SceneStore(tmp_path, context).load() == (changed(context), ())
    after = SceneStore(tmp_path, context)
    after.load()
    assert after.save(replace(context.defaults, amount=0.75)) == ""
    assert SceneStore(tmp_path, context).load() == (replace(context.defaults, amount=0.75), ())


def test_no_broken_file_is_ever_lost(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    for count in range(1, 13):
        (tmp_path / "scene.json").write_text(f"{{ broken {count}")
        store.load()
    for count in range(1, 13):
        assert (tmp_path / f"scene.json.broken-{count}").read_text() == f"{{ broken {count}"


def test_no_copy_is_ever_lost(context: Context, tmp_path: Path) -> None:
    store = SceneStore(tmp_path, context)
    texts = [json.dumps({"format": 1, "speaker": {f"U+0{n}": {"gain": -3}}}) for n in (44, 45, 45, 46)]
    for text in texts:
        (tmp_path / "scene.json").write_text(text)
        store.load()
    kept = [(tmp_path / f"scene.json.kept{ending}").read_text() for ending in (".1", ".2", "")]
    assert kept == [texts[0], texts[1], texts[3]]
