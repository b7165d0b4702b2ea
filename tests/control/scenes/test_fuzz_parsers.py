"""Damaged files, requests and messages of the page: each parser reads them, or refuses them in the way it says.

STEMFIELD_FUZZ sets how much (as for `test_fuzz.py`); of each kind there is one in twenty, of files one in a hundred.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from aiohttp import WSMessage, WSMsgType
from damage import damaged

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.config.configuration import load_config
from stemfield.control.config.schema import ConfigError
from stemfield.control.http.oscquery import node_at
from stemfield.control.http.oscquery_client import WebSocketClient
from stemfield.control.http.page_client import PageClient
from stemfield.control.http.server import HttpServer
from stemfield.control.http.session import Doors
from stemfield.control.hub.peers import Peer
from stemfield.control.network.admission import Admission
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.patterns import PatternError
from stemfield.control.scenes.file import SceneFileError, load_scene_file, scene_to_dict, stored_changes
from stemfield.control.scenes.journal import Journal
from stemfield.control.scenes.recording import HEADER, RecordingError, encode_step, read_recording
from stemfield.control.scenes.store import SceneStore
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.layouts.model import LayoutError
from stemfield.layouts.plain_data import PlainDataError
from stemfield.renderer.dsp.fir import FirError, load_fir
from stemfield.renderer.files.audiofile import AudioFileError, AudioReader
from stemfield.separation.cards.card import SHIPPED, CardError, load_card

COUNT = max(int(os.environ.get("STEMFIELD_FUZZ", "20000")) // 20, 1)
FILES = max(COUNT // 5, 1)
CONFIG = """
layout: 5.1
driver: jack
jack: {client_name: room, connect_inputs: ["system:capture_*"]}
inputs:
  - {name: narrator, aed: [0, 0, 2]}
