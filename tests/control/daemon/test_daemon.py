"""The daemon without its ports: scenes on their way to the audio, and checks of the sound server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import AsyncExitStack

import numpy as np
import pytest

from stemfield.control.config.configuration import parse_config
from stemfield.control.daemon.daemon import Daemon
from stemfield.control.faults import fault_count
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.actions import RestartLoudness
from stemfield.control.parameters.commands import SetParameter
from stemfield.renderer.engine.engine import Engine


def test_the_first_change_after_the_start_is_delayed_too(tmp_path):
    mirror = {"dialect": "adm", "host": "127.0.0.1", "ahead_ms": 150}
    config = parse_config({"driver": "clock", "state_folder": str(tmp_path), "mirror": [mirror]}, "test")
    told = []

    async def play():
        daemon = Daemon(config, lambda: config)
        daemon._audio.follow = told.append
        async with AsyncExitStack() as stack:
            hub = daemon._restore(stack)
            begun_s = time.monotonic()
            hub.perform([SetParameter("/master/gain", (-6.0,))], Peer("127.0.0.1", 9, lambda *_: None))
            await asyncio.sleep(0.05)
        daemon._audio.close()
        return begun_s

    begun_s = asyncio.run(play())
    assert [[cue.scene.master_gain_db for cue in cues] for cues in told] == [[0.0], [0.0, -6.0]]
    assert told[1][1].at_s - begun_s == pytest.approx(0.15, abs=0.02)


def test_a_mirror_that_comes_by_a_reload_delays_scenes_until_it_goes(tmp_path):
    mirror = {"dialect": "adm", "host": "127.0.0.1", "ahead_ms": 150}
    plain = parse_config({"driver": "clock", "state_folder": str(tmp_path)}, "test")
    mirrored = parse_config({"driver": "clock", "state_folder": str(tmp_path), "mirror": [mirror]}, "test")
    told = []

    async def play():
        daemon = Daemon(plain, lambda: plain)
        daemon._audio.follow = told.append
        async with AsyncExitStack() as stack:
            hub = daemon._restore(stack)
            for config, gain_db in ((plain, -1.0), (mirrored, -2.0), (plain, -3.0)):
                daemon._config = config
                daemon._delay_scenes(hub)
                hub.perform([SetParameter("/master/gain", (gain_db,))], Peer("127.0.0.1", 9, lambda *_: None))
                await asyncio.sleep(0.02)
        daemon._audio.close()

    asyncio.run(play())
    assert [[cue.scene.master_gain_db for cue in cues] for cues in told] == [
        [0.0],
        [-1.0],
        [-1.0, -2.0],
        [-2.0],
        [-3.0],
    ]


def test_an_error_in_a_check_of_the_server_ends_nothing(tmp_path, monkeypatch, caplog):
    """The next check may succeed."""
    config = parse_config({"driver": "clock", "state_folder": str(tmp_path)}, "test")
    before, looks = fault_count(), []

    async def play():
        monkeypatch.setattr("stemfield.control.daemon.daemon.MEND_S", 0.01)
        daemon, again = Daemon(config, lambda: config), asyncio.Event()

        async def mend():
            looks.append(1)
            if len(looks) == 3:
                again.set()
            raise KeyError("port")

        async def start():
            pass

        monkeypatch.setattr(daemon._audio, "mend", mend)
        monkeypatch.setattr(daemon._audio, "prepare", start)
        monkeypatch.setattr(daemon._audio, "start", start)
        playing = asyncio.create_task(daemon._play([]))
        await asyncio.wait_for(again.wait(), 5.0)
        assert not playing.done()
        daemon._stopping.set()
        await playing
        daemon._audio.close()

    asyncio.run(play())
    assert "the sound server cannot be checked: KeyError: 'port'" in caplog.text
    assert fault_count() - before >= 2


def test_loudness_begins_anew_when_asked(tmp_path):
    config = parse_config({"driver": "clock", "state_folder": str(tmp_path)}, "test")
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    engine = Engine(48_000, 2, 0, 2, 0, 0)
    engine.timeline.close()
    engine.process(np.tile(tone, (2, 1)).astype(np.float32), np.zeros((2, 48_000), np.float32))

    async def play():
        daemon = Daemon(config, lambda: config)
        shown = []
        async with AsyncExitStack() as stack:
            hub = daemon._restore(stack)
            daemon._audio._loudness.follow(engine)
            for command in (RestartLoudness(pressed=False), RestartLoudness()):
                hub.perform([command], Peer("127.0.0.1", 9, lambda *_: None))
                shown.append(hub.context.status.loudness().mixture)
        daemon._audio.close()
        return shown

    released, pressed = asyncio.run(play())
    assert released.integrated_lufs == released.true_peak_db == pytest.approx(-20.0, abs=0.1)
    assert (pressed.momentary_lufs, pressed.integrated_lufs, pressed.true_peak_db) == (-20.0, -120.0, -120.0)


def test_a_start_does_not_load_what_only_files_and_training_need():
    """Of these, scipy.signal alone would add a third to the time until music plays."""
    heavy = {"scipy.signal", "scipy.stats", "matplotlib", "torch"}
    code = f"import sys, stemfield.control.daemon.daemon; print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
