"""A UDP door: datagrams in and out without waiting."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable, Iterator

from stemfield.control.hub.peers import Address, Peer
from stemfield.control.network.admission import Admission, paid
from stemfield.control.network.scheduler import FairScheduler

MAX_PACKET = 65_507
BATCH = 512
"""Datagrams read before the rest of the loop gets its turn: soon enough, whoever sends, for the kernel to lose none."""

_RECEIVE_BUFFER = 4 << 20
_MAX_REMEMBERED = 1024
_SO_MEMINFO, _DROPS = 55, 8  # of Linux, which Python's module does not name


class PortTakenError(OSError):
    """Another program has the port."""


class UdpServer:
    """One socket, served by the asyncio loop.

    Args:
        bind: address to listen at, IPv4 or IPv6.
        port: 0..65535; 0 takes a free one.
        admission: who is heard, and how much of each; counts what comes and goes.
        work: the steps that a datagram of a sender takes, each of which says how many messages it was worth.
        scheduler: in which the senders of all ports are worked for.
        setting: what a person calls the port in the configuration.
        dialect: of all that comes; where empty, of each message.
        device: the interface whose datagrams alone are heard, for an address that several have; all where empty.
    """

    def __init__(
        self,
        bind: str,
        port: int,
        admission: Admission,
        work: Callable[[bytes, Peer], Iterable[int]],
        scheduler: FairScheduler,
        setting: str = "osc.port",
        dialect: str = "",
        device: str = "",
    ) -> None:
        self._bind = bind
        self._port = port
        self._admission = admission
        self._work = work
        self._scheduler = scheduler
        self._setting = setting
        self._dialect = dialect
        self._device = device
        self._socket: socket.socket | None = None
        self._peers: dict[Address, Peer | None] = {}
        self._revision = admission.revision
        self.counters = admission.counters

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
            if version == 6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as HTTP's sockets do
            if self._device:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._device.encode())
            opened.bind((self._bind, self._port))
        except OSError as error:
            opened.close()
            where = f"UDP {self._bind} port {self._port}"
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(
                    error.errno,
                    f"{where} is taken by another program: set another {self._setting}, or stop that program",
                ) from error
            reason = f"{where} cannot be opened (network.bind, {self._setting}): {error.strerror}"
            raise OSError(error.errno, reason) from error
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

    @property
    def lost(self) -> int:
        """Datagrams that came faster than they were read, as the kernel counts them."""
        if self._socket is None:
            return 0
        memory = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_DROPS + 1))
        return int.from_bytes(memory[4 * _DROPS :], sys.byteorder)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(BATCH):
            try:
                packet, sender = self._socket.recvfrom(MAX_PACKET)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # Linux hands the failure of an earlier send to the next read; the datagrams behind it are whole.
                self.counters.unsent += 1
                continue
            self.counters.received += 1
            address: Address = sender[:2]
            peer = self._peer(address)
            if peer is None:
                self._admission.refuse("not_allowed", f"{address[0]}:{address[1]}", packet)
            else:
                self._scheduler.offer(peer, packet, self._charged(packet, peer))

    def _charged(self, packet: bytes, peer: Peer) -> Iterator[None]:
        """The steps that a datagram takes, each paid for out of its host's share; the first message in advance."""
        pay = self._admission.take(peer, asyncio.get_running_loop().time())
        if pay is None:
            self._admission.refuse("limited", str(peer), packet)
            return
        yield from paid(pay, self._work(packet, peer))

    def _peer(self, address: Address) -> Peer | None:
        """Who sends from an address; None for one that is not to be heard."""
        if self._revision != self._admission.revision:
            self._revision = self._admission.revision
            self._peers.clear()
        if address not in self._peers:
            if len(self._peers) >= _MAX_REMEMBERED:
                self._peers.clear()
            rights = self._admission.rights(address[0])
            known = None if rights == "none" else Peer(*address, self.send, self._dialect, rights == "listen")
            self._peers[address] = known
        return self._peers[address]
