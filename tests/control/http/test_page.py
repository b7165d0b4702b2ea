"""The HTTP side of the panner page, by a real HTTP client and a real WebSocket."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from pythonosc.osc_message_builder import build_msg

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.http import page_files as module
from stemfield.control.http.page_facts import daemon_facts, room_facts
from stemfield.control.http.page_files import page_files
from stemfield.control.http.server import HttpServer
from stemfield.control.http.session import Doors
from stemfield.control.http.telemetry import pack
from stemfield.control.network.admission import Admission
from stemfield.control.parameters.context import Context
from stemfield.control.status import SoundState, idle_status
from stemfield.layouts.loader import load_layout
from stemfield.renderer.engine.levels import Levels, LoudnessMatch
from stemfield.renderer.scene.compare import untouched
from stemfield.renderer.scene.scene import default_scene


class Web:
    def __init__(self, control: Any, **options: Any) -> None:
        self.control = control
        self.headphones = HeadphoneStream()
        self.admission = Admission(options.pop("allow", ()), options.pop("rate", 1e6), options.pop("read_only", ()))

        async def start() -> HttpServer:
            room, doors = room_facts(load_layout("5.1")), Doors(control.hub, self.admission, control.scheduler)
            given = {"name": "Test room", "headphones": self.headphones, "osc_port": control.server.port, "room": room}
            server = HttpServer(["127.0.0.1"], 0, doors, **given, **options)
            await server.start()
            return server

        self.server = control.on_loop(start())
        self.root = f"http://127.0.0.1:{self.server.port}"

    def get(self, path: str, **headers: str) -> Any:
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                return None

        request = urllib.request.Request(self.root + path, headers=headers)
        try:
            with urllib.request.build_opener(Stay).open(request, timeout=5) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def talk(self, conversation: Callable[[Page], Any], query: str = "", **options: Any) -> Any:
        async def run() -> Any:
            url = f"{self.root}/panner/socket{query}"
            async with aiohttp.ClientSession() as session, session.ws_connect(url, **options) as client:
                return await asyncio.wait_for(conversation(Page(client)), 10)

        return asyncio.run(run())


class Page:
    """What the page knows."""

    def __init__(self, client: aiohttp.ClientWebSocketResponse) -> None:
        self.client = client
        self.facts: dict[str, Any] = {"values": {}, "answers": [], "packets": []}
        self.telemetry: list[bytes] = []

    async def send(self, *messages: list[Any], **more: Any) -> None:
        await self.client.send_str(json.dumps({"send": messages} | more))

    async def until(self, true: Callable[[], object]) -> None:
        while not true():
            message = await self.client.receive(5)
            if message.type is aiohttp.WSMsgType.BINARY:
                self.telemetry.append(message.data)
                continue
            assert message.type is aiohttp.WSMsgType.TEXT, message
            news = json.loads(message.data)
            self.facts["values"] |= news.pop("values", {})
            for log in ("answers", "packets"):
                self.facts[log] += news.pop(log, [])
            self.facts |= news


@pytest.fixture
def serve(control: Any) -> Iterator[Callable[..., Web]]:
    made: list[Web] = []

    def start(**options: Any) -> Web:
        made.append(Web(control, **options))
        return made[-1]

    yield start
    for one in made:
        one.control.on_loop(one.server.close())


@pytest.fixture
def web(serve: Callable[..., Web]) -> Web:
    return serve()


def test_a_browser_is_led_to_the_page_and_oscquery_to_its_tree(web: Web) -> None:
    status, headers, _ = web.get("/?token=some-word", Accept="text/html,application/xhtml+xml")
    assert (status, headers["Location"]) == (302, "/panner/#token=some-word")
    assert web.get("/")[1]["Content-Type"].startswith("application/json")
    assert web.get("/?HOST_INFO", Accept="text/html")[0] == 200
    status, headers, body = web.get("/panner/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"stemfield" in body
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert web.get("/panner/", **{"If-None-Match": headers["ETag"]})[0] == 304
    for path in ("../http.py", "%2e%2e/http.py", "..%2fhttp.py", "/etc/passwd", "assets"):
        assert web.get(f"/panner/{path}")[0] == 404
    assert all("//" not in path and ".." not in path for path in page_files())


def test_the_page_is_told_what_this_machine_does_of_the_whole() -> None:
    context = Context((), default_scene(), role="renderer", status=idle_status())
    assert daemon_facts("room", ["127.0.0.1"], 1, 2, context)["role"] == "renderer"


def test_a_checkout_without_the_page_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    (file,) = page_files().values()
    assert b"make page" in file.content


def test_the_page_obeys_the_rules_of_every_client(serve: Callable[..., Web]) -> None:
    guarded = serve(token="some-word")

    async def hello(page: Page) -> str:
        await page.until(lambda: "hello" in page.facts)
        return str(page.facts["hello"]["name"])

    assert guarded.get("/panner/")[0] == 200
    assert guarded.get("/")[0] == 401
    assert guarded.talk(hello, "?token=some-word") == "Test room"
    for query, headers, code in (
        ("", {}, 401),
        ("?token=another", {}, 401),
        ("?token=some-word", {"Origin": "http://evil.example"}, 403),
        ("?token=some-word", {"Host": "evil.example"}, 403),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            guarded.talk(hello, query, headers=headers)
        assert refused.value.status == code
    own = {"Origin": guarded.root}
    assert guarded.talk(hello, "?token=some-word", headers=own) == "Test room"


def test_a_page_learns_everything_and_steers(web: Web) -> None:
    async def conversation(page: Page) -> None:
        await page.until(lambda: len(page.telemetry) > 1 and "/status/messages" in page.facts["values"])
        hello, values = page.facts["hello"], page.facts["values"]
        assert [s["label"] for s in hello["room"]["speakers"]][:2] == ["M+030", "M-030"]
        assert len(hello["room"]["edges"]) > 6
        assert hello["role"] == "both"
        assert [hello["room"]["edges"][0][0][i] for i in (0, 2)] == [0.866, 0.0]
        assert hello["table"]["/object/{o}/aed"]["arguments"][0]["low"] == -180.0
        assert page.facts["objects"]["list"][0] == [0, "vocals", "stem", 2, [], "vocals"]
        assert values["/object/vocals/aed"] == [0.0, 0.0, 1.0]
        assert values["/scene/amount"] == [1.0]
        assert values["/scene/list"] == []
        await page.send(["/object/vocals/aed", 30, 10, 2], ["/master/mute", True], number=7)
        await page.until(lambda: page.facts.get("done") == 7)
        assert values["/object/vocals/aed"] == pytest.approx([30.0, 10.0, 2.0])
        assert values["/master/mute"] == [True]
        assert hello["page"] == page_files()["index.html"].tag
        assert values["/scene/recall/without"] == [""]
        assert values["/group/0/links"] == ["position"]
        assert values["/object/vocals/holder"][0].startswith("127.0.0.1:")

    web.talk(conversation)
    vocals = web.control.hub.scene.find("vocals")
    assert vocals.position == pytest.approx((1.7057, 0.9848, 0.3473), abs=1e-4)


def test_what_is_wrong_is_answered_and_nothing_breaks(web: Web) -> None:
    bad = ["", "[]", "{", '{"send": 3}', '{"send": [[], 3, ["x"], ["/object/vocals/aed", [1]], [3, 4]]}', "[" * 60_000]

    async def conversation(page: Page) -> list[Any]:
        await page.send(["/object/vocal/aed", 1, 2, 3], ["/object/vocals/aed", 1])
        for text in bad:
            await page.client.send_str(text)
        await page.send(["/ping"], number=1)
        await page.until(lambda: page.facts.get("done") == 1 and any(a[0] == "/pong" for a in page.facts["answers"]))
        return list(page.facts["answers"])

    answers = web.talk(conversation)
    assert ["/error", "/object/vocals/aed", "expected azimuth elevation distance, got 1 argument"] in answers
    (unknown,) = [a for a in answers if a[:2] == ["/error", "/object/vocal/aed"]]
    assert "did you mean vocals?" in unknown[2]


def test_a_name_stays_what_it_is_and_telemetry_follows_the_list(web: Web) -> None:
    name = "<img src=x onerror=alert(1)>"

    async def conversation(page: Page) -> None:
        await page.send(["/object/0/name", name])
        await page.until(lambda: page.facts["values"].get(f"/object/{name}/gain") == [0.0])
        assert page.facts["objects"]["list"][0][1] == name
        revision = page.facts["objects"]["revision"]
        page.telemetry.clear()
        await page.until(lambda: page.telemetry)
        assert struct.unpack_from("<4B2H", page.telemetry[0])[4] == revision

    web.talk(conversation)


def test_the_log_says_what_became_of_each_packet(web: Web) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hand:
        hand.connect(("127.0.0.1", web.control.server.port))

        async def conversation(page: Page) -> list[Any]:
            await page.client.send_str('{"packets": true}')
            await page.send(["/ping"], number=1)
            await page.until(lambda: page.facts.get("done") == 1)
            for message in (
                build_msg("/object/vocals/aed", [10.0, 0.0, 1.0]),
                build_msg("/object/vocals/elevation", [200.0]),
                build_msg("/object/voclas/aed", [10.0, 0.0, 1.0]),
            ):
                hand.send(message.dgram)
            hand.send(b"nonsense")
            own = f"127.0.0.1:{hand.getsockname()[1]}"
            await page.until(lambda: sum(p["sender"] == own for p in page.facts["packets"]) == 4)
            return [(p["address"], p["arguments"], p["verdict"]) for p in page.facts["packets"] if p["sender"] == own]

        good, clamped, unknown, broken = web.talk(conversation)
    assert good == ("/object/vocals/aed", "10 0 1", "taken")
    assert clamped == ("/object/vocals/elevation", "200", "out of range: 90")
    assert unknown[2] == "no object 'voclas', did you mean vocals?"
    assert broken[2].startswith("expected an OSC address")
    deadline = time.monotonic() + 2
    while web.control.hub.packets.is_open:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_log_has_what_was_dropped_at_the_door_too(start_control: Callable[..., Any]) -> None:
    control = start_control(max_messages_per_s=30)
    web = Web(control)
    control.server._admission.on_refused = web.admission.on_refused = control.hub.packets.dropped
    inside = build_msg("/object/vocals/gain", [-3.0]).dgram
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hand:
            hand.connect(("127.0.0.1", control.server.port))

            async def conversation(page: Page) -> list[str]:
                await page.client.send_str('{"packets": true}')
                await page.send(["/ping"], number=1)
                await page.until(lambda: page.facts.get("done") == 1)
                for _ in range(200):
                    hand.send(inside)
                own = f"127.0.0.1:{hand.getsockname()[1]}"

                def dropped() -> list[Any]:
                    return [p for p in page.facts["packets"] if p["verdict"].startswith("dropped")]

                await page.until(dropped)
                assert {(p["sender"], p["address"]) for p in dropped()} == {(own, "/object/vocals/gain")}
                await asyncio.sleep(1.1)
                for _ in range(50):
                    hand.send(inside)
                await page.until(lambda: any("more before it" in p["verdict"] for p in dropped()))
                assert len(dropped()) <= 22
                web.admission.refuse("not_allowed", "198.51.100.7:9", b"\x7fELF")
                await asyncio.sleep(0.3)  # ten of a host are noted in a second
                assert web.get("/?VALUE", Host="evil.example")[0] == 403
                await page.until(lambda: any("expected a name of this daemon" in p["verdict"] for p in dropped()))
                return [f"{p['address']}: {p['verdict']}" for p in dropped()]

            verdicts = web.talk(conversation)
    finally:
        control.on_loop(web.server.close())
    assert verdicts[0].endswith("dropped: rate limit: at most 30 messages a second (network.max_messages_per_s)")
    assert "4 bytes: dropped: this network is not allowed (network.allow)" in verdicts
    assert verdicts[-1].startswith("/: dropped: expected a name of this daemon, got 'evil.example'")


def test_a_read_only_page_sees_everything_and_changes_nothing(serve: Callable[..., Web]) -> None:
    web = serve(read_only=[ipaddress.ip_network("127.0.0.0/8")])

    async def conversation(page: Page) -> bool:
        await page.send(["/master/gain", -20.0], number=1)
        await page.until(lambda: page.facts.get("done") == 1 and page.facts["answers"])
        assert "network.read_only" in page.facts["answers"][0][2]
        await page.client.send_str('{"packets": true}')
        await page.send(["/master/gain", -30.0], number=2)
        await page.until(lambda: page.facts["packets"])
        assert "network.read_only" in page.facts["packets"][-1]["verdict"]
        return bool(page.facts["hello"]["readOnly"])

    assert web.talk(conversation)
    assert web.control.hub.scene.master_gain_db == 0.0


def test_one_listener_hears_what_the_ears_are_fed(web: Web) -> None:
    headphones = web.headphones

    async def run() -> None:
        url = f"{web.root}/panner/audio"
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url) as early:
                assert (await early.receive(5)).extra.startswith("no stream")
            headphones.rate_hz = 48_000
            async with session.ws_connect(url) as client:
                assert await client.receive_json(timeout=5) == {"rate": 48_000}
                async with session.ws_connect(url) as second:
                    assert (await second.receive(5)).extra.startswith("another listener")
                feeds = np.zeros((3, 4), np.float32)
                feeds[0], feeds[1], feeds[2] = 0.9, 0.5, -2.0
                headphones.write(feeds)
                heard = np.frombuffer(await client.receive_bytes(timeout=5), "<i2").reshape(-1, 2)
            assert heard.tolist() == [[16384, -32767]] * 4
            async with session.ws_connect(url) as third:
                assert await third.receive_json(timeout=5) == {"rate": 48_000}

    asyncio.run(run())


def test_telemetry_is_as_its_module_says() -> None:
    levels = Levels((-1.0, -2.0, -3.0, -4.0), objects={7: (-10.5, -20.0)}, speakers={"M+030": (-6.0, -9.0, 1.5)})
    sound = SoundState("clock", stems_share=1.0, load=0.25)
    heard = np.array([[1.0, 0.0, 0.0], [0.0, -0.5, 0.0]], np.float32)
    packet = pack([7, 3], ["M+030", "LFE1"], levels, heard, sound, 70_000)
    assert struct.unpack_from("<4B2H", packet) == (1, 1, 255, 25, 70_000 & 0xFFFF, 2)
    numbers = struct.unpack_from("<18h", packet, 8)
    assert numbers[:4] == (-10, -20, -30, -40)
    assert numbers[8:12] == (-105, -200, -1200, -1200)
    assert numbers[12:] == (-60, -90, 15, -1200, -1200, 0)
    assert struct.unpack_from("<6b", packet, 8 + 36) == (127, 0, 0, 0, -64, 0)
    assert len(packet) == 8 + 36 + 6


def test_the_recording_is_as_loud_as_the_scene_was(web: Web) -> None:
    match = LoudnessMatch()
    quiet = Levels((0.0, -20.0, 0.0, -20.0), speakers={"a": (0.0, -26.0, 0.0), "b": (0.0, -26.0, 0.0)})
    for _ in range(300):
        match.add(quiet)
    assert match.gain_db == pytest.approx(-6.0, abs=0.01)
    web.control.sources["match_db"] = lambda: match.gain_db

    async def conversation(page: Page) -> None:
        await page.send(["/master/gain", -2.0], ["/scene/compare", True], number=1)
        await page.until(lambda: page.facts.get("done") == 1)
        assert page.facts["values"]["/scene/compare"] == [True]
        heard = untouched(web.control.hub.scene)
        # the scene's 6 dB less are with the master's 2 dB
        assert (heard.amount, heard.master_gain_db) == (0.0, pytest.approx(-6.0, abs=0.01))
        await page.send(["/scene/compare", False], number=2)
        await page.until(lambda: page.facts.get("done") == 2)

    web.talk(conversation)
    scene = web.control.hub.scene
    assert untouched(scene) is scene
    assert (scene.amount, scene.master_gain_db) == (1.0, -2.0)
    assert LoudnessMatch().gain_db == 0.0
    assert untouched(default_scene()) == default_scene()
