"""The peer at the other end of an HTTP request."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from stemfield.control.hub.peers import Peer, Send
from stemfield.control.network.admission import Admission


def _discard(_packet: bytes, _to: object) -> None:
    """Plain HTTP clients receive nothing but the response."""


def peer_of(request: web.Request) -> Peer:
    """The client of a request, read-only and without a way to send to it."""
    name = request.transport.get_extra_info("peername") if request.transport else None
    return Peer(
        request.remote or "unknown", int(name[1]) if name else 0, _discard, "web", read_only=True, transport="tcp"
    )


def websocket_peer(peer: Peer, admission: Admission, send: Send) -> Peer:
    """The client of a WebSocket, with its rights, to which packets are sent."""
    return replace(peer, send=send, read_only=admission.rights(peer.host) != "change")
