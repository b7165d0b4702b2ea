"""Control under load: OSC over real sockets into the scene and the gains of 22.2, on a real jackd.

Eight senders in another process flood the daemon with positions of 20 objects, half of them as single messages, half
in bundles of ten; messages that reach the scene, and those that the kernel dropped, are counted. The callback is
measured with and without the flood, alternately. python-osc's dispatcher gets the same packets in the same minute,
with an empty handler for each of stemfield's addresses.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench import Row, give, jackd
from daemon_process import bundle_at
from jack_client import JackClient
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message_builder import build_msg

from stemfield.control.hub.build import build_hub
from stemfield.control.hub.peers import Peer
from stemfield.control.network.admission import Admission
from stemfield.control.network.scheduler import FairScheduler
from stemfield.control.network.udp import UdpServer
from stemfield.control.parameters.actions import LoadScene, Subscribe
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import every_route
from stemfield.control.scenes.store import SceneStore
from stemfield.control.status import idle_status
from stemfield.layouts.loader import load_layout
from stemfield.renderer.drivers.jack import JackDriver
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
from stemfield.renderer.scene.scene import default_scene

OBJECTS, FRAMES, RATE, TAGGED = 20, 64, 48_000, 75
FLOOD_PER_S, FLOOD_S, SENDERS = 20_000, float(os.environ.get("STEMFIELD_BENCH_FLOOD_S", "60")), 8
QUIET = Peer("127.0.0.1", 9, lambda *_: None)

SENDER = """
import pickle, socket, struct, sys, time
from pythonosc.osc_message_builder import build_msg
port, senders, objects = map(int, sys.argv[1:4])
rate, seconds, path = float(sys.argv[4]), float(sys.argv[5]), sys.argv[6]
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(senders)]
for s in sockets: s.connect(("127.0.0.1", port))
head = {n: build_msg(f"/object/in{n}/aed", [0.0, 0.0, 2.0]).dgram[:-12] for n in range(objects)}
def message(n, azimuth): return head[n] + struct.pack(">fff", azimuth, 0.0, 2.0)
sent, begin = 0, time.monotonic()
while (passed := time.monotonic() - begin) < seconds:
    while sent < passed * rate:
        s = sockets[sent // 20 % senders]
        some = [message((sent + i) % objects, (sent + i) % 180) for i in range(20)]
        for one in some[:10]: s.send(one)
        s.send(b"#bundle" + bytes(8) + b"\\1" + b"".join(struct.pack(">i", len(m)) + m for m in some[10:]))
        sent += 20
    time.sleep(0.002)
time.sleep(0.2)
for n in range(objects): sockets[0].send(message(n, float(n)))
pickle.dump(sent + objects, open(path, "wb"))
"""

PACED = """
import pickle, socket, struct, sys, time
from pythonosc.osc_message_builder import build_msg
port, rate, count, path = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.1", port))
head = build_msg("/object/in0/x", [1.0]).dgram[:-4]
times, begin = [], time.monotonic()
for n in range(count):
    while time.monotonic() < begin + n / rate: time.sleep(0.0002)
    times.append(time.monotonic())
    s.send(head + struct.pack(">f", n / 4096))
pickle.dump(times, open(path, "wb"))
"""


class Bench:
    """Hub, port, engine and jackd, connected as in the daemon."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self.server = folder, server
        layout = load_layout("22.2")
        defaults = default_scene([(f"in{n}", (n,)) for n in range(OBJECTS)])
        self.context = Context(layout.labels, defaults, status=idle_status())
        self.hub = build_hub(defaults, self.context, SceneStore(folder, self.context))
        self.engine = Engine(RATE, 2, OBJECTS, 24, 4, 2304)
        self.room = Renderer(layout, Panner(layout), self.engine)
        self.room.apply(defaults)
        self.driver = JackDriver(JackSettings(server_name=server), lambda _reason: None)
        names = tuple(f"in{n}" for n in range(OBJECTS))
        self.driver.start(self.engine, JackPorts(("L", "R", *names), 2, layout.labels, tuple(range(1, 25))))
        self.hub.follow(self.room.follow)
        self.udp = UdpServer("127.0.0.1", 0, Admission((), 1e9), self.hub.work, FairScheduler())

    async def sender(self, code: str, *arguments: object) -> object:
        path = self.folder / "sent"
        command = [sys.executable, "-c", code, str(self.udp.port), *map(str, arguments), str(path)]
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0
        before = -1
        while before != self.hub.reports.counters.messages:  # until all waiting datagrams are read
            before = self.hub.reports.counters.messages
            await asyncio.sleep(0.3)
        return pickle.loads(path.read_bytes())

    async def p99(self, seconds: float) -> float:
        before = self.engine.counters().calls
        await asyncio.sleep(seconds)
        return float(np.percentile(self.engine.call_times_s(self.engine.counters().calls - before), 99))

    async def flood(self) -> list[Row]:
        rounds = 6
        lost, ratios, wrong = 0, [], 0
        for _ in range(rounds):
            quiet = await self.p99(2.0)
            before = self.hub.reports.counters.messages
            flooding = asyncio.create_task(self.sender(SENDER, SENDERS, OBJECTS, FLOOD_PER_S, FLOOD_S / rounds))
            await asyncio.sleep(0.5)
            ratios.append(await self.p99(max(FLOOD_S / rounds - 1.0, 1.0)) / quiet)
            lost += int(await flooding) - (self.hub.reports.counters.messages - before)  # type: ignore[call-overload]
            for n in range(OBJECTS):
                x, y, _ = self.hub.scene.objects[5 + n].position
                wrong += int(abs(np.degrees(np.arctan2(y, x)) - n) > 1e-4)
        assert lost >= self.udp.lost, "what is missing is what the kernel had no room for"
        return [
            Row(f"lost of {FLOOD_PER_S} messages per second for {FLOOD_S:g} s", lost, "messages", at_most=0),
            Row("objects not at their last position", wrong, "objects", at_most=0),
            Row("callback p99, flooded relative to quiet", float(np.median(ratios)), "ratio", at_most=1.2),
        ]

    async def latency(self) -> list[Row]:
        seen: dict[int, float] = {}

        def note(scene: object, _: object) -> None:
            seen[round(self.hub.scene.objects[5].position[0] * 4096)] = time.monotonic()

        self.hub.listen(note)
        times = await self.sender(PACED, 1000, 5000)
        self.hub.ignore(note)
        assert isinstance(times, list)
        found = [1e3 * (seen[n] - sent) for n, sent in enumerate(times) if n in seen]
        # A message that arrived together with a later one was published with it.
        p50, p99 = np.percentile(found, [50, 99])
        return [
            Row("datagram in to gains published, 1000 per second, p50", float(p50), "ms", at_most=1.0),
            Row("the same, p99", float(p99), "ms", at_most=5.0),
        ]

    async def tagged(self) -> list[Row]:
        """Measure at a loudspeaker's port, by the callback times of its blocks."""
        jack_client = JackClient(self.server, 1, np.full((1, 30 * RATE), 0.5, np.float32))
        name = self.driver.client_name
        jack_client.jack.connect(f"{name}:M+000", jack_client.ins[0])
        jack_client.jack.connect(jack_client.outs[0], f"{name}:in1")
        self.hub.perform([SetParameter("/object/in1/aed", [0.0, 0.0, 1.0])], QUIET)
        jack_client.roll()
        await asyncio.sleep(1.0)
        due_s = 0.3 + 0.1237 * np.arange(TAGGED)
        monotonic_s, epoch_s = time.monotonic(), time.time()
        for n, at_s in enumerate(due_s):
            sum(self.hub.work(bundle_at(epoch_s + at_s, "/object/in1/level", 0.25 + 0.5 * (n % 2)), QUIET))
        step = 0
        while time.monotonic() < monotonic_s + due_s[-1] + 0.3:
            sum(self.hub.work(build_msg("/object/in2/azimuth", [float(step := step + 1)]).dgram, QUIET))
            await asyncio.sleep(0.005)
        found_s = jack_client.changes_s(RATE) - monotonic_s
        jack_client.close()
        found_s = found_s[found_s > 0.2]
        assert len(found_s) == TAGGED
        p50, p99 = np.percentile(1e3 * np.abs(found_s - due_s), [50, 99])
        return [
            Row("time tag of a bundle to change in the outputs, p50", float(p50), "ms", at_most=1.0),
            Row("the same, p99", float(p99), "ms", at_most=1.0),
        ]

    async def subscribers(self) -> Row:
        packets = [build_msg(f"/object/in{n}/azimuth", [0.0]).dgram[:-4] for n in range(OBJECTS)]

        async def share() -> float:
            begin_s, cpu = time.monotonic(), time.process_time()
            for step in range(300):
                for n in range(OBJECTS):
                    sum(self.hub.work(packets[n] + struct.pack(">f", step % 180), QUIET))
                await asyncio.sleep(0.01)
            return (time.process_time() - cpu) / (time.monotonic() - begin_s)

        shares = []
        for _ in range(3):
            without = await share()
            peers = [Peer("127.0.0.1", 20_000 + n, self.udp.send) for n in range(50)]
            for peer in peers:
                self.hub.perform([Subscribe("/object/*/aed", 30)], peer)
            shares.append(await share() - without)
            for peer in peers:
                self.hub.subscriptions.remove(None, peer)
        return Row(
            "50 subscribers to 25 objects at 30 Hz, all moving",
            100 * float(np.median(shares)),
            "% of a core",
            at_most=10,
        )

    def dispatchers(self) -> Row:
        packets = [build_msg(f"/object/in{n}/aed", [30.0, 0.0, 2.0]).dgram for n in range(OBJECTS)]
        dispatcher = Dispatcher()
        for route in every_route(self.context.defaults, self.context):
            dispatcher.map(route.address, lambda *_: None)

        def per_s(take: object) -> float:
            begin = time.perf_counter()
            for _ in range(100):
                for packet in packets:
                    take(packet)  # type: ignore[operator]
            return 100 * len(packets) / (time.perf_counter() - begin)

        ratios = [
            per_s(lambda p: sum(self.hub.work(p, QUIET)))
            / per_s(lambda p: dispatcher.call_handlers_for_packet(p, ("127.0.0.1", 9)))
            for _ in range(7)
        ]
        return Row(
            "messages per second into the scene, relative to python-osc's dispatcher",
            float(np.median(ratios)),
            "ratio",
            at_least=5,
        )


def scene_load(folder: Path) -> Row:
    """Time from the file of a scene with 128 objects to the gains of 22.2."""
    layout = load_layout("22.2")
    context = Context(layout.labels, default_scene([(f"in{n}", (n,)) for n in range(123)]), status=idle_status())
    store = SceneStore(folder / "big", context)
    store.save_named("big", context.defaults)
    hub = build_hub(context.defaults, context, store)
    room = Renderer(layout, Panner(layout), Engine(RATE, 2, 123, 24, 4, 2304))
    room.apply(context.defaults)
    times = []

    async def run() -> None:
        hub.follow(room.follow)
        for _ in range(15):
            begin = time.perf_counter()
            hub.perform([LoadScene("big")], QUIET)
            await asyncio.sleep(0)
            times.append(time.perf_counter() - begin)

    asyncio.run(run())
    return Row("scene of 128 objects, from file to gains", 1e3 * min(times), "ms", at_most=50)


async def run(folder: Path, server: str) -> list[Row]:
    bench = Bench(folder, server)
    await bench.udp.start()
    rows = [
        *await bench.flood(),
        *await bench.latency(),
        *await bench.tagged(),
        await bench.subscribers(),
        bench.dispatchers(),
    ]
    bench.udp.close()
    bench.driver.close()
    return rows


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, jackd(RATE, FRAMES) as server:
        rows = asyncio.run(run(Path(folder), server))
        give(*rows, scene_load(Path(folder)))


if __name__ == "__main__":
    main()
