"""The doctor's findings, provoked for real, where timing does not matter: stopped or killed servers, missing rights,
ports in use, daemons that vanish."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from daemon_process import Daemon, free_port
from servers import Jackd

from stemfield.control.daemon.last_run import last_runs
from stemfield.control.doctor import probe_jack as jack_look
from stemfield.control.doctor import remnants as remnants_module
from stemfield.control.doctor.remnants import REGISTRY, SHARED, remnants
from stemfield.control.network.addresses import local_networks


def test_a_server_that_hangs_is_named_and_holds_nothing_up(card, file, findings, monkeypatch):
    monkeypatch.setattr(jack_look, "JOIN_S", 1.0)
    stopped = card()
    config = file(jack={"server_name": stopped.name})
    stopped.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = findings(config)
        assert time.monotonic() - began < 10
    finally:
        stopped.process.send_signal(signal.SIGCONT)
    assert set(found) == {"jack-server-hangs"}
    assert found["jack-server-hangs"].cure == f"kill -KILL {stopped.process.pid}"


def test_a_server_that_was_killed_leaves_remnants(card, file, findings):
    killed = card()
    config = file(jack={"server_name": killed.name})
    killed.stop(kill=True)
    found = findings(config)
    assert set(found) == {"jack-server-missing", "jack-remnants"}
    assert killed.name in found["jack-server-missing"].cause
    subprocess.run(found["jack-remnants"].cure, shell=True, check=True)
    assert set(findings(config)) == {"jack-server-missing"}


def test_a_registry_full_of_servers_that_were_killed(server, tmp_path):
    """A copy of the registry with all places taken: filling the real one would block everyone on this machine."""
    real = bytearray((SHARED / REGISTRY).read_bytes())
    places = [(pid, name) for pid, name in remnants_module._places(SHARED / REGISTRY)]
    assert (server.process.pid, server.name) in places
    with subprocess.Popen(["true"]) as gone:
        pass
    for index, (pid, _) in enumerate(places):
        struct.pack_into("=i", real, 24 + 264 * index, pid or gone.pid)
        if not pid:
            struct.pack_into("=256s", real, 28 + 264 * index, b"jack-0:ghost:")
    copy = tmp_path / REGISTRY
    copy.write_bytes(real)
    (found,) = remnants("none", tmp_path)
    assert f"all {len(places)} places for servers are used" in found.blocked
    copy.write_bytes((SHARED / REGISTRY).read_bytes())
    assert remnants("none", tmp_path) == ()
    copy.write_bytes(b"JACK" * 100)
    assert remnants("none", tmp_path) == ()


def test_no_server_is_started_by_accident(file, findings, tmp_path, monkeypatch):
    """Even if libjack is configured to start one."""
    name = f"stemfield-test-autostart-{os.getpid()}"
    (tmp_path / ".jackdrc").write_text(f"/usr/bin/jackd -n {name} -r -d dummy\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JACK_START_SERVER", "1")
    assert set(findings(file(jack={"server_name": name, "start_server": True}))) == {"jack-server-missing"}
    running = subprocess.run(["pgrep", "-f", name], capture_output=True, text=True, check=False).stdout
    assert running == ""


def test_two_servers_and_no_word_which_is_meant(server, card, file, findings, monkeypatch):
    other = card()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    found = findings(file())
    assert set(found) == {"jack-servers-several"}
    cause = found["jack-servers-several"].cause
    assert server.name in cause
    assert other.name in cause
    assert findings(file(jack={"server_name": server.name})) == {}


def test_the_wrong_libjack(server, file, findings, tool, monkeypatch, tmp_path):
    """PipeWire's libjack with only a jackd running."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = subprocess.run([tool("pw-jack"), "printenv", "LD_LIBRARY_PATH"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", path.stdout.strip())
    found = findings(file(jack={"server_name": server.name}))
    assert set(found) == {"jack-library-wrong"}
    assert str(server.process.pid) in found["jack-library-wrong"].cause
    monkeypatch.delenv("LD_LIBRARY_PATH")  # what the cure does
    assert findings(file(jack={"server_name": server.name})) == {}


HUMBLE = """
import json, sys
from pathlib import Path
from stemfield.control.doctor.diagnosis import diagnose
from stemfield.control.doctor.evidence import collect
config, *roots = map(Path, sys.argv[1:])
print(json.dumps([{f.id: [f.cause, f.cure] for f in diagnose(collect(config, 0.1, root))} for root in roots]))
"""


