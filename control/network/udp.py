"""UDP sockets in the event loop: datagrams are received and sent without blocking."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable, Iterator

from stemfield.control.hub.peers import Address, Peer
from stemfield.control.network.admission import Admission
from stemfield.control.network.scheduler import FairScheduler, charged

MAX_PACKET = 65_507
BATCH = 512
"""Maximum number of datagrams read in one turn of the loop: large enough that the kernel's buffer never overflows."""

_RECEIVE_BUFFER = 4 << 20
_MAX_REMEMBERED = 1024
_SO_MEMINFO, _DROPS = 55, 8  # of Linux, which Python's module does not name


class PortTakenError(OSError):
    """The port is used by another program."""


class UdpServer:
    """A socket served by the event loop.

    Args:
        bind: address to listen on, IPv4 or IPv6.
        port: 0..65535; 0 picks a free one.
        admission: rights and limits of the senders; counts datagrams.
        work: gives the steps of a datagram; each step yields the number of messages it cost.
        scheduler: runs the messages of all ports.
        setting: configuration key of the port.
        dialect: dialect of all datagrams; empty if each message has its own.
        device: interface to receive from, for addresses that several interfaces share; empty for all.
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
        """The port in use, after `start`."""
        return self._port

    async def start(self) -> None:
        """Open the socket.

        Raises:
            PortTakenError: the port is used by another program; the message names the key to change.
            OSError: the address is not one of this machine, or the port needs privileges; the message names both.
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
                    f"{where} is used by another program: set another {self._setting}, or stop that program",
                ) from error
            reason = f"{where} cannot be opened (network.bind, {self._setting}): {error.strerror}"
            raise OSError(error.errno, reason) from error
        self._port = opened.getsockname()[1]
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened, self._read)

    def send(self, packet: bytes, to: Address) -> None:
        """Send a datagram without waiting; failures are counted."""
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
        """Datagrams dropped by the kernel because the receive buffer was full."""
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
                # Linux reports the failure of an earlier send here; the datagrams behind it are intact.
                self.counters.unsent += 1
                continue
            self.counters.received += 1
            address: Address = sender[:2]
            peer = self._peer(address)
            if peer is None:
                self._admission.refuse("not_allowed", f"{address[0]}:{address[1]}", packet)
            else:
                self._scheduler.submit(peer, packet, self._steps(packet, peer))

    def _steps(self, packet: bytes, peer: Peer) -> Iterator[None]:
        """The steps of a datagram, charged to its host as they are done."""
        charge = self._admission.take(peer, asyncio.get_running_loop().time())
        if charge is None:
            self._admission.refuse("limited", str(peer), packet)
            return
        yield from charged(charge, self._work(packet, peer))

    def _peer(self, address: Address) -> Peer | None:
        """The peer at an address; None if it is not allowed."""
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
