"""HTTP requests and WebSockets of OSCQuery clients."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web

from stemfield.control.http.accept import ConnectionQuota
from stemfield.control.http.oscquery import ATTRIBUTES, count, host_info, node_at, path_events
from stemfield.control.http.oscquery_client import WebSocketClient
from stemfield.control.http.session import Doors, accept_websocket, peer_of
from stemfield.control.network.scheduler import FairThreadPool
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.patterns import is_pattern
from stemfield.renderer.scene.scene import Scene

MAX_CLIENTS = 64
MAX_NODES_COST = 1000
TREE_THREADS = 2
"""Maximum number of trees built at the same time."""


class OscQueryRoutes:
    """The tree of addresses, for all clients."""

    def __init__(self, doors: Doors, name: str, osc_port: int) -> None:
        self._doors = doors
        self._name = name
        self._osc_port = osc_port
        self._scene = doors.hub.scene
        self._clients: dict[web.WebSocketResponse, WebSocketClient] = {}
        self._quota = ConnectionQuota(MAX_CLIENTS)
        self._trees = FairThreadPool(TREE_THREADS, "tree")
        """Separate from the default threads, so that saving the scene never waits for clients that read it."""

    def clients(self) -> dict[str, int]:
        """Number of connections, by kind."""
        return {"oscquery": len(self._clients)}

    @property
    def sockets(self) -> tuple[web.WebSocketResponse, ...]:
        """All connections."""
        return tuple(self._clients)

    def changed(self, scene: Scene) -> None:
        """Notify all clients of a new scene; the path events are made once for all."""
        if self._clients:
            events = [json.dumps({"COMMAND": e, "DATA": data}) for e, data in path_events(self._scene, scene)]
            for client in self._clients.values():
                client.changed(events)
        self._scene = scene

    def close(self) -> None:
        """Build no more trees."""
        self._trees.close()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for any path: a node of the tree, or a WebSocket."""
        if web.WebSocketResponse().can_prepare(request):
            return await self._serve_websocket(request)
        attributes = [key for key in request.query if key != "token"]
        if "HOST_INFO" in attributes:
            address, port = _local_address(request)
            return _json(_encoded(host_info(self._name, address, self._osc_port, port)))
        if len(attributes) > 1 or not set(attributes) <= set(ATTRIBUTES):
            raise web.HTTPBadRequest(text=f"expected one of HOST_INFO, {', '.join(ATTRIBUTES)}")
        # A large scene has thousands of nodes, so the tree is built in a thread.
        path, peer, hub = request.path, peer_of(request), self._doors.hub
        found = None
        if not is_pattern(path):
            found = await self._trees.run(peer, _tree, path, attributes, hub.scene, hub.context)
        if found is None:
            raise web.HTTPNotFound(text=f"no such address: {path}")
        nodes, text = found
        self._doors.admission.charge(peer, min(nodes, MAX_NODES_COST) - 1)
        return _json(text) if text else web.Response(status=204)

    async def _serve_websocket(self, request: web.Request) -> web.WebSocketResponse:
        text = f"expected at most {MAX_CLIENTS} clients: close another one"
        socket = await accept_websocket(request, self._quota, text, heartbeat=20.0)
        client = self._clients[socket] = WebSocketClient(socket, peer_of(request), self._doors)
        try:
            await client.run()
        finally:
            del self._clients[socket]
        return socket


def _local_address(request: web.Request) -> tuple[str, int]:
    """Address and port of this end of the connection; OSC is received at the same address."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return (str(name[0]), int(name[1])) if name else ("", 0)


def _tree(path: str, attributes: Sequence[str], scene: Scene, context: Context) -> tuple[int, str] | None:
    """Number of nodes from a path down, and the JSON of the node or of one attribute, empty if it has none.

    None if there is no such path.
    """
    node = node_at(path, scene, context)
    if node is None or not attributes:
        return None if node is None else (count(node), _encoded(node))
    (key,) = attributes
    known = key in node and (key != "VALUE" or node["ACCESS"] & 1)
    return count(node), _encoded({key: node[key]}) if known else ""


def _encoded(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _json(text: str) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type="application/json", headers=headers)
