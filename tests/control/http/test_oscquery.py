"""OSCQuery by real clients: python-oscquery, and a WebSocket."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from pythonoscquery.osc_query_client import OSCQueryClient
from zeroconf import ServiceInfo

from stemfield.control.http.accept import MAX_CONNECTIONS, MAX_REFUSED_CONNECTIONS, ConnectionQuota
from stemfield.control.http.oscquery import count, node_at
from stemfield.control.http.oscquery_routes import MAX_CLIENTS
from stemfield.control.http.session import SendQueue
from stemfield.control.hub.watch import Watch
from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import Route, every_route
from stemfield.control.parameters.rows import Parameter
from stemfield.control.scenes.store import Saver, SceneStore
from stemfield.control.status import idle_status
from stemfield.renderer.scene.scene import default_scene
from tests.control.conftest import Web


def talk(web: Any, conversation: Callable[[aiohttp.ClientWebSocketResponse], Any], **options: Any) -> Any:
    """A conversation over a WebSocket, in a loop of its own."""

    async def run() -> Any:
        async with aiohttp.ClientSession() as session, session.ws_connect(web.root + "/", **options) as client:
            return await asyncio.wait_for(conversation(client), 10)

    return asyncio.run(run())


async def heard(client: aiohttp.ClientWebSocketResponse) -> tuple[str, Any]:
    message = await client.receive(5)
    if message.type is aiohttp.WSMsgType.BINARY:
        osc = OscMessage(message.data)
        return osc.address, osc.params
    document = json.loads(message.data)
    return document["COMMAND"], document["DATA"]


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("CONTENTS", {}).values():
        yield from walk(below)


def test_the_whole_tree_is_there(web: Any) -> None:
    status, root = web.get("/")
    assert status == 200
    nodes = {node["FULL_PATH"]: node for node in walk(root)}
    context = web.control.hub.context
    assert {route.address for route in every_route(context.defaults, context)} <= nodes.keys()
    for path, node in nodes.items():
        assert path.startswith("/")
        assert node["ACCESS"] in (0, 1, 2, 3)
        if node["ACCESS"]:
            sizes = {len(node[key]) for key in ("TYPE", "VALUE", "RANGE", "CLIPMODE") if key in node}
            assert len(sizes) == 1, path
            assert node["DESCRIPTION"].endswith(".")
        else:
            assert "CONTENTS" in node or path in ("/ping", "/adm/ping")


def test_a_node_says_what_a_person_needs(web: Any) -> None:
    status, node = web.get("/object/vocals/aed")
    assert status == 200
    assert node == {
        "FULL_PATH": "/object/vocals/aed",
        "DESCRIPTION": "Position: azimuth (left positive, any angle is wrapped), elevation (up positive), distance.",
        "TYPE": "fff",
        "ACCESS": 3,
        "VALUE": pytest.approx([0.0, 0.0, 1.0]),
        "RANGE": [{"MIN": -180.0, "MAX": 180.0}, {"MIN": -90.0, "MAX": 90.0}, {"MIN": 0.01, "MAX": 1000.0}],
        "UNIT": ["angle.degree", "angle.degree", "distance.m"],
        "CLIPMODE": ["none", "both", "both"],
    }
    assert web.get("/object/vocals/type")[1]["RANGE"][0]["VALS"][0] == "point"
    assert web.get("/object/0/aed")[1]["VALUE"] == node["VALUE"]
    assert web.get("/adm/obj/1/azim")[1]["VALUE"] == [0.0]
    assert web.get("/object/vocals/eq")[1]["TYPE"] == "s"


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/object/vocals/level?VALUE", 200, {"VALUE": [1.0]}),
        ("/object/vocals/level?UNIT", 200, {"UNIT": ["gain.linear"]}),
        ("/object/vocals/level?FULL_PATH", 200, {"FULL_PATH": "/object/vocals/level"}),
        ("/object/vocals/remove?VALUE", 204, None),
        ("/object/vocals?VALUE", 204, None),
        ("/object/vocals?TYPE", 204, None),
        ("/scene/amount?UNIT", 204, None),
        ("/object/nobody", 404, "no such address: /object/nobody"),
        ("/object/*/level", 404, "no such address: /object/*/level"),
        ("/object/vocals/level?COLOUR", 400, "expected one of HOST_INFO"),
        ("/object/vocals/level?VALUE&TYPE", 400, "expected one of HOST_INFO"),
        ("/../../etc/passwd", 404, "no such address"),
    ],
)
def test_attributes_and_what_is_not_there(web: Any, path: str, status: int, expected: Any) -> None:
    got, answer = web.get(path)
    assert got == status
    assert answer == expected if not isinstance(expected, str) else answer.startswith(expected)


def test_host_info_on_any_path(web: Any) -> None:
    for path in ("/?HOST_INFO", "/object/nobody?HOST_INFO"):
        status, info = web.get(path)
        assert status == 200
        assert (info["NAME"], info["OSC_IP"], info["OSC_PORT"], info["OSC_TRANSPORT"], info["WS_PORT"]) == (
            "Test room",
            "127.0.0.1",
            web.control.server.port,
            "UDP",
            web.server.port,
        )
        assert info["EXTENSIONS"]["LISTEN"] is True


def test_an_object_whose_name_is_no_address_stands_under_its_id(web: Any) -> None:
    web.control.peer().send("/object/guitar/name", "Grand Piano")
    root = web.get("/object")[1]
    assert "5" in root["CONTENTS"]
    assert "Grand Piano" not in root["CONTENTS"]
    assert web.get("/object/Grand%20Piano/level?VALUE") == (200, {"VALUE": [1.0]})


def test_the_client_of_python_oscquery_finds_and_moves_the_singer(web: Any, peer: Any) -> None:
    """What a person does who knows nothing: look at the tree, read the range, move it, look again."""
    info = ServiceInfo(
        "_oscjson._tcp.local.",
        "Test room._oscjson._tcp.local.",
        port=web.server.port,
        addresses=[socket.inet_aton("127.0.0.1")],
    )
    client = OSCQueryClient(info)
    host = client.get_host_info()
    assert host is not None
    root = client.query_node("/")
    assert root is not None
    node = root.find_subnode("/object/vocals/azimuth")
    assert node is not None
    assert node.value == [0.0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hand:
        hand.sendto(build_msg(node.full_path, [90.0]).dgram, (host.osc_ip, host.osc_port))
    peer.received()
    moved = client.query_node("/object/vocals/azimuth")
    assert moved is not None
    assert moved.value == pytest.approx([90.0])
    assert client.query_node("/object/nobody") is None


def test_a_client_finds_and_moves_the_singer_by_the_tree_alone(web: Any) -> None:
    """By OSCQuery alone: from the root down, by descriptions and ranges, then by OSC to the port that is named."""
    branches = web.get("/")[1]["CONTENTS"].values()
    objects = [node for branch in branches for node in branch.get("CONTENTS", {}).values()]
    (singer,) = [node for node in objects if node.get("DESCRIPTION") == "Object 0, vocals: separated from the music."]
    assert singer["FULL_PATH"] == "/object/vocals"
    (azimuth,) = [
        node
        for node in singer["CONTENTS"].values()
        if node.get("UNIT") == ["angle.degree"] and "left positive" in node["DESCRIPTION"]
    ]
    assert azimuth["RANGE"] == [{"MIN": -180.0, "MAX": 180.0}]
    info = web.get("/?HOST_INFO")[1]
    assert info["EXTENSIONS"]["LISTEN"] is True

    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_json({"COMMAND": "LISTEN", "DATA": azimuth["FULL_PATH"]})
        assert await heard(client) == (azimuth["FULL_PATH"], azimuth["VALUE"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hand:
            hand.sendto(build_msg(azimuth["FULL_PATH"], [110.0]).dgram, (info["OSC_IP"], info["OSC_PORT"]))
        assert await heard(client) == (azimuth["FULL_PATH"], pytest.approx([110.0]))

    talk(web, conversation)
    assert web.get(azimuth["FULL_PATH"])[1]["VALUE"] == pytest.approx([110.0])


def test_an_object_stands_under_its_id_too(web: Any) -> None:
    by_name, by_id = web.get("/object/vocals")[1], web.get("/object/0")[1]
    assert by_id["FULL_PATH"] == "/object/0"
    assert by_id["DESCRIPTION"] == by_name["DESCRIPTION"]
    assert by_id["CONTENTS"].keys() == by_name["CONTENTS"].keys()
    for name, node in by_id["CONTENTS"].items():
        assert node == by_name["CONTENTS"][name] | {"FULL_PATH": f"/object/0/{name}"}
        assert web.get(node["FULL_PATH"])[1] == node
    assert web.get("/meter/object/0")[0] == 200
    assert web.get("/object/7")[0] == 404


@pytest.fixture(scope="module")
def npm_client(tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], str]) -> Callable[..., Any]:
    """`npm_client(address, port, path)`: what npm's oscquery finds there."""
    folder = tmp_path_factory.mktemp("npm")
    shutil.copytree(Path(__file__).parent / "npm", folder, dirs_exist_ok=True)
    command = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)

    def find(*arguments: object) -> Any:
        command = [tool("node"), "find.js", *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return find


def test_the_client_of_npm_finds_and_moves_the_singer(web: Any, peer: Any, npm_client: Callable[..., Any]) -> None:
    path = "/object/vocals/azimuth"
    found = npm_client("127.0.0.1", web.server.port, path)
    methods = {method["full_path"]: method for method in found["methods"]}
    context = web.control.hub.context
    told = {r.address for r in every_route(context.defaults, context) if r.parameter.arguments}
    assert told <= methods.keys()
    assert methods[path]["description"] == "Azimuth, left positive; any angle is wrapped."
    (argument,) = methods[path]["arguments"]
    assert (argument["type"], argument["range"], argument["value"]) == ("f", {"min": -180, "max": 180}, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hand:
        where = (found["host"]["oscIp"], found["host"]["oscPort"])
        hand.sendto(build_msg(path, [90.0]).dgram, where)
    peer.received()
    assert npm_client("127.0.0.1", web.server.port, path)["values"] == [pytest.approx(90.0)]


def test_listening_brings_values_as_osc(web: Any, peer: Any) -> None:
    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/object/bass/level"})
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/object/*/level"})
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/nothing"})
        await client.send_str("junk")
        await client.send_str("[" * 60_000)
        await client.send_json({"COMMAND": "DANCE", "DATA": 3})
        assert await heard(client) == ("/object/bass/level", [1.0])
        peer.send("/object/drums/level", 0.125)
        peer.send("/object/bass/level", 0.5)
        assert await heard(client) == ("/object/bass/level", [0.5])
        await client.send_json({"COMMAND": "IGNORE", "DATA": "/object/bass/level"})
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/object/bass/holder"})
        assert await heard(client) == ("/object/bass/holder", [f"127.0.0.1:{peer.port}"])
        peer.send("/object/bass/level", 0.25)
        assert await heard(client) == ("/object/bass/holder", [""])  # a second later

    talk(web, conversation)
    web.control.settled()
    assert not web.server._oscquery._clients


def test_a_client_sends_osc_and_is_answered(web: Any) -> None:
    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_bytes(build_msg("/object/bass/level", [0.5]).dgram)
        await client.send_bytes(build_msg("/object/bass/level", []).dgram)
        assert await heard(client) == ("/object/bass/level", [0.5])
        await client.send_bytes(build_msg("/adm/obj/2/gain", []).dgram)
        assert await heard(client) == ("/adm/obj/2/gain", [0.5])
        await client.send_bytes(build_msg("/object/bas/level", []).dgram)
        assert (await heard(client))[1][1] == "no object 'bas', did you mean bass?"
        await client.send_bytes(build_msg("/subscribe", ["/scene/amount", 60]).dgram)
        assert await heard(client) == ("/scene/amount", [1.0])

    talk(web, conversation)


def test_a_client_that_disconnects_leaves_nothing_behind(web: Any, peer: Any) -> None:
    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_bytes(build_msg("/object/bass/touch", [True]).dgram)
        await client.send_bytes(build_msg("/subscribe", ["/scene/amount"]).dgram)
        assert await heard(client) == ("/scene/amount", [1.0])
        peer.send("/object/bass/level", 0.5)
        assert peer.receive()[1][1].startswith("held by 127.0.0.1")
        assert peer.ask("/status/peers") == [1]

    talk(web, conversation)
    web.control.settled()
    peer.send("/object/bass/level", 0.5)
    assert peer.ask("/object/bass/level") == [0.5]
    assert peer.ask("/status/peers") == [0]


def test_paths_that_come_and_go_are_told(web: Any, peer: Any) -> None:
    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_bytes(build_msg("/ping", []).dgram)
        assert await heard(client) == ("/pong", [])
        peer.send("/object/vocals/name", "lead")
        for head in ("/object", "/meter/object"):
            assert await heard(client) == ("PATH_RENAMED", {"OLD": f"{head}/vocals", "NEW": f"{head}/lead"})
        peer.send("/object/lead/eq", "peak", 1000.0, 1.0, 3.0)
        assert await heard(client) == ("PATH_CHANGED", "/object/lead/eq")
        peer.send("/object/lead/group", 4)
        assert await heard(client) == ("PATH_ADDED", "/group/4")
        peer.send("/object/lead/group", 0)
        assert await heard(client) == ("PATH_REMOVED", "/group/4")

    talk(web, conversation)


def test_a_slow_client_gets_the_newest_value_and_holds_nothing_up(web: Any, peer: Any) -> None:
    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/object/bass/x"})
        await heard(client)
        for number in range(2000):
            peer.send("/object/bass/x", float(number))
            if number % 100 == 0:
                await asyncio.to_thread(peer.received)
        told = 0
        while (await heard(client))[1] != [1999.0 if told < 0 else 1000.0]:  # the last is clamped
            told += 1
        assert told < 1000

    talk(web, conversation)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8010"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "127.0.0.1:8010", "Origin": "http://127.0.0.1:8010"}, 200),
        ({"Host": "127.0.0.1:8010", "Origin": "http://127.0.0.1:9999"}, 403),
    ],
)
def test_pages_of_other_sites_are_not_let_in(web: Any, headers: dict[str, str], status: int) -> None:
    assert web.get("/scene/amount", **headers)[0] == status

    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_bytes(build_msg("/ping", []).dgram)
        await heard(client)

    if status == 200:
        talk(web, conversation, headers=headers)
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            talk(web, conversation, headers=headers)


def test_a_token_is_asked_for(serve: Callable[..., Any]) -> None:
    web = serve(token="open-sesame")
    assert web.get("/scene/amount")[0] == 401
    assert web.get("/scene/amount?token=wrong")[0] == 401
    assert web.get("/scene/amount?token=open-sesame&VALUE") == (200, {"VALUE": [1.0]})
    assert web.get("/scene/amount", Authorization="Bearer open-sesame")[0] == 200


def test_networks_that_may_not_come_in_or_only_look(serve: Callable[..., Any]) -> None:
    web = serve()
    web.admission._known["127.0.0.1"] = "none"  # no other address of this machine is sure to exist
    assert web.get("/scene/amount")[0] == 403
    assert web.admission.counters.not_allowed == 1
    looking = serve(read_only=[ipaddress.ip_network("127.0.0.0/8")])

    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_bytes(build_msg("/scene/amount", [0.5]).dgram)
        address, values = await heard(client)
        assert (address, values[0]) == ("/error", "/scene/amount")
        await client.send_bytes(build_msg("/scene/amount", []).dgram)
        assert await heard(client) == ("/scene/amount", [1.0])

    talk(looking, conversation)
    assert looking.control.hub.reports.counters.read_only == 1


def test_too_many_requests_are_refused(serve: Callable[..., Any]) -> None:
    web = serve(rate=20)
    answers = [web.get("/scene/amount?VALUE")[0] for _ in range(30)]
    assert answers[:20] == [200] * 20
    assert 429 in answers
    assert serve(rate=20).get("/")[0] == 200  # paid for afterwards


def test_refused_hosts_and_idle_connections_cannot_use_all_descriptors(web: Any, until: Callable[..., None]) -> None:
    def ended(held: list[socket.socket]) -> int:
        """How many of these connections the daemon has ended."""
        ready, _, _ = select.select(held, [], [], 0)
        return len(ready)

    rights = web.admission._known
    for right, allowed in (("none", MAX_REFUSED_CONNECTIONS), ("change", MAX_CONNECTIONS)):
        rights["127.0.0.1"] = right  # type: ignore[assignment]
        held = [socket.create_connection(("127.0.0.1", web.server.port), 5) for _ in range(allowed + 5)]
        until(lambda held=held: ended(held) == 5, 5, "the rest is turned away")  # type: ignore[misc]
        for one in held:
            one.close()
    until(lambda: web.get("/scene/amount?VALUE")[0] == 200, 5, "there is room again")


def test_a_host_with_idle_connections_is_not_locked_out(web: Any) -> None:
    """The oldest idle one makes room at once; one that is used stays."""

    async def conversation(client: aiohttp.ClientWebSocketResponse) -> None:
        held = [socket.create_connection(("127.0.0.1", web.server.port), 5) for _ in range(MAX_CONNECTIONS + 20)]
        status, _ = await asyncio.to_thread(web.get, "/scene/amount?VALUE")
        assert status == 200
        await client.send_bytes(build_msg("/ping", [1]).dgram)
        assert await heard(client) == ("/pong", [1])
        for one in held:
            one.close()

    talk(web, conversation)


def test_a_host_that_takes_everything_makes_room_for_another(web: Any, until: Callable[..., None]) -> None:
    """Of 64 clients, all of one host, one goes when another host comes; the greedy one does not get it back."""

    async def conversation() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            greedy = [await session.ws_connect(web.root + "/") for _ in range(MAX_CLIENTS)]
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await session.ws_connect(web.root + "/")
            modest = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
            async with aiohttp.ClientSession(connector=modest) as other:
                client = await other.ws_connect(web.root + "/")
                await client.send_bytes(build_msg("/ping", [1]).dgram)
                assert await heard(client) == ("/pong", [1])
                with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                    await session.ws_connect(web.root + "/")
                assert (await greedy[-1].receive(5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE)
                await greedy[0].send_bytes(build_msg("/ping", [2]).dgram)
                assert await heard(greedy[0]) == ("/pong", [2])
                await client.close()
            for one in greedy:
                await one.close()

    asyncio.run(conversation())


def test_who_looks_at_the_tree_holds_up_nobody_who_saves(
    web: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, until: Callable[..., None]
) -> None:
    free = threading.Event()
    monkeypatch.setattr("stemfield.control.http.oscquery_routes.node_at", lambda *_: free.wait(20) and None)
    held = [socket.create_connection(("127.0.0.1", web.server.port), 5) for _ in range(50)]
    for one in held:
        one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    until(lambda: web.admission.counters.received >= 50, 10, "all have asked")
    hub = web.control.hub
    saver = Saver(SceneStore(tmp_path / "saved", hub.context), lambda _: None, 0.0)

    async def save() -> None:
        saver.offer(hub.scene)
        await saver.close()

    web.control.on_loop(save())
    assert (tmp_path / "saved" / "scene.json").exists()
    assert not free.is_set()
    free.set()
    for one in held:
        assert one.recv(100).split()[1] == b"404"
        one.close()


def test_thousands_of_addresses_are_read_once_each(context: Context) -> None:
    """As many values are looked at as addresses are listened to, however they come."""
    looked = 0

    def read(*_: object) -> tuple[float]:
        nonlocal looked
        looked += 1
        return (0.5,)

    watch, row = Watch(lambda _: [], context), Parameter("/x", (Argument("f", "x"),), "", read=read)
    scene = context.defaults
    assert not list(watch.changes(scene))
    for number in range(2000):
        watch.add(Route(row, None, f"/x/{number}"))
        assert [route.address for route, _ in watch.changes(scene)] == [f"/x/{number}"]
        assert watch.is_unchanged(scene)
    assert looked == 2000
    watch.remove("/x/7")
    watch.add(Route(row, None, "/x/7"))
    assert [route.address for route, _ in watch.changes(scene)] == ["/x/7"]


@settings(deadline=None)
@given(st.lists(st.one_of(st.integers(0, 12), st.none()), max_size=60))
def test_a_backlog_keeps_the_newest(sizes: list[int | None]) -> None:
    """Numbers are entries of so many bytes; None takes one."""
    backlog: SendQueue[int] = SendQueue(entries=4, size=20)
    model: list[tuple[int, int]] = []
    for entry, size in enumerate(sizes):
        if size is None:
            if model:
                assert backlog.take() == model.pop(0)[0]
            continue
        backlog.add(entry, size)
        model.append((entry, size))
        while len(model) > 4 or (len(model) > 1 and sum(s for _, s in model) > 20):
            model.pop(0)
        assert len(backlog) == len(model)
    assert [backlog.take() for _ in range(len(backlog))] == [entry for entry, _ in model]


def test_what_is_no_http_leaves_no_trace_in_the_log(web: Any, caplog: pytest.LogCaptureFixture) -> None:
    for head in (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", web.server.port), 5) as client:
            client.sendall(head)
            assert client.recv(1000).split()[1] == b"400"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_everybody_is_hung_up_on_at_the_end(control: Any) -> None:
    web = Web(control)

    async def conversation(client: aiohttp.ClientWebSocketResponse) -> Any:
        await asyncio.to_thread(web.close)
        return (await client.receive(5)).data

    assert talk(web, conversation) == 1001


def test_clients_that_read_nothing_do_not_delay_the_end_of_others(web: Any, until: Callable[..., None]) -> None:
    """Two that read nothing, and a page that is told at once that it has to come in anew."""

    async def conversation() -> float:
        async with aiohttp.ClientSession() as session:
            deaf = [await session.ws_connect(web.root + "/") for _ in range(2)]
            for _ in range(100):  # until all buffers on the way back are full
                for one in deaf:
                    for _ in range(15):
                        await one.send_bytes(build_msg("/ping", ["x" * 60_000]).dgram)
                await asyncio.sleep(0.1)
                if all(client._queue for client in web.server._oscquery._clients.values()):
                    break
            for _ in range(5000):  # then not even a pong is taken, and nothing more is read
                await deaf[0].ping(bytes(100))
            page = await session.ws_connect(web.root + "/panner/socket")
            begun_s = time.monotonic()
            renewing = asyncio.create_task(asyncio.to_thread(web.control.on_loop, web.server.reconfigure(None)))
            while (message := await page.receive(0.5)).type is not aiohttp.WSMsgType.CLOSE:
                pass
            assert (message.data, message.extra) == (1001, "access rights have changed")
            await renewing
            took_s = time.monotonic() - begun_s
            await asyncio.to_thread(until, lambda: not web.server._oscquery._clients, 5, "nobody is served any more")
            return took_s

    assert asyncio.run(conversation()) < 1.9, "they are waited for together"


def test_what_is_no_frame_is_no_message(serve: Callable[..., Any]) -> None:
    web = serve(rate=1)
    head = "GET / HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade"
    keys = "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""
    with socket.create_connection(("127.0.0.1", web.server.port), 5) as client:
        client.sendall("\r\n".join((*head, *keys)).encode())
        assert client.recv(1000).split()[1] == b"101"
        client.sendall(b"\xff" * 10)
        while client.recv(1000):
            pass
    counters = web.admission.counters
    assert (counters.received, counters.limited) == (1, 0)


def test_a_connection_that_is_still_closing_counts() -> None:
    async def run() -> None:
        arrived: asyncio.Queue[asyncio.Transport] = asyncio.Queue()

        class Arrival(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                arrived.put_nowait(transport)

        server = await asyncio.get_running_loop().create_server(Arrival, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as deaf:
            first = await arrived.get()
            with socket.create_connection(server.sockets[0].getsockname()):
                second, quota = await arrived.get(), ConnectionQuota(1)
                assert quota.take(first, "one")
                first.write(bytes(32 << 20))
                first.close()
                assert not quota.take(second, "another")
                deaf.close()
                while first.get_write_buffer_size():
                    await asyncio.sleep(0.01)
                assert quota.take(second, "another")
                second.close()
        server.close()
        await server.wait_closed()

    asyncio.run(asyncio.wait_for(run(), 5))


def test_a_tree_of_128_objects_is_whole() -> None:
    context = Context(("M+030",), default_scene([(f"in{n}", (n,)) for n in range(123)]), status=idle_status())
    root = node_at("/", context.defaults, context)
    assert root is not None
    assert len(root["CONTENTS"]["object"]["CONTENTS"]) == 128
    assert count(root) > 128 * 40
