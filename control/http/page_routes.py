"""HTTP routes of the panner page, below `/panner/`: its files, its WebSocket and its headphone stream."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.http.accept import ConnectionQuota
from stemfield.control.http.page_audio import play
from stemfield.control.http.page_client import PageClient
from stemfield.control.http.page_facts import Facts
from stemfield.control.http.page_files import file_response, page_files
from stemfield.control.http.session import Doors, accept_websocket, peer_of

ROOT: Final = "/panner/"
SOCKET: Final = "/panner/socket"
AUDIO: Final = "/panner/audio"
ACCESS: Final = "/panner/access"
"""Gives a page the reason why its WebSocket is refused, which browsers hide from scripts."""
PRIVATE: Final = frozenset({SOCKET, AUDIO, ACCESS})
"""Paths that need the token; all others are files of the page."""
MAX_PAGES: Final = 32
_MAX_UNSENT: Final = 16_384
"""Maximum number of bytes buffered for a slow page."""


class PageRoutes:
    """The page, for all browsers that have it open.

    The files are read once at the start, because page and daemon share a private protocol: a newer page on disk may not
    work with an older daemon. Each page is sent the build that is served, and reloads when it differs after a restart.
    """

    def __init__(self, doors: Doors, facts: Facts, headphones: HeadphoneStream) -> None:
        self._doors = doors
        self._headphones = headphones
        self._files = page_files()
        self._facts = facts | {"page": self._files["index.html"].tag}
        self._pages: dict[web.WebSocketResponse, PageClient] = {}
        self._listeners: set[web.WebSocketResponse] = set()
        self._quota = ConnectionQuota(MAX_PAGES)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the routes below `/panner`."""
        router.add_get(SOCKET, self._serve_page)
        router.add_get(AUDIO, self._serve_audio)
        router.add_post(ACCESS, self._access)
        router.add_get(ROOT + "{file:.*}", self._file)

    def clients(self) -> dict[str, int]:
        """Number of connections, by kind."""
        return {"page": len(self._pages), "headphones": len(self._listeners)}

    def changed(self) -> None:
        """Notify all pages of a new scene."""
        for page in self._pages.values():
            page.changed()

    @property
    def sockets(self) -> tuple[web.WebSocketResponse, ...]:
        """All connections."""
        return *self._pages, *self._listeners

    async def _access(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["file"] or "index.html")
        if file is None:
            raise web.HTTPNotFound(text="no such file")
        return file_response(request, file)

    async def _serve_audio(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self._accept(request)
        self._listeners.add(socket)
        try:
            await play(socket, self._headphones)
        finally:
            self._listeners.discard(socket)
        return socket

    async def _accept(self, request: web.Request) -> web.WebSocketResponse:
        text = f"expected at most {MAX_PAGES} pages: close another one"
        return await accept_websocket(request, self._quota, text, heartbeat=10.0, writer_limit=_MAX_UNSENT)

    async def _serve_page(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self._accept(request)
        page = self._pages[socket] = PageClient(socket, peer_of(request), self._doors, self._facts)
        try:
            await page.run()
        finally:
            del self._pages[socket]
        return socket
