"""What the doctor finds in files, and how it tells; what needs servers and daemons is among the integration tests."""

from __future__ import annotations

import json
import os
import pwd
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from stemfield.control.cli.main import main
from stemfield.control.cli.qr import qr_text
from stemfield.control.config.audio import JackConfig
from stemfield.control.config.configuration import Config
from stemfield.control.doctor import evidence
from stemfield.control.doctor.check_rights import check_realtime
from stemfield.control.doctor.check_sound import check_port_names, check_xruns
from stemfield.control.doctor.diagnosis import diagnose
from stemfield.control.doctor.evidence import collect
from stemfield.control.doctor.probe_jack import JackProbe, JackState, Port
from stemfield.control.doctor.probe_rights import ProbeError
from stemfield.control.doctor.processes import Process, SoundServer

RIGHTS = {"realtime-refused", "memory-lock-refused", "limits-without-effect"}
"""Whether there are any is the machine's business here."""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    (tmp_path / "root").mkdir()


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str = "driver: clock\n") -> Path:
        path = tmp_path / "config.yaml"
        ports = "" if "osc:" in text else "osc: {port: 30001}\nhttp: {enabled: false}\n"
        path.write_text(f"{text}{ports}state_folder: {tmp_path}\n")
        return path

    return write


def causes(config: Path, root: Path) -> dict[str, str]:
    return {f.id: f"{f.cause}; {f.cure}" for f in diagnose(collect(config, 0.5, root)) if f.id not in RIGHTS}


JACK = "jack: {server_name: stemfield-test-none}\n"


def test_nothing_is_wrong(file: Callable[..., Path], tmp_path: Path) -> None:
    assert causes(file(), tmp_path / "root") == {}


def test_a_configuration_that_cannot_be_used(file: Callable[..., Path], tmp_path: Path) -> None:
    config = file("drvier: clock\ndriver: clok\n")
    found = causes(config, tmp_path / "root")
    expected = "driver: expected one of auto, jack, clock, got 'clok', did you mean clock?, and 1 more"
    assert expected in found["config-unusable"]
    assert found["config-unusable"].endswith(f"; stemfield check {config}")


def unit(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "stemfield.service").write_text(f"[Service]\nExecStart=/bin/true\n{text}")
    return folder / "stemfield.service"


def test_a_unit_without_limits(file: Callable[..., Path], tmp_path: Path) -> None:
    path = unit(tmp_path / "XDG_CONFIG_HOME/systemd/user", "# LimitRTPRIO=95\nLimitMEMLOCK=infinity\n")
    found = causes(file(JACK), tmp_path / "root")
    assert set(found) == {"jack-server-missing", "service-limits"}
    assert f"{path} does not set LimitRTPRIO:" in found["service-limits"]
    more = path.parent / "stemfield.service.d"
    more.mkdir()
    (more / "limits.conf").write_text("[Service]\nLimitRTPRIO=95\n")
    assert set(causes(file(JACK), tmp_path / "root")) == {"jack-server-missing"}