def test_a_user_without_rights_and_a_limits_file_without_effect(file, bare, tmp_path):
    """Rights are really removed; only the file that grants them is fake."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    limits = tmp_path / "planted" / "etc" / "security" / "limits.d"
    limits.mkdir(parents=True)
    (limits / "audio.conf").write_text(f"{user} - rtprio 95  # all\n{user} - memlock unlimited\n@{user}s - nice -10\n")
    config = file(jack={"server_name": "none"})
    powers = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    command = ["prlimit", "--rtprio=0", "--memlock=65536", *powers, sys.executable, "-c", HUMBLE, str(config)]
    done = subprocess.run([*command, str(bare), str(tmp_path / "planted")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    without, promised = json.loads(done.stdout)
    assert set(without) == {"jack-server-missing", "realtime-refused", "memory-lock-refused"}
    assert "RLIMIT_RTPRIO is 0" in without["realtime-refused"][0]
    assert "@audio - rtprio 95" in without["realtime-refused"][1]
    assert "RLIMIT_MEMLOCK is 65536" in without["memory-lock-refused"][0]
    assert set(promised) == {"jack-server-missing", "limits-without-effect"}
    assert f"`{user} - memlock unlimited`, but RLIMIT_MEMLOCK is 65536" in promised["limits-without-effect"][0]


@pytest.fixture
def lame(server: Jackd, daemon: Callable[..., Daemon]) -> tuple[Daemon, Path]:
    """A daemon on the clock driver, as a service without limits and without network access, and the doctor's probes."""
    around = local_networks()[:1]
    network = {"interfaces": [one.interface for one in around], "allow": ["198.51.100.0/24"]} if around else {}
    running = daemon(driver="clock", layout="quad", http={"port": free_port()}, network=network)
    script = "SYSTEMD_EXEC_PID=$$ exec prlimit --rtprio=0 --memlock=65536 --rttime=200000 $0 $@"
    running.start(through=["sh", "-c", script])
    config = running.folder / "doctor.yaml"
    own = yaml.safe_load((running.folder / "config.yaml").read_text())
    config.write_text(yaml.safe_dump(own | {"driver": "jack", "jack": {"server_name": server.name}}))
    return running, config


def test_a_service_without_limits_that_hangs_and_vanishes(lame, findings):
    running, config = lame
    found = findings(config)
    assert set(found) - {"page-unreachable"} == {"jack-server-late", "service-limits"}
    assert "RLIMIT_RTPRIO 0" in found["service-limits"].cause
    if local_networks():
        assert "403 this network is not allowed" in found["page-unreachable"].cause
        assert "; it is at http://127.0.0.1:" in found["page-unreachable"].cause
    running.process.send_signal(signal.SIGSTOP)
    hung = findings(config)
    assert "does not reply to a ping" in hung["osc-ignored"].cause
    assert str(running.process.pid) in hung["osc-ignored"].cause
    running.process.kill()
    running.process.wait()
    gone = findings(config)
    assert set(gone) == {"process-vanished"}
    assert "RLIMIT_RTTIME" in gone["process-vanished"].cause
    assert f"process {running.process.pid}" in gone["process-vanished"].cause
    running.process = None


RUN = """
import os, signal, sys
from pathlib import Path
from stemfield.control.daemon.last_run import LastRun
with LastRun(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL if sys.argv[2] == "killed" else 0)
"""


def test_runs_that_were_killed(file, findings, tmp_path):
    config, state = file(driver="clock"), tmp_path / "state"

    def one(end: str) -> None:
        subprocess.run([sys.executable, "-c", RUN, str(state), end], check=False)

    one("killed")
    assert "SIGKILL" in findings(config)["process-vanished"].cause
    one("killed")
    assert "2 runs in a row" in findings(config)["process-vanished"].cause
    one("in order")
    assert findings(config) == {}
    (state / "run.json").write_text('[{"pid": "x"}]')
    assert last_runs(state) == ()


def test_ports_of_somebody_else(file, findings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as osc, socket.socket() as page:
        for taken in (osc, page):
            taken.bind(("127.0.0.1", 0))
        page.listen()
        ports = [taken.getsockname()[1] for taken in (osc, page)]
        found = findings(file(driver="clock", osc={"port": ports[0]}, http={"port": ports[1]}))
    assert set(found) == {"osc-port-taken", "page-unreachable"}
    for finding, port in zip(found.values(), ports, strict=True):
        assert f"port {port} " in finding.cause
        assert f"process {os.getpid()}" in finding.cause
        assert finding.cure == f"kill {os.getpid()}"
