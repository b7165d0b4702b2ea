"""A desktop's surround card, with other channel numbers than films, on a private PipeWire."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from daemon_process import free_port
from servers import need

from stemfield.control.config.configuration import load_config

STEMFIELD = str(Path(sys.executable).parent / "stemfield")
DESKTOP = ("FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR")
FIVE = {"M+030": "FL", "M-030": "FR", "M+000": "FC", "LFE1": "LFE", "M+110": "RL", "M-110": "RR"}
SEVEN = {
    "M+030": "FL",
    "M-030": "FR",
    "M+000": "FC",
    "LFE1": "LFE",
    "M+090": "SL",
    "M-090": "SR",
    "M+135": "RL",
    "M-135": "RR",
}


def ports(channels, card="Desk [HD]"):
    return {label: f"{card}:playback_{channel}" for label, channel in channels.items()}


@pytest.mark.parametrize(("count", "layout", "channels"), [(6, "5.1", FIVE), (8, "7.1", SEVEN)])
def test_the_first_configuration_names_each_loudspeakers_port(pipewire, tmp_path, count, layout, channels):
    pipewire.add_card("Monitor", ("FL", "FR"))
    pipewire.add_card("Desk [HD]", DESKTOP[:count])
    path = tmp_path / "config.yaml"
    command = [need("pw-jack"), STEMFIELD, "init", "--yes", "--config", str(path)]
    done = subprocess.run(command, env=pipewire.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    config = load_config(path)
    assert config.layout == layout
    assert config.jack.connect_speakers == ports(channels)
    assert config.jack.connect_outputs == ()
    assert config.bass_crossover_hz == 80.0


@pytest.mark.parametrize("how", ["demo", "serve"])
def test_every_feed_comes_to_its_loudspeaker(pipewire, tmp_path, until, how):
    """By the demo and by a pattern in the configuration; brackets in a card's name are literal."""
    pipewire.add_card("Desk [HD]", DESKTOP[:6])
    config = tmp_path / "config.yaml"
    state = f"state_folder: {tmp_path / 'state'}"
    config.write_text(
        f"layout: 5.1\ndriver: jack\n{state}\ndiscovery: {{enabled: false}}\nhttp: {{enabled: false}}\n"
        f"osc: {{port: {free_port()}}}\ns3a: {{enabled: false}}\njack: {{connect_outputs: ['Desk [HD]:playback_*']}}\n"
    )
    words = ["demo"] if how == "demo" else ["serve", "--config", str(config)]
    with (
        (tmp_path / "log.txt").open("wb") as log,
        subprocess.Popen(
            [need("pw-jack"), STEMFIELD, *words],
            env=pipewire.environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            until(lambda: pipewire.wires("Desk [HD]") == ports(FIVE), 30, "each feed at its port")
        finally:
            process.terminate()
            process.wait(20)
    assert "by number" not in (tmp_path / "log.txt").read_text()


def test_the_sink_of_the_manual_is_no_sound_card(pipewire, tmp_path):
    """PipeWire marks its ports as physical too; playing there would feed back."""
    pipewire.add_card("stemfield music", DESKTOP)
    pipewire.add_card("Desk [HD]", DESKTOP[:6])
    path = tmp_path / "config.yaml"
    command = [need("pw-jack"), STEMFIELD, "init", "--yes", "--config", str(path)]
    done = subprocess.run(command, env=pipewire.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert load_config(path).jack.connect_speakers == ports(FIVE)
