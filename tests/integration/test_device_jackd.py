"""The device for users of jackd. No test machine has a sound card: of snd-aloop there is what it would write in /proc.

Everything else is real: the unit, by systemd's own check; the ALSA configuration, by ALSA's library; zita-a2j, which
reads ALSA's null device and is a client of a jackd; and the daemon that connects to it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from servers import need

from stemfield.control.cli import device as cli_device
from stemfield.control.cli import loopback as cli_loopback
from stemfield.control.command_errors import CommandError
from stemfield.control.options.commands import make_parser
from stemfield.systemd import install as systemd_install
from stemfield.systemd.files import is_untouched

FIRST_CARD = (
    " 0 [PCH            ]: HDA-Intel - HDA Intel PCH\n                      HDA Intel PCH at 0xf7200000 irq 33\n"
)
CARD = " 1 [Loopback       ]: Loopback - Loopback\n                      Loopback 1\n"
TAKEN = " 1 [Loopback       ]: USB-Audio - Loopback\n                      Somebody's Loopback at usb-1\n"
TITLE = 'Café "100%" $HOME'
SYSTEM = ("etc/modules-load.d/stemfield.conf", "etc/modprobe.d/stemfield.conf")


class Machine:
    """A user on a machine with a module for a card, zita-a2j and a jackd."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.root, self.home = patch, folder / "root", folder / "config"
        for name in ("SUDO_USER", "JACK_DEFAULT_SERVER"):
            patch.delenv(name, raising=False)
        patch.setenv("XDG_CONFIG_HOME", str(self.home))
        patch.setattr(cli_loopback, "ROOT", self.root)
        patch.setattr(cli_loopback, "is_running", lambda: False)
        patch.setattr(cli_loopback, "_servers", lambda: ["default"])
        patch.setattr(systemd_install, "RUNNING", folder / "nowhere")
        self.become(1000)
        self.put("usr/bin/zita-a2j", "")
        self.put(f"lib/modules/{os.uname().release}/modules.dep", "kernel/sound/drivers/snd-aloop.ko.xz: snd.ko.xz\n")
        self.cards(FIRST_CARD)
        self.config = self.put("config.yaml", "layout: stereo\n")

    def put(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def cards(self, text: str) -> None:
        self.put("proc/asound/cards", text)

    def become(self, user: int) -> None:
        self.patch.setattr(os, "geteuid", lambda: user)

    def device(self, command: str, *words: str) -> int:
        yes = [] if command == "status" else ["--yes"]
        options = make_parser().parse_args(["device", command, *yes, "--config", str(self.config), *words])
        return int(getattr(cli_device, command)(options))

    @property
    def unit(self) -> Path:
        return self.home / "systemd/user/stemfield-aloop.service"

    @property
    def alsa(self) -> Path:
        return self.home / "alsa/asoundrc"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def bridge(unit: Path) -> list[str]:
    """The command of the unit, as systemd would run it, which these characters have the same meaning for."""
    (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]


def test_install_and_remove_leave_nothing_but_what_root_must_do(machine, capsys):
    assert machine.device("install", "--default") == 0
    said = capsys.readouterr().out
    assert f"+++ {machine.unit}" in said
    assert f"+++ {machine.alsa}" in said
    assert is_untouched(machine.unit.read_text())
    (command,) = re.findall(r"^note: as root, the sound card itself: (.*)$", said, re.MULTILINE)
    root = f'sudo() {{ if [ $1 = tee ]; then mkdir -p $(dirname $2); fi; echo $1 $2 >> {machine.root}/did; "$@"; }}\n'
    subprocess.run(["bash", "-c", f"modprobe() {{ :; }}\n{root}{command}"], check=True)
    assert "modprobe snd-aloop" in (machine.root / "did").read_text()
    machine.cards(FIRST_CARD + CARD)
    machine.device("install")
    assert "as root" not in capsys.readouterr().out, "the command has written what root would write"
    assert "pcm.!default" in machine.alsa.read_text(), "it stays the default device"
    machine.device("remove")
    assert f"sudo rm {' '.join(str(machine.root / name) for name in SYSTEM)}" in capsys.readouterr().out
    assert not machine.unit.exists()
    assert not machine.alsa.exists()
    machine.become(0)
    machine.device("remove")
    assert not any((machine.root / name).exists() for name in SYSTEM)
    machine.device("remove", "--server", "jackd")
    assert "no device is installed" in capsys.readouterr().out


def test_files_of_the_user_stay(machine, capsys):
    machine.alsa.parent.mkdir(parents=True)
    machine.alsa.write_text("# mine\n")
    machine.device("install")
    (line,) = re.findall(r"is your own: add the line (<.*>)", capsys.readouterr().out)
    machine.alsa.write_text(f"# mine\n{line}\n")
    assert "stemfield music" in listed(machine)["stemfield"]
    machine.device("install")
    assert "is your own" not in capsys.readouterr().out
    machine.unit.write_text(machine.unit.read_text() + "# mine\n")
    machine.device("remove")
    assert f"keep   {machine.unit}" in capsys.readouterr().out
    assert machine.unit.exists()
    assert machine.alsa.read_text().startswith("# mine")
    assert [path.name for path in machine.alsa.parent.iterdir()] == ["asoundrc"]


def test_everything_that_is_missing_is_said_at_once_and_nothing_written(machine):
    machine.patch.setattr(cli_loopback, "_servers", lambda: ["studio"])
    machine.put(f"lib/modules/{os.uname().release}/modules.dep", "")
    (machine.root / "usr/bin/zita-a2j").unlink()
    with pytest.raises(CommandError) as caught:
        machine.device("install", "--server", "jackd", "--surround", "6", "--title", "stemfield")
    wanted = ("snd-aloop: this kernel", "apt install zita-ajbridge", "there is studio", "--surround 0", "--title")
    assert len(caught.value.lines) == len(wanted)
    assert all(part in line for part, line in zip(wanted, caught.value.lines, strict=True))
    machine.cards(FIRST_CARD + TAKEN)
    with pytest.raises(CommandError, match="a card of USB-Audio has this identifier"):
        machine.device("install", "--server", "jackd")
    assert not machine.home.exists()


def test_where_both_servers_run_it_is_said_which_is_meant(machine, capsys):
    machine.patch.setattr(cli_loopback, "is_running", lambda: True)
    with pytest.raises(CommandError):
        machine.device("status")
    assert "PipeWire and jackd both run: this is about the device of PipeWire" in capsys.readouterr().err


def test_systemd_accepts_the_unit_and_hands_over_the_title(machine, tmp_path):
    machine.device("install", "--title", TITLE)
    assert bridge(machine.unit)[1:3] == ["-j", TITLE]
    done = subprocess.run(
        [need("systemd-analyze"), "--user", "verify", "--man=no", str(machine.unit)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{machine.unit.parent}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert machine.unit.name not in done.stderr


def listed(machine: Machine) -> dict[str, str]:
    """ALSA's names of devices, with their descriptions."""
    done = subprocess.run([need("aplay"), "-L"], env=os.environ, capture_output=True, text=True, check=True)
    return dict(re.findall(r"^(\S.*)\n((?: .*\n)*)", done.stdout, re.MULTILINE))


def test_alsa_finds_the_device_and_plays_into_its_card_by_default(machine, tmp_path):
    machine.device("install", "--title", TITLE, "--default")
    assert TITLE in listed(machine)["stemfield"]
    play = [need("aplay"), "-d", "1", "/dev/zero"]
    done = subprocess.run(play, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Loopback" in done.stderr, "which this machine has not"


def test_the_daemon_hears_the_bridge_and_status_says_so(machine, jackd, daemon, until, capsys):
    server = jackd(period_frames=1024)
    jack = {"server_name": server.name, "connect_outputs": ["system:playback_*"]}
    settings = {"driver": "jack", "layout": "stereo", "jack": jack, "device": {"title": TITLE}}
    room = daemon(**settings, separation={"enabled": False})
    machine.config.write_text(yaml.safe_dump(settings))
    machine.patch.setattr(cli_loopback, "_servers", lambda: [server.name])
    machine.cards(FIRST_CARD + CARD)
    machine.device("install")

    def state() -> dict[str, object]:
        capsys.readouterr()
        status = machine.device("status", "--json")
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        assert status == (3 if found["problems"] else 0)
        return found

    command = [need("zita-a2j"), *bridge(machine.unit)[1:]]
    command[command.index("hw:Loopback,1,0")] = "null"
    (line,) = re.findall(r"^Environment=\"JACK_DEFAULT_SERVER=(.*)\"$", machine.unit.read_text(), re.MULTILINE)
    environment = os.environ | {"JACK_DEFAULT_SERVER": line, "JACK_NO_START_SERVER": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            room.start()
            for side, number in (("L", 1), ("R", 2)):
                room.wait_for(f"connected mixture_{side} and {TITLE}:capture_{number}", 10)
            assert (state()["connected"], state()["problems"]) == (True, [])
            server.stop()
            process.wait(10)  # systemd starts it again
        finally:
            process.kill()
    machine.cards(FIRST_CARD)
    card, silent = state()["problems"]
    assert "sound card is not there" in card
    assert "jackd does not answer" in silent
