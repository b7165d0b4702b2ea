"""Print what each of several hosts gets from a daemon in another network, connected by a virtual cable.

    unshare -rmn python tests/support/two_networks.py FOLDER

Everything runs in unprivileged kernel namespaces that end with the program.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

DAEMON = "10.77.0.1"
HOSTS = {"allowed": "10.77.0.2", "read_only": "10.77.0.3", "refused": "10.77.0.200"}
OSC, S3A, LISTENER, SPATGRIS, HTTP = 4001, 4242, 8888, 18032, 8010
TOKEN = "a-word-of-our-own"
OPEN = {
    "bind": "0.0.0.0",
    "allow": ["10.77.0.0/26"],
    "read_only": [f"{HOSTS['read_only']}/32"],
    "token": TOKEN,
}
PREPARE = """set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip link add inside type veth peer name outside netns {pid}
ip addr add {daemon}/24 dev inside
ip link set inside up
nsenter -t {pid} -n ip link set lo up
for host in {hosts}; do nsenter -t {pid} -n ip addr add $host/24 dev outside; done
nsenter -t {pid} -n ip link set outside up
"""


def serve(folder: Path, network: dict[str, Any]) -> subprocess.Popen[bytes]:
    folder.mkdir()
    config = {
        "layout": "stereo",
        "driver": "clock",
        "separation": {"enabled": False},
        "state_folder": str(folder / "state"),
        "network": network,
        "spatgris": {"enabled": True},
        "discovery": {"enabled": False},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with (folder / "log.txt").open("wb") as log:
        command = [str(Path(sys.executable).parent / "stemfield"), "serve", "--config", str(folder / "config.yaml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 120  # the audio code may have to be compiled
    while b"is ready" not in (folder / "log.txt").read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit((folder / "log.txt").read_text())
        time.sleep(0.05)
    return process


def end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(15)


def ask(host: str, *messages: tuple[Any, ...], port: int = OSC, to: str = DAEMON) -> list[list[Any]]:
    """UDP answers from a port, each with its address first."""
    answers: list[list[Any]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((host, 0))
        udp.settimeout(0.6)
        for address, *values in messages:
            udp.sendto(build_msg(address, values).dgram, (to, port))
        try:
            while len(answers) < len(messages):
                heard = OscMessage(udp.recv(65_536))
                answers.append([heard.address, *heard.params])
        except OSError:  # no answer, or no such host
            pass
    return answers


async def fetch(host: str, path: str, **headers: str) -> int:
    """Status of an HTTP request; 0 without a connection."""
    connector = aiohttp.TCPConnector(local_addr=(host, 0))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(5)) as session,
            session.get(f"http://{DAEMON}:{HTTP}{path}", headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


async def talk(host: str, path: str, **headers: str) -> str:
    """Result of opening a WebSocket: `open`, or the HTTP status of the refusal."""
    connector = aiohttp.TCPConnector(local_addr=(host, 0))
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect(f"http://{DAEMON}:{HTTP}{path}", headers=headers),
        ):
            return "open"
    except aiohttp.WSServerHandshakeError as error:
        return str(error.status)
    except aiohttp.ClientConnectionError:
        return "nobody"


async def attempts(host: str) -> dict[str, Any]:
    """Everything that a host tries."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    own = f"{DAEMON}:{HTTP}"
    return {
        "question": ask(host, ("/scene/amount",)),
        "change": ask(host, ("/scene/amount", 0.5), ("/scene/amount",)),
        "tree": await fetch(host, "/", **bearer),
        "no token": await fetch(host, "/"),
        "wrong token": await fetch(host, "/", Authorization="Bearer another"),
        "token in the address": await fetch(host, f"/?token={TOKEN}"),
        "page": await fetch(host, "/panner/"),
        "its socket": await talk(host, f"/panner/socket?token={TOKEN}"),
        "its socket without token": await talk(host, "/panner/socket"),
        "audio without token": await talk(host, "/panner/audio"),
        "client": await talk(host, "/", **bearer),
        "client without token": await talk(host, "/"),
        "a rebound name": await fetch(host, "/", Host="evil.example", **bearer),
        "another page": await fetch(host, "/", Origin="http://evil.example", **bearer),
        "a socket of another page": await talk(host, f"/?token={TOKEN}", Origin="http://evil.example"),
        "its own page": await fetch(host, "/", Origin=f"http://{own}", **bearer),
        "s3a": ask(host, ("/x",), port=S3A) if host == HOSTS["refused"] else [],
    }


async def open_ports(host: str) -> dict[str, Any]:
    """Answers from all ports."""
    return {
        "tcp": await fetch(host, "/"),
        "udp": [ask(host, ("/scene/amount",), port=port) for port in (OSC, S3A, LISTENER, SPATGRIS)],
    }


def outside(pid: int, what: str, host: str) -> Any:
    """Run a part of this program in the other network."""
    command = ["nsenter", "-t", str(pid), "-n", sys.executable, __file__, what, host]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(folder: Path) -> None:
    other = subprocess.Popen(["unshare", "-n", "sleep", "120"])
    time.sleep(0.3)
    prepare = PREPARE.format(pid=other.pid, daemon=DAEMON, hosts=" ".join(HOSTS.values()))
    found: dict[str, Any] = {}
    try:
        subprocess.run(["bash", "-c", prepare], check=True)
        daemon = serve(folder / "closed", {})
        try:
            found["closed"] = {
                "allowed": outside(other.pid, "open_ports", HOSTS["allowed"]),
                "itself": ask("127.0.0.1", ("/scene/amount",), to="127.0.0.1"),
            }
        finally:
            end(daemon)
        daemon = serve(folder / "open", OPEN)
        try:
            found["open"] = {who: outside(other.pid, "attempts", host) for who, host in HOSTS.items()}
        finally:
            end(daemon)
    finally:
        other.kill()
        other.wait()
    print(json.dumps(found))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["attempts" | "open_ports" as what, host]:
            print(json.dumps(asyncio.run({"attempts": attempts, "open_ports": open_ports}[what](host))))
        case [folder]:
            main(Path(folder))
