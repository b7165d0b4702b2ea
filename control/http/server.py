"""The HTTP server: the OSCQuery tree by GET, its WebSocket on the same port, the panner page, and metrics.

Requests by a browser are accepted only from pages of this server, by the `Host` and `Origin` headers (`host_names.py`):
otherwise scripts of any other site could reach the daemon through the user's browser.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from urllib.parse import quote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.config.host_names import HostNames
from stemfield.control.faults import log_fault
from stemfield.control.http.accept import Acceptor
from stemfield.control.http.metrics import CONTENT_TYPE, exposition
from stemfield.control.http.oscquery_routes import OscQueryRoutes
from stemfield.control.http.page_facts import Facts, daemon_facts
from stemfield.control.http.page_routes import PRIVATE, ROOT, PageRoutes
from stemfield.control.http.session import MAX_MESSAGE, Doors, close_sockets, peer_of
from stemfield.control.network.udp import PortTakenError
from stemfield.control.scenes.changes import Dirty
from stemfield.layouts.problems import shown
from stemfield.renderer.scene.scene import Scene

TOKEN_REQUIRED = "expected a token, got none or another one (network.token)"  # noqa: S105
KEEP_ALIVE_S = 15.0
"""Timeout after which an idle connection is closed."""

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpServer:
    """The server, from `start` to `close`.

    Args:
        addresses: addresses to listen on.
        port: 0..65535; 0 picks a free one.
        doors: between all clients and the scene.
        headphones: stream of the binaural monitor, for the panner page.
        name: display name of this daemon.
        osc_port: UDP port of OSC, for clients.
        room: description of the loudspeakers for the panner page.
        token: secret that clients have to send; None for no token.
        names: host names of this daemon, in addition to those that every machine has.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        port: int,
        doors: Doors,
        *,
        headphones: HeadphoneStream,
        name: str,
        osc_port: int,
        room: Facts,
        token: str | None = None,
        names: Sequence[str] = (),
    ) -> None:
        self._addresses = addresses
        self.port = port
        """The port in use, after `start`."""
        self._admission = doors.admission
        self._hub = doors.hub
        self._osc_port = osc_port
        self._token = token
        self._names = HostNames(osc_port, names)
        self._oscquery = OscQueryRoutes(doors, name, osc_port)
        app = web.Application(middlewares=[self._admit], client_max_size=MAX_MESSAGE)
        facts = daemon_facts(name, addresses, osc_port, port, doors.hub.context)
        self._page = PageRoutes(doors, facts | {"room": room}, headphones)
        self._page.add_routes(app.router)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/{path:.*}", self._get)
        app.on_shutdown.append(self._disconnect)
        self._runner = web.AppRunner(
            app, access_log=None, logger=log, shutdown_timeout=1.0, keepalive_timeout=KEEP_ALIVE_S
        )
        self._acceptor = Acceptor(doors.admission, self._protocol)
        self._sockets: list[asyncio.Server] = []

    async def start(self) -> None:
        """Start to listen.

        Raises:
            PortTakenError, OSError: the port cannot be opened; the message names it.
        """
        await self._runner.setup()
        self._hub.listen(self._changed)
        loop = asyncio.get_running_loop()
        for address in self._addresses:
            try:
                listening = await loop.create_server(self._acceptor.protocol, address, self.port)
            except OSError as error:
                await self.close()
                where = f"TCP {address} port {self.port}"
                if error.errno == errno.EADDRINUSE:
                    text = f"{where} is used by another program: set another http.port, or stop that program"
                    raise PortTakenError(error.errno, text) from error
                raise OSError(error.errno, f"{where} cannot be opened: {error.strerror}") from error
            self._sockets.append(listening)
            self.port = self.port or listening.sockets[0].getsockname()[1]

    def _protocol(self) -> asyncio.Protocol:
        assert self._runner.server is not None
        return self._runner.server()

    async def reconfigure(self, token: str | None, names: Sequence[str] = ()) -> None:
        """Set the token and the names, and disconnect all clients: after a change of rights they have to reconnect."""
        self._token, self._names = token, HostNames(self._osc_port, names)
        await self._disconnect(message=b"access rights have changed")

    async def close(self) -> None:
        """Disconnect all clients and close the port."""
        self._hub.ignore(self._changed)
        for listening in self._sockets:
            listening.close()
        await self._runner.cleanup()
        self._oscquery.close()

    async def _disconnect(self, _: web.Application | None = None, *, message: bytes = b"the daemon stops") -> None:
        await close_sockets((*self._oscquery.sockets, *self._page.sockets), message)

    def _changed(self, scene: Scene, _: Dirty) -> None:
        self._oscquery.changed(scene)
        self._page.changed()

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._admission.counters.received += 1
        host, peer = request.remote or "", peer_of(request)
        sender = str(peer)
        if not host or self._admission.rights(host) == "none":
            raise web.HTTPForbidden(text=self._admission.refuse("not_allowed", sender, request.path))
        if self._admission.take(peer, asyncio.get_running_loop().time()) is None:
            raise web.HTTPTooManyRequests(text=self._admission.refuse("limited", sender, request.path))
        if not _is_text(request):
            raise web.HTTPBadRequest(text="expected request headers in UTF-8")
        if reason := self._refusal(request):
            self._admission.on_refused(sender, request.path, reason)
            if reason == TOKEN_REQUIRED:
                raise web.HTTPUnauthorized(text=reason, headers={"WWW-Authenticate": "Bearer"})
            raise web.HTTPForbidden(text=reason)
        with self._acceptor.busy(request.transport):
            return await handler(request)

    def _refusal(self, request: web.Request) -> str:
        """Why a request by a browser or without a token is refused; empty if it is not."""
        host = request.headers.get("Host")  # sent by every browser
        if host is not None and not self._names.is_own(host):
            return (
                f"expected a name of this daemon, got {shown(host)}: use its address, or add the name to network.names"
            )
        if _is_public(request):
            return ""
        origin = request.headers.get("Origin")
        if origin is not None and not self._names.may_ask(origin, host or ""):
            return f"expected a page of this daemon, got one of {shown(origin)} (network.names)"
        if self._token is not None and not self._has_token(request, self._token):
            return TOKEN_REQUIRED
        return ""

    def _has_token(self, request: web.Request, token: str) -> bool:
        scheme, _, word = request.headers.get("Authorization", "").strip().partition(" ")
        given = word.strip() if scheme.lower() == "bearer" else request.query.get("token", "")
        return hmac.compare_digest(given.encode(), token.encode())

    async def _get(self, request: web.Request) -> web.StreamResponse:
        """Any path but those of the page: browsers that open the root are sent to the page."""
        if _wants_page(request) and not web.WebSocketResponse().can_prepare(request):
            token = request.query.get("token", "")
            raise web.HTTPFound(ROOT + (f"#token={quote(token)}" if token else ""), headers={"Vary": "Accept"})
        return await self._oscquery.get(request)

    async def _metrics(self, _: web.Request) -> web.Response:
        clients = {**self._oscquery.clients(), **self._page.clients()}
        body = exposition(self._hub.context.status, clients, version("stemfield"))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


def _is_text(request: web.Request) -> bool:
    """Whether path and headers are UTF-8, so that a response can quote them."""
    try:
        "".join((request.path_qs, *request.headers.values())).encode()
    except UnicodeEncodeError:
        return False
    return True


def _wants_page(request: web.Request) -> bool:
    """Whether a browser opens the root, in contrast to an OSCQuery client."""
    is_plain = request.path == "/" and set(request.query) <= {"token"}
    return is_plain and "text/html" in request.headers.get("Accept", "")


def _is_public(request: web.Request) -> bool:
    """Whether the path needs no token: the files of the page hold nothing of this daemon."""
    return _wants_page(request) or (request.path.startswith(ROOT) and request.path not in PRIVATE)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Drops aiohttp's records of invalid requests and lost connections; logs an internal error in one line."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and not isinstance(error, HttpProcessingError | ConnectionError):
        log_fault("cannot answer a request", error)
    return error is None


log.addFilter(_without_traceback)
