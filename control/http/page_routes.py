"""The panner page's part of the HTTP door: its files and its WebSocket, below `/panner/`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.http.frames import require_masked
from stemfield.control.http.page_audio import play
from stemfield.control.http.page_client import PageClient
from stemfield.control.http.page_facts import Facts
from stemfield.control.http.page_files import answer, page_files
from stemfield.control.http.quota import ConnectionQuota
from stemfield.control.http.requests import peer_of
from stemfield.control.hub.hub import Hub
from stemfield.control.network.admission import Admission
from stemfield.control.network.scheduler import FairScheduler

ROOT: Final = "/panner/"
SOCKET: Final = "/panner/socket"
AUDIO: Final = "/panner/audio"
ACCESS: Final = "/panner/access"
"""Tells a page why its WebSocket is refused, which browsers keep from it."""
PRIVATE: Final = frozenset({SOCKET, AUDIO, ACCESS})
"""All below `/panner` that is not the same for everybody."""
MAX_PAGES: Final = 32
MAX_MESSAGE: Final = 65_536
_KEPT: Final = 16_384
"""Bytes that wait for a slow page at most; then it gets the newest."""


class PageRoutes:
    """The page, for all who have it open.

    Args:
        hub: what is shown and steered.
        admission: who may come in, and how often.
        scheduler: in which the pages are worked for.
        facts: told to every page at its beginning.
        headphones: stream of the binaural monitor.

    The files are those that were there at the start, because page and daemon speak a protocol of their own: a newer
    page on disk would not understand an older daemon. So each page is told which build is served, and loads itself anew
    when that is another one after a restart.
    """

    def __init__(
        self, hub: Hub, admission: Admission, scheduler: FairScheduler, facts: Facts, headphones: HeadphoneStream
    ) -> None:
        self._hub = hub
        self._admission = admission
        self._scheduler = scheduler
        self._headphones = headphones
        self._files = page_files()
        self._facts = facts | {"page": self._files["index.html"].tag}
        self._pages: dict[web.WebSocketResponse, PageClient] = {}
        self._listeners: set[web.WebSocketResponse] = set()
        self._quota = ConnectionQuota(MAX_PAGES)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the paths below `/panner`."""
        router.add_get(SOCKET, self._talk)
        router.add_get(AUDIO, self._play)
        router.add_post(ACCESS, self._access)
        router.add_get(ROOT + "{file:.*}", self._file)

    def clients(self) -> dict[str, int]:
        """How many connections there are, by kind."""
        return {"page": len(self._pages), "headphones": len(self._listeners)}

    def changed(self) -> None:
        """The scene is another one."""
        for page in self._pages.values():
            page.changed()

    @property
    def sockets(self) -> tuple[web.WebSocketResponse, ...]:
        """Every connection."""
        return *self._pages, *self._listeners

    async def _access(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["file"] or "index.html")
        if file is None:
            raise web.HTTPNotFound(text="no such file")
        return answer(request, file)

    async def _play(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self._accept(request)
        self._listeners.add(socket)
        try:
            await play(socket, self._headphones)
        finally:
            self._listeners.discard(socket)
        return socket

    async def _accept(self, request: web.Request) -> web.WebSocketResponse:
        # Compression costs more than a loopback or a wire does.
        socket = web.WebSocketResponse(heartbeat=10.0, compress=False, max_msg_size=MAX_MESSAGE, writer_limit=_KEPT)
        if not socket.can_prepare(request):
            raise web.HTTPBadRequest(text="only a WebSocket is let in here")
        if request.transport is None or not self._quota.take(request.transport, request.remote or ""):
            raise web.HTTPServiceUnavailable(text=f"{MAX_PAGES} pages: allowed no more")
        await socket.prepare(request)
        require_masked(request)
        return socket

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self._accept(request)
        page = PageClient(socket, peer_of(request), self._hub, self._admission, self._scheduler, self._facts)
        self._pages[socket] = page
        try:
            await page.run()
        finally:
            del self._pages[socket]
        return socket
