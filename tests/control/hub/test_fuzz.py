"""Damaged datagrams of every dialect into a running hub: nothing escapes, nothing grows, the scene stays a scene.

STEMFIELD_FUZZ sets how many (20,000 where it is not set).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import resource
import struct
from pathlib import Path

from damage import damaged
from pythonosc.osc_message_builder import build_msg

from stemfield.control.dialects import s3a, s3a_listener
from stemfield.control.dialects.registry import decode
from stemfield.control.hub.build import build_hub
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.argument import accept_all
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import every_route
from stemfield.control.scenes.store import SceneStore

COUNT = int(os.environ.get("STEMFIELD_FUZZ", "20000"))
MESSAGES = [
    ("/object/vocals/aed", 30.0, 10.0, 2.0),
    ("/object/*/level", 0.5),
    ("/object/{bass,drums}/name", "x"),
    ("/object/piano/channels", 0, 1),
    ("/object/1/eq", "peak", 100.0, 1.0, 3.0),
    ("/object/guitar/remove",),
    ("/object/guitar/touch", True),
    ("/group/3/rotate", 20.0),
    ("/scene/load", "stage", 0.5),
    ("/scene/undo",),
    ("/scene/redo", 1),
    ("/scene/save", "../x"),
    ("/subscribe", "/object/*/aed", 60, 9),
    ("/unsubscribe",),
    ("/speaker/M+030/gain", -3.0),
    ("/status/*",),
    ("/adm/obj/1/xyz", 0.5, 0.5, 0.0),
    ("/adm/obj/*/azim", 30.0, "touch"),
    ("/adm/obj/2/name", "Lead/Vox"),
    ("/adm/lis/ypr", 1.0, 2.0, 3.0),
    ("/adm/env/change", "stage"),
    ("/adm/ping", 1),
    ("/spat/serv", "deg", 1, 30.0, 0.0, 1.0, 0.1, 0.1),
    ("/spat/serv", "car", 2, 0.5, 0.5, 0.0, 0.0, 0.0),
]
POINT = {"id": "5", "type": "point", "channels": "0:2", "level": "0.5", "position": {"az": "3", "el": 0}}
OTHER = {
    "id": 40,
    "type": "pointextent",
    "channels": [1],
    "eq": [{"type": "peak", "f": 100}],
    "outputChannels": "[M+030]",
}
TURNED = {"x": "0.5", "orientation": {"quaternion": {"w": 1, "x": 0, "y": 0, "z": 0}}}


def corpus() -> list[tuple[object, bytes]]:
    osc = [build_msg(address, list(values)).dgram for address, *values in MESSAGES]
    bundle = b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(m)) + m for m in osc[:6])
    scenes = [json.dumps({"objects": objects}).encode() for objects in ([POINT], [OTHER, POINT], [])]
    return [
        *((decode, packet) for packet in (*osc, bundle, bundle + struct.pack(">i", len(bundle)) + bundle)),
        *((s3a.decode, packet) for packet in scenes),
        (s3a_listener.decode, json.dumps(TURNED).encode()),
    ]


def memory_kib() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def check(hub: Hub, context: Context) -> None:
    """Every value is one that a message could have brought."""
    scene = hub.scene
    assert len({o.id for o in scene.objects}) == len({o.name for o in scene.objects}) == len(scene.objects)
    for route in every_route(scene, context):
        if route.parameter.read is not None and route.parameter.address.startswith(("/object", "/group", "/listener")):
            values = route.parameter.read(scene, route.key)
            if values and not route.parameter.address.endswith(("/distance", "/aed")):
                accept_all(route.parameter.arguments, values, strict=True)


def test_damaged_datagrams(context: Context, tmp_path: Path) -> None:
    chance = random.Random(1)
    packets = corpus()
    osc = [packet for _, packet in packets]
    told = 0

    def count(*_: object) -> None:
        nonlocal told
        told += 1

    async def run() -> None:
        hub = build_hub(context.defaults, context, SceneStore(tmp_path, context))
        hub.listen(count)
        peers = [Peer("127.0.0.1", port, count, kind) for port, kind in ((1, ""), (2, ""), (3, "web"), (4, "s3a"))]
        grown = 0
        for number in range(COUNT):
            code, packet = chance.choice(packets)
            sum(hub.work(damaged(packet, osc, chance), chance.choice(peers), code))  # type: ignore[arg-type]
            if number % 500 == 0:
                await asyncio.sleep(0)
                check(hub, context)
            if number == COUNT // 2:
                grown = memory_kib()
        assert memory_kib() - grown < 8192
        assert hub.reports.counters.problems > COUNT / 4
        await hub.close()

    asyncio.run(run())
    assert told > COUNT / 10
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "scenes"]
