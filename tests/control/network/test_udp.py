from __future__ import annotations

import asyncio
import errno
import ipaddress
import itertools
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from stemfield.control.config.network import NetworkConfig
from stemfield.control.hub.rate_limit import MAX_PEERS, Limiter
from stemfield.control.network.admission import Admission
from stemfield.control.network.listeners import address_problems, listen_addresses
from stemfield.control.network.scheduler import FairScheduler
from stemfield.control.network.udp import BATCH, PortTakenError, UdpServer


def networks(*names: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(name) for name in names]


@pytest.mark.parametrize(
    ("host", "allow", "expected"),
    [
        ("127.0.0.1", (), True),
        ("127.9.9.9", (), True),
        ("::1", (), True),
        ("::ffff:127.0.0.1", (), True),
        ("192.168.1.7", (), False),
        ("192.168.1.7", ("192.168.1.0/24",), True),
        ("::ffff:192.168.1.7", ("192.168.1.0/24",), True),
        ("192.168.2.7", ("192.168.1.0/24",), False),
        ("192.168.2.7", ("192.168.1.0/24", "192.168.2.7/32"), True),
        ("fe80::1%eth0", ("fe80::/10",), True),
        ("fe80::1", ("192.168.1.0/24",), False),
    ],
)
def test_who_is_heard(host: str, allow: tuple[str, ...], expected: bool) -> None:
    assert Admission(networks(*allow), 10).rights(host) == ("change" if expected else "none")
    assert Admission(networks(*allow), 10, networks("127.0.0.1/32", "192.168.0.0/16")).rights("192.168.1.7") == "listen"


async def serve_once(bind: str, allow: list[Any], sender: str) -> tuple[UdpServer, list[bytes]]:
    """Send a datagram from one of this machine's addresses to the server."""
    heard: list[bytes] = []
    server = UdpServer(bind, 0, Admission(allow, 1000), lambda packet, _: heard.append(packet) or (), FairScheduler())
    await server.start()
    family = socket.AF_INET6 if ":" in sender else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.bind((sender, 0))
        peer.sendto(b"hello", (sender, server.port))
        await asyncio.sleep(0.05)
    server.close()
    return server, heard


