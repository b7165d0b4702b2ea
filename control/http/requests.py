"""Who is at the other end of an HTTP request."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from stemfield.control.hub.peers import Peer, Send
from stemfield.control.network.admission import Admission


def _nobody(_packet: bytes, _to: object) -> None:
    """Whoever asks by HTTP hears nothing besides the answer."""


def peer_of(request: web.Request) -> Peer:
    """The client, which a WebSocket makes one that is told things (`listening`)."""
    name = request.transport.get_extra_info("peername") if request.transport else None
    return Peer(
        request.remote or "nobody", int(name[1]) if name else 0, _nobody, "web", read_only=True, transport="tcp"
    )


def listening(peer: Peer, admission: Admission, send: Send) -> Peer:
    """A client with its rights, to which packets are sent."""
    return replace(peer, send=send, read_only=admission.rights(peer.host) != "change")
