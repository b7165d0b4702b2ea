"""The UDP door: who may send, how much, and datagrams in and out without waiting."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stemfield.control.limits import Limiter

Address = tuple[str, int]
"""Host and port of a peer."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_PACKET = 65_507
_BATCH = 64
"""Datagrams read before the rest of the loop gets its turn."""

_RECEIVE_BUFFER = 4 << 20
_MAX_REMEMBERED = 1024


class PortTakenError(OSError):
    """Another program has the port."""


@dataclass(slots=True)
class UdpCounters:
    """What has come and gone since the start."""

    received: int = 0
    sent: int = 0
    not_allowed: int = 0
    """Datagrams from outside the allowed networks."""
    limited: int = 0
    """Datagrams of senders that sent more than their share."""
    unsent: int = 0
    """Answers that the network did not take."""


class UdpServer:
    """One socket, served by the asyncio loop.

    Args:
        bind: address to listen at, IPv4 or IPv6.
        port: 0..65535; 0 takes a free one.
        allow: networks whose senders are heard; this machine always is.
        max_messages_per_s: of each sender (by host), with bursts of one second's worth.
        submit: takes a datagram and its sender, and returns how many messages it was worth.
    """

    def __init__(
        self,
        bind: str,
        port: int,
        allow: Sequence[Network],
        max_messages_per_s: float,
        submit: Callable[[bytes, Address], int],
    ) -> None:
        self._bind = bind
        self._port = port
        self._allow = tuple(allow)
        self._limiter = Limiter(max_messages_per_s)
        self._submit = submit
        self._socket: socket.socket | None = None
        self._allowed: dict[str, bool] = {}
        self.counters = UdpCounters()

    @property
    def port(self) -> int:
        """The port in use, once started."""
        return self._port

    async def start(self) -> None:
        """Open the socket.

        Raises:
            PortTakenError: another program has the port; the message says how to take another.
            OSError: the address is not one of this machine, or the port needs rights; the message names both.
        """
        version = ipaddress.ip_address(self._bind).version
        opened = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            opened.bind((self._bind, self._port))
        except OSError as error:
            opened.close()
            where = f"UDP {self._bind} port {self._port}"
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(
                    error.errno, f"{where} is taken by another program: set another osc.port, or stop that program"
                ) from error
            raise OSError(error.errno, f"{where} cannot be opened (osc.bind, osc.port): {error.strerror}") from error
        self._port = opened.getsockname()[1]
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened, self._read)

    def send(self, packet: bytes, to: Address) -> None:
        """Send a datagram now or never: a peer that cannot be reached is counted and holds nothing up."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(packet, to)
        except (OSError, OverflowError):
            self.counters.unsent += 1
        else:
            self.counters.sent += 1

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None
        now_s = asyncio.get_running_loop().time()
        for _ in range(_BATCH):
            try:
                packet, sender = self._socket.recvfrom(MAX_PACKET)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # Linux hands the failure of an earlier send to the next read; the datagrams behind it are whole.
                self.counters.unsent += 1
                continue
            host, port = sender[:2]
            self.counters.received += 1
            if not self._is_allowed(host):
                self.counters.not_allowed += 1
            elif not self._limiter.take(host, now_s):
                self.counters.limited += 1
            else:
                self._limiter.charge(host, self._submit(packet, (host, port)) - 1)

    def _is_allowed(self, host: str) -> bool:
        known = self._allowed.get(host)
        if known is None:
            if len(self._allowed) >= _MAX_REMEMBERED:
                self._allowed.clear()
            known = self._allowed[host] = is_allowed(host, self._allow)
        return known


def is_allowed(host: str, allow: Sequence[Network]) -> bool:
    """Whether a sender is this machine or in one of the networks.

    Args:
        host: a numeric address; a zone (`fe80::1%eth0`) is ignored, an IPv4 address within IPv6 is taken as such.
        allow: networks of either version.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or any(address in network for network in allow)
