"""A control side that really listens on a UDP port, and peers that really send."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message_builder import build_msg
from pythonosc.osc_packet import OscPacket
from status import replaceable

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.dialects.registry import decode
from stemfield.control.http.server import HttpServer
from stemfield.control.http.session import Doors
from stemfield.control.hub.build import build_hub
from stemfield.control.hub.recorder import Recorder
from stemfield.control.network.admission import Admission
from stemfield.control.network.scheduler import FairScheduler
from stemfield.control.network.udp import UdpServer
from stemfield.control.parameters.context import Context
from stemfield.control.scenes.changes import Dirty
from stemfield.control.scenes.store import SceneStore
from stemfield.control.status import idle_status
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.scene.scene import Scene, default_scene

LABELS = ("M+030", "M-030", "M+000", "LFE1", "M+110", "M-110")
PATIENCE_S = 30.0
"""Timeout for what an idle machine does at once: a busy one may be late, and no test here measures speed."""


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), f"{thread.name} outlives its test"


@pytest.fixture
def context() -> Context:
    return Context(
        LABELS, default_scene([("guitar", (0,)), ("piano", (1, 2))]), ("first", "second"), status=idle_status()
    )


class Peer:
    """A UDP socket that speaks OSC."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE_S)
        self._inbox: list[tuple[str, list[object]]] = []
        self._to = ("127.0.0.1", port)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def send(self, address: str, *values: object) -> None:
        self.send_bytes(build_msg(address, list(values)).dgram)

    def send_bytes(self, packet: bytes) -> None:
        self.socket.sendto(packet, self._to)

    def receive(self) -> tuple[str, list[object]]:
        if not self._inbox:
            messages = [timed.message for timed in OscPacket(self.socket.recv(65536)).messages]
            self._inbox = [(message.address, message.params) for message in messages]
        return self._inbox.pop(0)

    def received(self) -> list[tuple[str, list[object]]]:
        """Everything up to the answer of a ping that is sent now: the hub answers in order."""
        self.send("/ping", "mark")
        got = []
        while (message := self.receive()) != ("/pong", ["mark"]):
            got.append(message)
        return got

    def wait_idle(self) -> None:
        """Until nothing is recorded or played any more."""
        end_s = time.monotonic() + 60
        while (state := self.ask("/recorder/state")) != [""]:
            assert time.monotonic() < end_s, state
            time.sleep(0.02)

    def ask(self, address: str) -> list[object]:
        self.send(address)
        answered, values = self.receive()
        assert answered == address, (answered, values)
        return values


class Control:
    """Hub and UDP server on a loop in a thread."""

    def __init__(self, context: Context, folder: Path, max_messages_per_s: float = 1e6, **hub: Any) -> None:
        self.changes: list[tuple[Scene, Dirty]] = []
        self._peers: list[Peer] = []
        self.sources: dict[str, Callable[..., Any]] = {}
        """Of the status, by their names: a test may replace them."""
        self._context = replace(context, status=replaceable(self.sources))
        self._folder, self._rate, self._options = folder, max_messages_per_s, hub
        started: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="control")
        self._thread.start()
        started.result(PATIENCE_S)

    async def _serve(self, started: Future[None]) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.hub = build_hub(
            self._context.defaults, self._context, SceneStore(self._folder, self._context), **self._options
        )
        hub = self.hub
        self.sources |= {
            "holder": lambda key: hub.ownership.holder(key, time.monotonic()),
            "scenes": hub.library.names,
            "scene_name": lambda: hub.library.current,
            "scene_changed": lambda: hub.library.is_changed(hub.scene),
            "refused": lambda: hub.reports.refused,
        }
        self.hub.listen(lambda scene, dirty: self.changes.append((scene, dirty)))
        self.hub_decode = decode
        self.scheduler = FairScheduler()
        self.server = UdpServer(
            "127.0.0.1",
            0,
            Admission((), self._rate),
            lambda packet, peer: self.hub.work(packet, peer, self.hub_decode),
            self.scheduler,
        )
        await self.server.start()
        started.set_result(None)
        await self._stop.wait()
        await self.hub.close()
        self.server.close()
        self.scheduler.close()

    def peer(self) -> Peer:
        self._peers.append(Peer(self.server.port))
        return self._peers[-1]

    def settled(self) -> Control:
        """Itself, once the loop has had the turn in which listeners are told of what was sent before."""
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.loop).result(PATIENCE_S)
        return self

    def worked_s(self) -> float:
        """Processor time that the loop has used."""
        assert self._thread.ident is not None
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))

    def on_loop(self, coroutine: Any) -> Any:
        """What a coroutine returns that runs on the loop of the control side."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def recorder(
        self, folder: Path, report: Callable[[str], object], engine: Callable[[], Engine | None] = lambda: None
    ) -> Recorder:
        """A recorder of the hub, shown by the status."""

        async def make() -> Recorder:
            return Recorder(folder, self.hub, report, engine)

        made: Recorder = self.on_loop(make())
        self.sources |= {"recorder": lambda: made.state, "recordings": made.names}
        return made

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)
        for peer in self._peers:
            peer.socket.close()


@pytest.fixture
def start_control(context: Context, tmp_path: Path) -> Iterator[Callable[..., Control]]:
    running: list[Control] = []

    def start(**options: Any) -> Control:
        running.append(Control(context, tmp_path / "state", **options))
        return running[-1]

    yield start
    for control in running:
        control.close()


@pytest.fixture
def control(start_control: Callable[..., Control]) -> Control:
    return start_control()


@pytest.fixture
def peer(control: Control) -> Peer:
    return control.peer()


class Web:
    """A control side whose tree is served."""

    def __init__(self, control: Any, **options: Any) -> None:
        self.control = control
        self.admission = Admission(options.pop("allow", ()), options.pop("rate", 1e6), options.pop("read_only", ()))

        async def start() -> HttpServer:
            server = HttpServer(
                ["127.0.0.1"],
                0,
                Doors(control.hub, self.admission, control.scheduler),
                headphones=HeadphoneStream(),
                name="Test room",
                osc_port=control.server.port,
                room={},
                **options,
            )
            await server.start()
            return server

        self.server = control.on_loop(start())
        self.root = f"http://127.0.0.1:{self.server.port}"

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(self.root + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                text = answer.read()
                assert answer.status == 204 or answer.headers["Content-Type"].startswith("application/json")
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def close(self) -> None:
        self.control.on_loop(self.server.close())


@pytest.fixture
def serve(control: Any) -> Iterator[Callable[..., Web]]:
    made: list[Web] = []

    def start(**options: Any) -> Web:
        made.append(Web(control, **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def web(serve: Callable[..., Web]) -> Web:
    return serve()
