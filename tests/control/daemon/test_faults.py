"""Text that does not encode is refused on every way in, and an internal error affects only the request that met it."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stemfield.control import faults
from stemfield.control.dialects.registry import BY_NAME
from stemfield.control.network.mirror import Mirror
from stemfield.control.parameters.actions import Record
from stemfield.control.parameters.context import Context
from stemfield.control.scenes.library import SceneLibrary
from stemfield.control.scenes.store import Saver, SceneStore
from stemfield.renderer.scene.scene import Scene

HALF = "*\ud800"


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_logged_s", {})


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def on_page(root: str, *texts: str, until: Callable[[dict[str, Any]], bool]) -> list[Any]:
    """What the page is answered to messages."""

    async def run() -> list[Any]:
        answers: list[Any] = []
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{root}/panner/socket") as client:
            for text in texts:
                await client.send_str(text)
            while True:
                message = await client.receive(5)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    assert message.type is aiohttp.WSMsgType.BINARY, message
                    continue
                news = json.loads(message.data)
                answers += news.get("answers", [])
                if until(news):
                    return answers

    return asyncio.run(asyncio.wait_for(run(), 10))


def test_half_a_surrogate_pair_is_refused_by_the_page(control: Any, web: Any, caplog: pytest.LogCaptureFixture) -> None:
    rows = ("/object/0/exclude", "/object/0/outputs", "/object/0/name", "/scene/recall/without", "/adm/obj/1/name")
    rows += ("/scene/save", "/scene/load", "/recorder/record", "/recorder/play", "/separation/model", "/subscribe")
    rows += ("/adm/env/change", "/group/0/links", "/scene/recall/scope", f"/object/{HALF}/gain", "/nothing\udfff")
    before = control.hub.scene
    messages = [[row, HALF] for row in rows]
    message = json.dumps({"send": messages, "number": 1})
    answers = on_page(web.root, message, json.dumps({"\ud800": 1}), until=lambda news: news.get("done") == 1)
    refused = [answer[1] for answer in answers if answer[0] == "/error"]
    assert refused[:3] == list(rows[:3])
    assert all(isinstance(answer[2], str) for answer in answers)
    assert control.hub.scene == before
    for path in ("/", "/object/0", "/status/refused?VALUE", "/metrics"):
        with urllib.request.urlopen(web.root + path, timeout=5) as answer:
            answer.read().decode()
    assert warnings_of(caplog) == []


def test_the_saver_outlives_whatever_goes_wrong(context: Context, tmp_path: Path) -> None:
    told: list[str] = []
    broken = [ValueError("no such thing"), KeyError("x"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")]

    class Breaking(SceneStore):
        def save(self, scene: Scene) -> str:
            if broken:
                raise broken.pop(0)
            return super().save(scene)

    async def run() -> None:
        saver = Saver(Breaking(tmp_path, context), told.append, interval_s=0.01, again_s=0.05)
        saver.offer(replace(context.defaults, amount=0.5))
        while broken or len(told) < 4:
            await asyncio.sleep(0.01)
        broken.append(ValueError("at the end"))
        saver.offer(replace(context.defaults, amount=0.75))
        await saver.close()

    asyncio.run(asyncio.wait_for(run(), 10.0))
    assert [line.removeprefix(f"{tmp_path}: ") for line in told] == [
        "the scene cannot be saved: ValueError: no such thing",
        "the scene cannot be saved: KeyError: 'x'",
        "the scene cannot be saved: UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800' in position 0: "
        "surrogates",
        "the scene is saved again",
        "the scene cannot be saved: ValueError: at the end",
        "the last changes are not saved: the scene cannot be saved: ValueError: at the end",
    ]
    assert SceneStore(tmp_path, context).load()[0].amount == 0.5


def test_the_scene_book_outlives_whatever_goes_wrong(context: Context, tmp_path: Path) -> None:
    told: list[str] = []

    class Breaking(SceneStore):
        def save_named(self, name: str, scene: Scene) -> None:
            if name == "bad":
                raise ValueError("no such thing")
            super().save_named(name, scene)

    async def run() -> SceneLibrary:
        book = SceneLibrary(Breaking(tmp_path, context), {})
        book.save("bad", context.defaults, told.append)
        book.save("good", context.defaults, told.append)
        await book.close()
        return book

    assert asyncio.run(run()).names() == ("good",)
    assert told == ["bad: ValueError: no such thing"]


def test_a_recorder_says_whatever_goes_wrong(
    control: Any, peer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    recorder = control.recorder(tmp_path / "recordings", told.append)

    def fails(*_: object) -> None:
        raise ValueError("no such thing")

    with monkeypatch.context() as patch:
        patch.setattr("stemfield.control.hub.recorder._ControlTrack._append", fails)
        peer.send("/recorder/record", "take")
        peer.wait_idle()
    assert told == ["recording take: ValueError: no such thing"]
    peer.send("/recorder/record", "take")
    peer.send("/recorder/stop")
    peer.wait_idle()
    control.on_loop(recorder.close())
    assert (tmp_path / "recordings" / "take.jsonl").exists()
    assert len(told) == 1


def test_a_fault_costs_one_message_and_one_line(control: Any, peer: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: object) -> None:
        raise KeyError("x")

    control.hub.on(Record, fails)
    for _ in range(5):
        peer.send("/recorder/record", "take")
        assert peer.receive() == ("/error", ["/recorder/record", "a fault of the daemon: KeyError: 'x'"])
    assert peer.ask("/scene/amount") == [1.0]
    (line,) = warnings_of(caplog)
    assert line == f"a message cannot be carried out: '/recorder/record' of 127.0.0.1:{peer.port}: KeyError: 'x'"
    assert caplog.records[-1].exc_info is None


def test_a_listener_that_fails_keeps_no_other_from_a_change(
    control: Any, peer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no such thing")

    seen: list[float] = []
    control.hub.listen(fails)
    control.hub.listen(lambda scene, _: seen.append(scene.amount))
    peer.send("/scene/amount", 0.5)
    assert peer.ask("/scene/amount") == [0.5]
    control.settled()
    assert seen == [0.5]
    assert warnings_of(caplog) == ["a listener failed: ValueError: no such thing"]


def test_a_request_that_fails_takes_one_line(control: Any, web: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> tuple[str, ...]:
        raise ValueError("no such thing")

    control.sources["scenes"] = fails
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError, match="500"):
            urllib.request.urlopen(f"{web.root}/scene", timeout=5)
    assert warnings_of(caplog) == ["cannot answer a request: ValueError: no such thing"]
    assert caplog.records[-1].exc_info is None
    with urllib.request.urlopen(f"{web.root}/object", timeout=5) as answer:
        assert json.load(answer)["FULL_PATH"] == "/object"


def test_a_page_that_cannot_be_updated_is_disconnected(
    control: Any, web: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> Any:
        raise ValueError("no such thing")

    control.sources["sound"] = fails

    async def run() -> aiohttp.WSMessage:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{web.root}/panner/socket") as client:
            while (message := await client.receive(5)).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                pass
            return message

    ended = asyncio.run(asyncio.wait_for(run(), 10))
    assert (ended.type, ended.extra) == (aiohttp.WSMsgType.CLOSE, "internal error")
    assert warnings_of(caplog) == ["cannot send to a page or client: ValueError: no such thing"]


def test_problems_of_files_with_half_a_surrogate_pair_can_be_sent(control: Any, peer: Any, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "scenes"
    folder.mkdir(parents=True)
    (folder / "odd.json").write_text('{"object": {"\\ud800": {"gain": 1}}, "added": {"\\ud800": []}}')
    peer.send("/scene/load", "odd")
    address, (about, reason) = peer.receive()
    assert (address, about) == ("/error", "/scene/load")
    assert "is not text: half a surrogate pair cannot be encoded" in reason
    assert peer.ask("/scene/amount") == [1.0]


def test_a_mirror_that_failed_once_is_sent_the_scene_again(
    context: Context, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    broken = [ValueError("no such thing")]

    def encode(*_: object) -> list[bytes]:
        if broken:
            raise broken.pop()
        return [b"/a\0\0,\0\0\0"]

    async def run() -> None:
        mirror = Mirror(BY_NAME["adm"], ("127.0.0.1", 9), 100.0, lambda: context.defaults)
        monkeypatch.setattr("stemfield.control.network.mirror.MIRROR_S", 0.02)
        monkeypatch.setattr(mirror, "_encode", encode)
        monkeypatch.setattr(mirror, "_send", sent.append)
        mirror.start()
        while not sent:
            await asyncio.sleep(0.005)
        mirror.close()

    asyncio.run(asyncio.wait_for(run(), 10.0))
    assert warnings_of(caplog) == ["cannot send to a mirror: ValueError: no such thing"]
