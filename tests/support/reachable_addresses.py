"""Print which of a daemon's addresses a host in another network can reach, connected by a virtual cable.

    unshare -rmn python tests/support/reachable_addresses.py

Everything runs in unprivileged kernel namespaces that end with the program.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

OSC_PORT, HTTP_PORT = 4001, 8010
TIMEOUT_S = 0.7
NETWORKS: dict[str, dict[str, Any]] = {
    "::": {"bind": "::"},
    "0.0.0.0": {"bind": "0.0.0.0"},
    "interface": {"interfaces": ["inside"]},
    "IPv4 address": {"bind": "10.78.0.1"},
    "IPv6 address": {"bind": "fd78::1"},
    "loopback": {},
}
ALLOW = ["10.78.0.0/24", "10.79.0.0/24", "fd78::/64"]
BROADCASTS = ["10.78.0.255", "255.255.255.255"]
PREPARE = """set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip link add inside type veth peer name outside netns {pid}
ip addr add 10.78.0.1/24 dev inside
ip addr add 10.79.0.1/24 dev inside
ip addr add fd78::1/64 dev inside nodad
ip link set inside up
nsenter -t {pid} -n ip link set lo up
nsenter -t {pid} -n ip addr add 10.78.0.2/24 dev outside
nsenter -t {pid} -n ip addr add 10.79.0.2/24 dev outside
nsenter -t {pid} -n ip addr add fd78::2/64 dev outside nodad
nsenter -t {pid} -n ip link set outside up
"""


def answers(address: str) -> dict[str, bool]:
    """Whether OSC and HTTP answer at an address, as seen from here."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family, socket.SOCK_STREAM) as browser:
        udp.settimeout(TIMEOUT_S)
        browser.settimeout(TIMEOUT_S)
        if address in BROADCASTS:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            udp.bind(("10.78.0.2", 0))
        try:
            udp.sendto(b"/ping\0\0\0,\0\0\0", (address, OSC_PORT))
            osc = udp.recv(4096).startswith(b"/pong")
        except OSError:
            osc = False
        try:
            browser.connect((address, HTTP_PORT))
            browser.sendall(b"GET /?HOST_INFO HTTP/1.0\r\n\r\n")
            http = b" 200 " in browser.recv(4096)
        except OSError:
            http = False
    return {"osc": osc, "http": http}


async def addresses(network: dict[str, Any], folder: Path, other: int) -> dict[str, Any]:
    """Addresses that are printed, announced and shown on the page, each with what answers there."""
    from stemfield.control.audio.headphones import HeadphoneStream
    from stemfield.control.config.configuration import parse_config
    from stemfield.control.daemon.services import open_network
    from stemfield.control.http.page_facts import daemon_facts
    from stemfield.control.hub.build import build_hub
    from stemfield.control.network.discovery import OSC, ServiceAnnouncer
    from stemfield.control.network.listeners import listen_addresses
    from stemfield.control.parameters.context import Context
    from stemfield.control.scenes.store import SceneStore
    from stemfield.control.status import idle_status
    from stemfield.layouts.loader import load_layout
    from stemfield.renderer.scene.scene import default_scene

    allow = {"allow": ALLOW} if network else {}
    config = parse_config(
        {"network": network | allow, "state_folder": str(folder), "discovery": {"enabled": False}}, "here"
    )
    context = Context((), default_scene(), status=idle_status())
    hub = build_hub(context.defaults, context, SceneStore(folder, context))
    async with AsyncExitStack() as stack:
        services = await open_network(stack, config, hub, load_layout("stereo"), HeadphoneStream())
        listening = listen_addresses(config.network)
        info = ServiceAnnouncer("x", listening, {OSC: OSC_PORT}, "", 0)._info(OSC, "x")
        facts = daemon_facts("x", listening, OSC_PORT, HTTP_PORT, context)
        places = {
            "printed": [
                services.access[0].split()[2],
                services.access[1].partition("://")[2].rpartition(":")[0].strip("[]"),
            ],
            "announced": info.parsed_addresses(),
            "shown": facts["addresses"],
            "broadcast": BROADCASTS,
        }
        every = sorted({address for given in places.values() for address in given})
        command = ["nsenter", "-t", str(other), "-n", sys.executable, __file__, *every]
        asked = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        found = json.loads(asked.stdout)
        here = {address: await asyncio.to_thread(answers, address) for address in every if is_loopback(address)}
        return {what: {address: found[address] | here.get(address, {}) for address in a} for what, a in places.items()}


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def each(folder: Path, other: int) -> Iterator[tuple[str, Any]]:
    for name, network in NETWORKS.items():
        yield name, asyncio.run(addresses(network, folder / name.replace(":", "_"), other))


def main() -> None:
    with subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        try:
            with closing(other.stdout):
                other.stdout.readline()
            subprocess.run(["bash", "-c", PREPARE.format(pid=other.pid)], check=True)
            with tempfile.TemporaryDirectory() as folder:
                print(json.dumps(dict(each(Path(folder), other.pid))))
        finally:
            other.kill()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({address: answers(address) for address in sys.argv[1:]}))
    else:
        main()
