"""Probes the running daemon: its OSC port, its page, its process."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from stemfield.control.config.configuration import Config
from stemfield.control.dialects.osc import encode
from stemfield.control.doctor.processes import Process, port_owner
from stemfield.control.network.addresses import reachable_addresses
from stemfield.control.network.client import NoReplyError, request
from stemfield.control.network.listeners import listen_addresses, nearest_address

TIMEOUT_S: Final = 2.0
PAGE_PATH: Final = "/panner/"
QUESTIONS: Final = ("/status/*", "/heartbeat", "/meter/mixture")


@dataclass(frozen=True, slots=True)
class PageAddress:
    """An address of the page.

    Attributes:
        url: URL for a browser, with the token if there is one.
        shown: the same without the token.
        problem: why the page cannot be opened there; empty if it can.
        is_local: whether only this machine can use it.
    """

    url: str
    shown: str
    problem: str
    is_local: bool


@dataclass(frozen=True, slots=True)
class DaemonState:
    """State of the daemon.

    Attributes:
        addresses: configured addresses.
        address_problem: why it cannot listen there.
        osc_owner: process that uses the OSC port.
        answers: whether it replied to a ping.
        values: its status values, by OSC address.
        pages: addresses of the page; none if it is disabled, or there is no daemon.
        page_owner: process that uses the port of the page.
    """

    addresses: tuple[str, ...] = ()
    address_problem: str = ""
    osc_owner: Process | None = None
    answers: bool = False
    values: Mapping[str, Sequence[object]] = field(default_factory=dict)
    pages: tuple[PageAddress, ...] = ()
    page_owner: Process | None = None

    @property
    def runs(self) -> bool:
        """Whether a stemfield daemon uses the port, replying or not."""
        return self.answers or (self.osc_owner is not None and self.osc_owner.is_stemfield)

    @property
    def pid(self) -> int:
        """Process id; 0 if there is none or it belongs to another user."""
        return self.osc_owner.pid if self.runs and self.osc_owner is not None else 0

    @property
    def driver(self) -> str:
        """Name of the driver in use."""
        return str(self.first("/status/driver", ""))

    def first(self, address: str, otherwise: object) -> object:
        """The first value of an address."""
        return next(iter(self.values.get(address, ())), otherwise)

    def number(self, address: str) -> float:
        """The first value of an address; 0 if it is no number."""
        value = self.first(address, 0.0)
        return float(value) if isinstance(value, int | float) else 0.0


def probe_daemon(config: Config, *, page: bool = True) -> DaemonState:
    """Request its status and perhaps open its page; if there is no daemon, check that its port can be opened."""
    try:
        addresses = listen_addresses(config.network)
    except OSError as error:
        return DaemonState(address_problem=str(error))
    host, port = nearest_address(config.network), config.osc.port
    owner = port_owner("udp", port, addresses[0])
    values: dict[str, Sequence[object]] = {}
    try:
        answers = True
        for message in request([encode(question, "", ()) for question in QUESTIONS], host, port):
            values[message.address] = tuple(message.arguments)
    except NoReplyError:
        answers = False
    except OSError as error:
        return DaemonState(addresses, f"{host}: {error.strerror or error}", owner)
    page_owner = port_owner("tcp", config.http.port, addresses[0]) if config.http.enabled else None
    problem = "" if owner is not None else _cannot_bind(addresses, port)
    pages = _pages(config, addresses) if answers and page and config.http.enabled else ()
    return DaemonState(addresses, problem, owner, answers, values, pages, page_owner)


def _cannot_bind(addresses: Sequence[str], port: int) -> str:
    """Why a free port cannot be opened on all of these addresses; empty if it can."""
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    return f"UDP {address} port {port}: {error.strerror}"
    return ""


def _pages(config: Config, addresses: Sequence[str]) -> tuple[PageAddress, ...]:
    found = []
    for address in reachable_addresses(addresses):
        host = f"[{address}]" if ":" in address else address
        shown = f"http://{host}:{config.http.port}/"
        token = f"#token={quote(config.network.token)}" if config.network.token else ""
        problem = _page_problem(address, config.http.port)
        found.append(PageAddress(shown + token, shown, problem, ipaddress.ip_address(address).is_loopback))
    return tuple(found)


def _page_problem(address: str, port: int) -> str:
    """Why a browser cannot open the page there; empty if it can."""
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", PAGE_PATH, headers={"Accept": "text/html"})
        answer = connection.getresponse()
        text = answer.read(200).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "strerror", None) or error or "no reply")
    finally:
        connection.close()
    return "" if answer.status == 200 else f"{answer.status} {text.splitlines()[0] if text else answer.reason}"