network: {bind: 0.0.0.0, allow: [192.168.1.0/24], token: word}
mirror: [{dialect: adm, host: 192.168.1.8}]
hands: {hold_s: 2, osc: 3}
"""


def wav(subtype: str, kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    sound = 0.5 * np.sin(np.arange(900) / 7)
    soundfile.write(file, sound, 48_000, subtype=subtype, format=kind)
    return file.getvalue()


def recording(context: Context) -> bytes:
    steps = [encode_step(0.0, *entry) for entry in list(stored_changes(None, context.defaults, context))[:12]]
    lines = [HEADER, *steps, encode_step(1.5, "fade", (2.0,)), encode_step(1.5, "/scene/amount", (0.5,)), ""]
    return "\n".join(lines).encode()


def each_damaged(samples: list[bytes], seed: int, count: int = COUNT) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        yield damaged(chance.choice(samples), samples, chance, 6)


def test_damaged_files(context: Context, tmp_path: Path) -> None:
    def read_all(path: Path) -> None:
        with AudioReader(path) as reader:
            for block in reader.blocks(4096):
                assert np.isfinite(block).all()
                assert block.shape[0] == 2

    card = next(SHIPPED.glob("*/card.yaml"))
    model = tmp_path / card.parent.name
    model.mkdir()
    for file in card.parent.glob("*.onnx"):
        (model / file.name).symlink_to(file)
    rooms = [entry.path.read_bytes() for entry in available_layouts()[:6]]
    scene = json.dumps(scene_to_dict(context.defaults, context)).encode()
    kinds: list[tuple[str, list[bytes], Callable[[Path], object], type[Exception] | tuple[type[Exception], ...]]] = [
        ("config.yaml", [CONFIG.encode()], load_config, ConfigError),
        ("room.yaml", rooms, lambda p: load_layout(str(p)), LayoutError),
        (f"{model.name}/card.yaml", [card.read_bytes()], lambda p: load_card(str(p)), CardError),
        (
            "scene.yaml",
            [scene, yaml.safe_dump(json.loads(scene)).encode()],
            lambda p: load_scene_file(p, context),
            SceneFileError,
        ),
        ("take.jsonl", [recording(context)], lambda p: list(read_recording(p)), RecordingError),
        ("song.wav", [wav("PCM_16"), wav("FLOAT"), wav("PCM_24", "FLAC")], read_all, AudioFileError),
        ("taps.wav", [wav("FLOAT"), wav("DOUBLE")], lambda p: load_fir(p, 48_000), FirError),
        ("scene.journal", [journal(tmp_path / "whole", scene)], lambda p: Journal(p).read(), PlainDataError),
    ]
    for seed, (name, samples, read, refusal) in enumerate(kinds):
        refused = 0
        for content in each_damaged(samples, seed, FILES):
            path = tmp_path / name
            path.write_bytes(content)
            try:
                read(path)
            except refusal:
                refused += 1
        assert refused < FILES, f"{name}: some are as good as new"
        assert refused > FILES / 10 or not refusal or name.endswith((".jsonl", ".wav", ".journal")), name


def journal(path: Path, content: bytes) -> bytes:
    made = Journal(path)
    made.reserve()
    made.write(content)
    return path.read_bytes()[: 1 << 12]


def test_damaged_scenes_of_last_time(context: Context, tmp_path: Path) -> None:
    """Whatever is on the disk, the daemon begins with a scene."""
    store = SceneStore(tmp_path, context)
    store.save(context.defaults)
    whole = (tmp_path / "scene.json").read_bytes()
    for content in each_damaged([whole], 8):
        (tmp_path / "scene.json").write_bytes(content)
        scene, _ = store.load()
        assert len(scene.objects) >= len(context.defaults.objects)
        for path in tmp_path.glob("scene.json.broken-*"):
            path.unlink()


def page_messages() -> list[bytes]:
    return [
        json.dumps(document).encode()
        for document in (
            {"send": [["/object/vocals/aed", 30, 0, 1], ["/object/*/mute", True]], "number": 3},
            {"send": [["/scene/save", "../../etc/passwd"], ["/recorder/record", "a/b"], ["/adm/obj/1/x", 0.5]]},
            {"send": [["/ping", None, "x"], ["/subscribe", "/object/*", 60], ["/object/1/touch", 1]]},
            {"packets": True},
            {"COMMAND": "LISTEN", "DATA": "/object/vocals/aed"},
            {"COMMAND": "IGNORE", "DATA": "/object/vocals/aed"},
        )
    ]


def test_damaged_messages_of_pages_and_clients(control: Any) -> None:
    hub, doors = control.hub, Doors(control.hub, Admission((), 1e6), control.scheduler)

    async def run() -> None:
        first, second = (Peer("127.0.0.1", port, lambda *_: None, "web", transport="tcp") for port in (1, 2))
        page = PageClient(None, first, doors, {})  # type: ignore[arg-type]
        client = WebSocketClient(None, second, doors)  # type: ignore[arg-type]
        for number, content in enumerate(each_damaged(page_messages(), 9)):
            text = WSMessage(WSMsgType.TEXT, content.decode(errors="replace"), None)
            for one in (page, client):
                sum(one._take(text))
                sum(one._take(WSMessage(WSMsgType.BINARY, content, None)))
            if number % 100 == 0:
                await asyncio.sleep(0)
                dict(page._changes(0.0))
                list(client._watch.changes(hub.scene))
        hub.leave(page._peer)
        hub.leave(client._peer)

    control.on_loop(run())


def test_damaged_paths_of_the_tree(context: Context) -> None:
    paths = [b"/", b"/object/vocals/aed", b"/object/0", b"/speaker/M+030/gain", b"/../../etc/passwd", b"/group/0//"]
    for content in each_damaged(paths, 10):
        path = "/" + content.decode(errors="surrogateescape").lstrip("/")
        try:
            node = node_at(path, context.defaults, context)
        except PatternError:
            continue
        assert node is None or node["FULL_PATH"].startswith("/")


def test_damaged_requests(control: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever arrives by TCP, the answer is one of HTTP, and none says that the daemon failed."""

    async def start() -> HttpServer:
        given = {"headphones": HeadphoneStream(), "name": "x", "osc_port": 9, "room": {}}
        doors = Doors(control.hub, Admission((), 1e6), control.scheduler)
        server = HttpServer(["127.0.0.1"], 0, doors, **given)
        await server.start()
        return server

    server = control.on_loop(start())
    key = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key += "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n"
    heads = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode()
        for path, more in (
            ("/", ""),
            ("/object/vocals/aed?VALUE", "Accept: text/html\r\n"),
            ("/?HOST_INFO", "Origin: http://127.0.0.1\r\n"),
            ("/panner/../../../etc/passwd", ""),
            ("/panner/%2e%2e/%2e%2e/etc/passwd", "Authorization: Bearer x\r\n"),
            ("/", key),
            ("/panner/socket", key),
        )
    ]
    statuses, answered = set(), 0
    try:
        for number, content in enumerate(each_damaged(heads, 11)):
            with socket.create_connection(("127.0.0.1", server.port), 5) as client:
                client.sendall(content + b"\r\n\r\n")
                client.settimeout(0.5)
                answer = b""
                if number % 4:  # the others hang up at once
                    with suppress(TimeoutError):  # nothing but empty lines is no request yet
                        answer = client.recv(64)
            answered += bool(answer)
            if answer:
                assert answer.startswith(b"HTTP/"), answer
                statuses.add(int(answer.split()[1]))
    finally:
        control.on_loop(server.close())
    assert answered > 0.7 * COUNT
    assert statuses >= {101, 200, 400, 404}
    assert not [status for status in statuses if status >= 500]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