def test_ipv4_ipv6_and_both() -> None:
    for bind, sender in (("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "::1"), ("0.0.0.0", "127.0.0.1")):
        _, heard = asyncio.run(serve_once(bind, [], sender))
        assert heard == [b"hello"], bind
    everybody = (ipaddress.ip_network("0.0.0.0/0"),)
    for bind, addresses in (
        ("::", ("0.0.0.0", "::")),
        ("0.0.0.0", ("0.0.0.0",)),
        ("::1", ("::1",)),
        ("::ffff:127.0.0.1", ("127.0.0.1",)),
    ):
        assert listen_addresses(NetworkConfig(bind=bind, allow=everybody)) == addresses


def test_senders_outside_the_list_are_counted_and_not_heard() -> None:
    own = socket.gethostbyname(socket.gethostname())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: connecting a UDP socket only finds the address that would be sent from.
        try:
            probe.connect(("198.51.100.1", 9))
            own = probe.getsockname()[0]
        except OSError:
            pass
    if ipaddress.ip_address(own).is_loopback:
        # A machine without a network: no sender from outside can be made up there.
        assert Admission([], 10).rights(own) == "change"
        return
    server, heard = asyncio.run(serve_once("0.0.0.0", networks("198.51.100.0/24"), own))
    assert (heard, server.counters.not_allowed) == ([], 1)
    server, heard = asyncio.run(serve_once("0.0.0.0", networks(f"{own}/32"), own))
    assert (heard, server.counters.not_allowed) == ([b"hello"], 0)


def test_the_addresses_of_interfaces() -> None:
    assert listen_addresses(NetworkConfig()) == ("127.0.0.1",)
    loopback = NetworkConfig(interfaces=("lo",), allow=(ipaddress.ip_network("127.0.0.0/8"),))
    assert listen_addresses(loopback) == ("127.0.0.1",)
    with pytest.raises(OSError, match=r"network.interfaces: no interface 'loo', did you mean lo\?"):
        listen_addresses(loopback.model_copy(update={"interfaces": ("loo",)}))
    with pytest.raises(OSError, match=r"no interface 'zzz': expected one of .*lo"):
        listen_addresses(loopback.model_copy(update={"interfaces": ("zzz",)}))


def test_without_ipv6_everything_is_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    make = socket.socket

    def socket_without(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return make(family, kind)

    monkeypatch.setattr("stemfield.control.network.listeners.socket.socket", socket_without)
    everybody = (ipaddress.ip_network("0.0.0.0/0"),)
    assert listen_addresses(NetworkConfig(bind="::", allow=everybody)) == ("0.0.0.0",)


def test_where_this_machine_cannot_listen_is_found_by_a_check() -> None:
    allow = (ipaddress.ip_network("192.0.2.0/24"),)
    assert address_problems(NetworkConfig()) == []
    assert address_problems(NetworkConfig(bind="::", allow=allow)) == []
    (problem,) = address_problems(NetworkConfig(interfaces=("eth99",), allow=allow))
    assert problem.startswith("network.interfaces: no interface 'eth99'")
    (problem,) = address_problems(NetworkConfig(bind="192.0.2.7", allow=allow))
    assert problem.startswith("network.bind: 192.0.2.7: Cannot assign requested address; this machine has ")


def test_a_port_that_is_taken_is_named() -> None:
    async def start_two() -> int:
        first = UdpServer("127.0.0.1", 0, Admission((), 1000), lambda *_: (), FairScheduler())
        await first.start()
        expected = (
            rf"127.0.0.1 port {first.port} is used by another program: set another osc.port, or stop that program"
        )
        with pytest.raises(PortTakenError, match=expected):
            await UdpServer("127.0.0.1", first.port, Admission((), 1000), lambda *_: (), FairScheduler()).start()
        first.close()
        return first.port

    assert asyncio.run(start_two()) > 0


def test_an_address_of_another_machine_is_named() -> None:
    server = UdpServer("198.51.100.1", 4001, Admission((), 1000), lambda *_: (), FairScheduler())
    with pytest.raises(OSError, match=r"UDP 198.51.100.1 port 4001 cannot be opened \(network.bind, osc.port\)"):
        asyncio.run(server.start())


def test_peers_that_cannot_be_reached_hold_nothing_up() -> None:
    async def send() -> UdpServer:
        server = UdpServer("127.0.0.1", 0, Admission((), 1000), lambda *_: (), FairScheduler())
        await server.start()
        for to in (("127.0.0.1", 0), ("127.0.0.1", 70000), ("198.51.100.1", 9), ("::1", 9)):
            server.send(b"hello", to)
        server.send(b"hello", ("127.0.0.1", server.port))
        server.close()
        server.send(b"late", ("127.0.0.1", 9))
        return server

    server = asyncio.run(send())
    assert server.counters.unsent + server.counters.sent == 5
    assert server.counters.unsent >= 3


def test_the_largest_datagram_arrives_whole(control: Any, peer: Any) -> None:
    packet = b"/ping\0\0\0,b\0\0" + (65_507 - 16).to_bytes(4) + bytes(65_507 - 16)
    peer.send_bytes(packet)
    assert peer.socket.recv(70_000) == packet.replace(b"/ping", b"/pong")


def test_a_sender_has_its_share(start_control: Callable[..., Any]) -> None:
    control = start_control(max_messages_per_s=100)
    peer = control.peer()
    for number in range(500):
        peer.send("/object/vocals/group", number)
    time.sleep(0.1)
    assert 100 <= control.hub.reports.counters.messages <= 115
    assert control.server.counters.limited >= 380


def test_a_bundle_is_paid_for_by_its_messages(start_control: Callable[..., Any]) -> None:
    control = start_control(max_messages_per_s=100)
    peer = control.peer()
    message = b"/object/vocals/level\0\0\0\0,f\0\0\x3f\x00\x00\x00"
    for _ in range(5):
        peer.send_bytes(b"#bundle\0" + (1).to_bytes(8) + (len(message).to_bytes(4) + message) * 80)
    time.sleep(0.1)
    assert control.hub.reports.counters.messages == 160
    assert control.server.counters.limited == 3


def test_a_question_is_paid_for_by_its_answers(start_control: Callable[..., Any]) -> None:
    control = start_control(max_messages_per_s=100)
    peer = control.peer()
    for _ in range(5):
        peer.send("/object/*/*")
    time.sleep(0.1)
    assert control.hub.reports.counters.messages == 1


def test_what_holds_nothing_is_paid_for_too(start_control: Callable[..., Any]) -> None:
    control = start_control(max_messages_per_s=100.0)
    peer = control.peer()
    for _ in range(300):
        peer.send_bytes(b"#bundle\0" + bytes(7) + b"\1")
    time.sleep(1.1)
    peer.received()
    assert control.server.counters.limited >= 100


def test_what_the_kernel_had_no_room_for_is_counted(control: Any, peer: Any) -> None:
    assert control.server.lost == 0
    hold = threading.Event()
    control.loop.call_soon_threadsafe(hold.wait)
    for _ in range(300):
        peer.send_bytes(bytes(65_000))
    hold.set()
    peer.received()
    assert control.server.lost > 0
    assert control.server.lost + control.server.counters.received >= 300


def test_buckets_fill_again_and_are_bounded() -> None:
    limiter = Limiter(10)
    assert [limiter.take("a", 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert limiter.take("b", 0.0)
    assert [limiter.take("a", 0.25) for _ in range(3)] == [True, True, False]
    limiter.charge("a", 20)
    assert not limiter.take("a", 1.0)
    assert limiter.take("a", 3.0)
    for number in range(MAX_PEERS + 1):
        limiter.take(number, 4.0)
    assert limiter.take("b", 4.0)


def test_a_flood_arrives_whole_and_leaves_the_loop_its_turn(control: Any, peer: Any) -> None:
    """Ten thousand messages, as many at a time as every receive buffer holds: none is lost, all else has its turn."""
    seen: list[int] = []

    def tick() -> None:
        seen.append(control.hub.reports.counters.messages)
        control.loop.call_soon(tick)

    control.loop.call_soon_threadsafe(tick)
    for _ in range(50):
        for number in range(200):
            peer.send("/object/vocals/aed", number % 180, 0.0, 2.0)
        assert peer.received() == []
    assert control.hub.reports.counters.messages == 10_050
    assert max(b - a for a, b in itertools.pairwise(seen)) <= BATCH
    assert len(control.changes) < 10_000
