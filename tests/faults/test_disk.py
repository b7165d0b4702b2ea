"""A full disk, a read-only state folder or a rewritten configuration is inaudible."""

from __future__ import annotations

import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from daemon_process import free_port
from fault_table import FaultTable
from rig import MakeRig, ms

from stemfield.control.scenes.journal import Journal

SECTION = "Disk and configuration"


def fill(path: Path) -> None:
    """Fill the file system."""
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        for size in (1 << 16, 1 << 10):
            with suppress(OSError):
                while True:
                    filler.write(bytes(size))


@pytest.mark.long
def test_a_full_disk_keeps_the_last_scene_in_the_journal(
    rig: MakeRig, namespaces: Any, fault_table: FaultTable, tmp_path: Path
) -> None:
    """A file system of 4 MB, in a private mount namespace."""
    place = tmp_path / "small"
    place.mkdir()
    space = namespaces("mount")
    space.run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place))
    seen = space.root / place.relative_to("/")
    one = rig(16.0, through=space.through, state_folder=str(place / "state"))
    one.client.roll()
    one.wait_s(2.0)
    one.check_state(seen / "state" / "scene.json")
    before = (seen / "state" / "scene.json").read_bytes()
    fill(seen / "filler")
    for _ in range(5):
        one.mark()
        one.wait_s(0.8)
    one.room.wait_for("the scene is saved in its journal only: No space left on device")
    assert (seen / "state" / "scene.json").read_bytes() == before
    kept = Journal(seen / "state" / "scene.journal").read()
    assert kept is not None
    assert json.loads(kept)["object"]["drums"]["priority"] == one.marked
    # the next start loads it from the journal
    outputs = one.check_sound()
    one.room.process.kill()
    one.room.process.wait()
    one.room.start(through=space.through)
    assert one.room.ask("/object/drums/priority") == [one.marked]
    one.mark()
    one.wait_s(1.0)
    (seen / "filler").unlink()
    begun_s = time.monotonic()
    one.check_state(seen / "state" / "scene.json", within_s=10.0)
    again_s = time.monotonic() - begun_s
    one.check_log()
    fault_table.add(
        SECTION,
        "disk full",
        "a file system of 4 MB filled while the scene changes; then daemon killed",
        outputs=outputs,
        gap=ms(0),
        recovered=f"saved {again_s:.1f} s after space is free, without another change",
        state="the old scene, intact; the last change in the journal, loaded by the next start",
    )


@pytest.mark.long
def test_a_state_folder_that_becomes_read_only(
    rig: MakeRig, namespaces: Any, fault_table: FaultTable, tmp_path: Path
) -> None:
    place = tmp_path / "state"
    place.mkdir()
    space = namespaces("mount")
    space.run("mount", "--bind", str(place), str(place))
    one = rig(16.0, through=space.through, state_folder=str(place))
    one.client.roll()
    one.wait_s(2.0)
    one.check_state(place / "scene.json")
    before = (place / "scene.json").read_bytes()
    space.run("mount", "-o", "remount,bind,ro", str(place))
    for _ in range(3):
        one.mark()
        one.wait_s(0.8)
    one.room.wait_for("Read-only file system")
    assert (place / "scene.json").read_bytes() == before
    assert one.room.ask("/object/drums/priority") == [one.marked]
    space.run("mount", "-o", "remount,bind,rw", str(place))
    begun_s = time.monotonic()
    one.room.wait_for("the scene is saved again")
    again_s = time.monotonic() - begun_s
    outputs, state = one.check_sound(), one.check_state(place / "scene.json")
    one.check_log()
    fault_table.add(
        SECTION,
        "state folder read-only",
        "remounted read-only while the scene changes, then writable",
        outputs=outputs,
        gap=ms(0),
        recovered=f"saved {again_s:.1f} s after it is writable, without another change",
        state=f"the old scene, intact; then {state}",
    )


@pytest.mark.long
def test_a_start_with_a_read_only_state_folder_plays(
    rig: MakeRig, namespaces: Any, fault_table: FaultTable, tmp_path: Path
) -> None:
    place = tmp_path / "state"
    place.mkdir()
    kept = {"format": 1, "object": {"bass": {"priority": 77}}}
    (place / "scene.json").write_text(json.dumps(kept))
    space = namespaces("mount")
    space.run("mount", "--bind", str(place), str(place))
    space.run("mount", "-o", "remount,bind,ro", str(place))
    one = rig(8.0, through=space.through, state_folder=str(place))
    one.client.roll()
    one.wait_s(3.0)
    assert one.room.ask("/object/bass/priority") == [77]
    outputs = one.check_sound()
    assert one.room.stop() == 0
    assert "Traceback" not in one.room.log.read_text()
    assert json.loads((place / "scene.json").read_text()) == kept
    fault_table.add(
        SECTION,
        "start with a read-only state folder",
        "mounted read-only before the start",
        outputs=outputs,
        gap=ms(0),
        recovered="at once; the log reports what cannot be saved",
        state="the existing scene, which is loaded",
    )


def test_a_configuration_that_is_rewritten_is_taken_as_far_as_it_can_be(rig: MakeRig, fault_table: FaultTable) -> None:
    """SIGHUP with invalid YAML, with problems, and with a valid file that changes live and other keys."""
    one = rig(12.0)
    file = one.room.folder / "config.yaml"
    good = yaml.safe_load(file.read_text())
    one.client.roll()
    one.wait_s(1.0)

    def rewrite(text: str, answer: str) -> str:
        begin = len(one.room.log.read_text())
        file.write_text(text)
        one.room.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 15
        while answer not in (log := one.room.log.read_text()[begin:]):
            assert time.monotonic() < deadline, log
            time.sleep(0.02)
        return log

    stays = "the configuration stays as it was"
    rewrite("{{{ no: yaml", stays)
    log = rewrite(yaml.safe_dump(good | {"layot": "5.1", "log_level": "loud"}), stays)
    assert "layot: unknown key" in log
    assert "log_level: expected one of debug" in log
    rewrite(yaml.safe_dump(good | {"layout": "no room"}), stays)
    mirrored = free_port()
    wanted = good | {
        "layout": "5.1",
        "mirror": [{"dialect": "adm", "host": "127.0.0.1", "port": mirrored}],
        "network": {"max_messages_per_s": 1000.0},
        "hands": {"hold_s": 0.5},
        "jack": good["jack"] | {"connect_outputs": ["ears:in*", "system:playback_*"]},
    }
    log = rewrite(yaml.safe_dump(wanted), "a restart is needed for: layout")
    for key in ("mirror", "network.max_messages_per_s", "hands.hold_s", "jack.connect_outputs"):
        assert key in log
    assert f"the scene is mirrored to 127.0.0.1:{mirrored}" in log
    log = rewrite(yaml.safe_dump(wanted | {"log_level": "debug"}), "configuration reloaded: log_level")
    one.mark()
    one.wait_s(1.0)
    outputs, state = one.check_sound(), one.check_state()
    assert one.room.stop() == 0
    fault_table.add(
        SECTION,
        "configuration rewritten (SIGHUP)",
        "invalid YAML, unknown keys, a missing layout; then a valid file with other connections, mirror, rate limit, "
        "hold time, log level and layout",
        outputs=outputs,
        gap=ms(0),
        recovered="bad files change nothing; the valid one applies at once, except for the layout",
        state=state,
    )