def test_the_cure_of_a_unit_is_one_that_works(
    file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for systemctl, which has no systemd to speak to here."""
    unit(tmp_path / ".config/systemd/user", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME")
    command = causes(file(JACK), tmp_path / "root")["service-limits"].partition("; ")[2].partition(" && systemctl")[0]
    assert os.system(f"{command} > {os.devnull}") == 0
    assert "service-limits" not in causes(file(JACK), tmp_path / "root")


def test_a_service_whose_user_does_not_linger(
    file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = unit(tmp_path / "XDG_CONFIG_HOME/systemd/user", "LimitRTPRIO=95\nLimitMEMLOCK=infinity\n")
    wants = path.parent / "default.target.wants"
    wants.mkdir()
    (wants / path.name).symlink_to(path)
    root = tmp_path / "root"
    assert set(causes(file(), root)) == {"service-without-linger"}
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    assert causes(file(), root) == {}
    monkeypatch.delenv("XDG_SESSION_TYPE")
    rights = collect(file(), 0.5, root).rights
    assert rights is not None
    (root / "var/lib/systemd/linger").mkdir(parents=True)
    (root / "var/lib/systemd/linger" / rights.user).touch()
    assert causes(file(), root) == {}


def test_a_sound_card_that_somebody_has(file: Callable[..., Path], tmp_path: Path) -> None:
    """The files are those that the kernel shows; the holder is a process that is really there."""
    status = tmp_path / "root/proc/asound/card1/pcm0p/sub0/status"
    status.parent.mkdir(parents=True)
    (tmp_path / "root/proc/asound/card1/id").write_text("Fireface\n")
    with ThreadPoolExecutor(1) as pool:
        thread = pool.submit(threading.get_native_id).result()
        status.write_text(f"state: RUNNING\nowner_pid   : {thread}\ntrigger_time: 1.2\n")
        found = causes(file(JACK), tmp_path / "root")
    assert set(found) == {"jack-server-missing", "device-busy"}
    assert "sound card hw:Fireface is used by " in found["device-busy"]
    assert f"(process {os.getpid()})" in found["device-busy"]
    assert found["device-busy"].endswith(f"kill {os.getpid()}")
    status.write_text("closed\n")
    found = causes(file(JACK), tmp_path / "root")
    assert set(found) == {"jack-server-missing"}
    assert "hw:Fireface" in found["jack-server-missing"]  # the way to start one


def test_an_address_that_is_not_here(file: Callable[..., Path], tmp_path: Path) -> None:
    here = "http: {enabled: false}\nosc: {port: 30001}\n"
    away = file("driver: clock\nnetwork: {bind: 192.0.2.7, allow: [192.0.2.0/24]}\n" + here)
    assert "192.0.2.7 port 30001" in causes(away, tmp_path / "root")["address-missing"]
    gone = file("driver: clock\nnetwork: {interfaces: [lan7], allow: [192.0.2.0/24]}\n" + here)
    assert "no interface 'lan7'" in causes(gone, tmp_path / "root")["address-missing"]


def test_exit_statuses(
    file: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor", "--config", str(file()), "--watch", "0.5"]) == 0
    assert "no problem found" in capsys.readouterr().out
    assert main(["doctor", "--config", str(file(JACK)), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    first = told["findings"][0]
    assert first["id"] == "jack-server-missing"
    assert first["page"] == "docs/doctor.md#jack-server-missing"
    assert first["cause"]
    assert first["cure"]

    def fail(_: Path) -> None:
        raise ProbeError("real-time priority and locked memory could not be tried")

    monkeypatch.setattr(evidence, "probe_rights", fail)
    assert main(["doctor", "--config", str(file())]) == 2
    out, err = capsys.readouterr()
    assert "could not examine: real-time priority" in err
    assert "no problem found" not in out


def test_the_report_has_everything_but_the_token(
    file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "swordfish-and-chips"
    config = file(f"driver: clock\nnetwork: {{token: {token}}}\nlayout: 7.1.4\n")
    target = tmp_path / "report.txt"
    command = ["doctor", "--config", str(config), "--report", str(target)]
    assert main(command) == 0
    assert str(target) in capsys.readouterr().out
    text = target.read_text()
    assert token not in text
    for part in (
        "stemfield 0",
        "Python 3",
        "RLIMIT_RTPRIO",
        "Sound servers",
        '"token": "(hidden)"',
        '"layout": "7.1.4"',
    ):
        assert part in text, part
    assert main(command) == 0  # an older report may be overwritten
    target.write_text("my diary")
    assert main(command) == 2
    assert target.read_text() == "my diary"
    assert main([*command[:-1], "-"]) == 0
    assert "RLIMIT_RTPRIO" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "network: {token: sword fish}",
        "network: {token: [swordfish]}",
        "network: [token: swordfish]",
        "- token: swordfish",
    ],
)
def test_a_refused_token_is_never_shown(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    for more in (["--report", "-"], ["--json"]):
        assert main(["doctor", "--config", str(config), "--watch", "0.5", *more]) == 1
        told = "".join(capsys.readouterr())
        assert "config-unusable" in told
        assert "(hidden)" in told
        assert "sword" not in told


def test_a_server_without_real_time_is_started_anew_as_it_was(file: Callable[..., Path], tmp_path: Path) -> None:
    """But for the one letter, which the driver means otherwise."""
    seen = collect(file(), 0.0, tmp_path / "root")
    assert seen.rights is not None
    words = ("/usr/bin/jackd", "-r", "-n", "studio", "-d", "alsa", "-d", "hw:0", "-r", "44100", "-p", "128")
    seen = replace(
        seen,
        config=Config(jack=JackConfig(server_name="studio")),
        jack=JackState(library="/usr/lib/libjack.so.0", opened=True, rate_hz=44_100, period_frames=128),
        rights=replace(seen.rights, realtime=""),
        servers=(SoundServer(Process(7, "jackd", words), "studio", os.geteuid()),),
    )
    (found,) = check_realtime(seen)
    assert found.cure == "kill 7; /usr/bin/jackd -R -n studio -d alsa -d hw:0 -r 44100 -p 128"
    (theirs,) = check_realtime(replace(seen, servers=(replace(seen.servers[0], user=os.geteuid() + 1),)))
    assert theirs.cure.startswith(f"kill 7; sudo -u '#{os.geteuid() + 1}' /usr/bin/jackd -R ")


def test_ports_of_the_configuration_that_are_not_there(file: Callable[..., Path], tmp_path: Path) -> None:
    seen = collect(file(), 0.0, tmp_path / "root")
    wires = {"connect_inputs": ("mic [1]:out",), "connect_outputs": ("card:*", "sytem:playback_1", "main")}
    ports = (
        Port("mic [1]:out", False, True, ()),
        Port("system:playback_1", True, True, (), aliases=("main",)),
        Port("stemfield:card", True, False, ()),
    )
    server = JackState(library="libjack.so.0", opened=True, rate_hz=48_000, period_frames=64, ports=ports)
    found = list(check_port_names(replace(seen, config=Config(jack=JackConfig(**wires)), jack=server)))
    assert [finding.cause for finding in found] == [
        "jack.connect_outputs: card:* matches no port",
        "jack.connect_outputs: sytem:playback_1 matches no port; the nearest name is system:playback_1",
    ]
    assert {finding.cure for finding in found} == {"stemfield connect"}


def test_an_interrupt_leaves_nobody_at_the_door_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = JackProbe("stemfield-test-none")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(probe, "_line", interrupt)
    with pytest.raises(KeyboardInterrupt), probe:
        pass
    assert probe._process.returncode == -signal.SIGKILL


class Probe:
    """A stay with a server that only its own user may join."""

    owner = 0

    def __init__(self, _: str | None, user: pwd.struct_passwd | None, __: object) -> None:
        is_let_in = (os.geteuid() if user is None else user.pw_uid) == self.owner
        self.state = JackState(library="/usr/lib/libjack.so.0", opened=is_let_in, realtime=True, rate_hz=48_000)

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self) -> JackState:
        return self.state


def test_root_examines_the_server_of_another_user(
    file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    theirs = SoundServer(Process(7, "jackd", ("jackd", "-d", "alsa")), "stemfield-test-none", nobody)
    monkeypatch.setattr(Probe, "owner", nobody)
    monkeypatch.setattr(evidence, "JackProbe", Probe)
    monkeypatch.setattr(evidence, "jack_servers", lambda: (theirs,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert causes(file(JACK), tmp_path / "root") == {}
    own = SoundServer(Process(8, "jackd", ("jackd", "-d", "alsa")), "stemfield-test-none", 0)
    monkeypatch.setattr(evidence, "jack_servers", lambda: (theirs, own))
    assert set(causes(file(JACK), tmp_path / "root")) == {"jack-server-missing"}  # and root's own does not let us in
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    monkeypatch.setattr(evidence, "jack_servers", lambda: (theirs,))
    assert set(causes(file(JACK), tmp_path / "root")) == {"jack-server-missing"}


@pytest.mark.parametrize(
    ("release", "package"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "jackd2"),
        ('ID=debian\nVERSION_ID="13"\n', "jack-example-tools"),
        ('VERSION_ID="24.04"\nID=ubuntu\n', "jackd2"),
        ("", "jack-example-tools"),
    ],
)
def test_tools_that_are_missing_are_installed_by_the_cure(
    release: str, package: str, file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir()
    (root / "etc" / "os-release").write_text(release)
    jack = JackState(opened=True, xruns=3, rate_hz=48_000, period_frames=64)
    seen = replace(collect(file(JACK), 0.0, root), jack=jack)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/jack_bufsize")
    (found,) = check_xruns(seen)
    assert found.cure == "JACK_DEFAULT_SERVER=stemfield-test-none jack_bufsize 128"
    monkeypatch.setattr("shutil.which", lambda _: None)
    (bare,) = check_xruns(seen)
    assert bare.cure == f"sudo apt install {package} && {found.cure}"


def test_a_code_for_the_camera_of_a_telephone() -> None:
    code = qr_text("http://192.168.1.5:8010/?token=abc")
    assert len(code.splitlines()) > 12
    assert set(code) <= set("\n █▀▄\xa0")
