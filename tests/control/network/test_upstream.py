"""A machine that separates, controlled and queried by the one that has the loudspeakers."""

from __future__ import annotations

import asyncio
import logging

from stemfield.control.dialects.osc import Message, encode, parse
from stemfield.control.network import mirror
from stemfield.control.network.mirror import Upstream
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.scenes.changes import compare
from stemfield.control.status import idle_status
from stemfield.renderer.scene.scene import default_scene


def test_the_machine_that_separates_is_told_and_asked():
    """By a real socket; what it says that is none of ours changes nothing."""
    heard: list[str] = []

    class Separator(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            for _, message in parse(data, 0.0):
                assert isinstance(message, Message)
                heard.append(f"{message.address} {message.arguments}")
                if message.address == "/status/latency":
                    for answer in (b"rubbish", encode("/status/latency", "f", (float("nan"),))):
                        self.transport.sendto(answer, addr)
                    self.transport.sendto(encode("/status/latency", "f", (123.5,)), addr)

    async def play():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Separator, local_addr=("127.0.0.1", 0))
        scene = default_scene()
        upstream = Upstream(transport.get_extra_info("sockname")[:2], lambda: scene)
        assert upstream.latency_ms is None
        upstream.start()
        while upstream.latency_ms is None:
            await asyncio.sleep(0.01)
        asked, _ = apply(
            scene, SetParameter("/separation/threshold", (0.25,)), Context(("L", "R"), scene, status=idle_status())
        )
        upstream.changed(asked, compare(scene, asked))
        while "/separation/threshold [0.25]" not in heard:
            await asyncio.sleep(0.01)
        found = upstream.latency_ms
        upstream.close()
        transport.close()
        return found

    assert asyncio.run(asyncio.wait_for(play(), 10)) == 123.5
    assert {"/separation/bypass [False]", "/separation/model ['']", "/status/latency []"} <= set(heard)


def test_a_machine_that_plays_nothing_is_told_and_so_is_its_end(caplog, monkeypatch):
    monkeypatch.setattr(mirror, "UPSTREAM_S", 0.02)
    monkeypatch.setattr(mirror, "FRESH_S", 0.1)

    async def play():
        upstream = Upstream(("127.0.0.1", 9), default_scene)
        upstream.start()
        upstream._handle(Message("/status/latency", [0.0], b""))
        await asyncio.sleep(0.3)
        upstream.close()

    with caplog.at_level(logging.INFO, "stemfield.control.network.mirror"):
        asyncio.run(play())
    assert [record.getMessage() for record in caplog.records] == [
        "nothing plays on the machine that separates: 127.0.0.1:9",
        "no reply from the machine that separates: 127.0.0.1:9",
    ]


def test_what_the_machine_that_separates_says_every_second_is_told_once(caplog, monkeypatch):
    monkeypatch.setattr(mirror, "UPSTREAM_S", 0.02)
    monkeypatch.setattr(mirror, "FRESH_S", 0.2)
    latencies_ms = [50.0, 0.0]

    class Separator(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            for _, message in parse(data, 0.0):
                if message.address == "/status/latency":
                    latency_ms = latencies_ms.pop(0) if len(latencies_ms) > 1 else latencies_ms[0]
                    self.transport.sendto(encode("/status/latency", "f", (latency_ms,)), addr)
                    self.transport.sendto(encode("/error", "ss", (f"/any/{latency_ms}", "none of ours")), addr)
                elif message.address != "/separation/model":
                    self.transport.sendto(encode("/error", "ss", (message.address, "you may listen")), addr)

    async def play():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Separator, local_addr=("127.0.0.1", 0))
        upstream = Upstream(transport.get_extra_info("sockname")[:2], default_scene)
        upstream.start()
        await asyncio.sleep(0.5)
        assert upstream.latency_ms == 0.0
        upstream.close()
        transport.close()
        return transport.get_extra_info("sockname")[1]

    with caplog.at_level(logging.INFO, "stemfield.control.network.mirror"):
        port = asyncio.run(asyncio.wait_for(play(), 10))
    assert sorted(record.getMessage() for record in caplog.records) == [
        f"nothing plays on the machine that separates: 127.0.0.1:{port}",
        f"stems come from 127.0.0.1:{port}, with a latency of 50.0 ms",
        "the machine that separates refuses /separation/bypass: you may listen",
        "the machine that separates refuses /separation/threshold: you may listen",
    ]
