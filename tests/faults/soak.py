"""Play many hours of music and check that nothing leaks: `make soak`, or `python tests/faults/soak.py --hours 24`.

On the clock driver the daemon freewheels: it renders as fast as the separation follows and misses no stem of a running
worker. Cheap toy models play most of the time, in turn with the included ones. Meanwhile objects move, scenes are
saved, loaded and undone, subscriptions run and a page is connected. `--jackd-minutes` also plays on a real jackd in
real time. Both add a row to docs/reliability.md, under the time that was really played.

Every loss is reported with its cause: what happened when stems were missing, how fast the music ran, how busy the
machine was, and what the log said.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import toy_models as toys
from daemon_process import Daemon, free_port
from fault_table import NOT_RECORDED, FaultTable
from losses import HELD_UP, SKIPPED, Loss, Snapshot, loss_summary, losses, waited_s
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from servers import Jackd

from stemfield.control.offline.demo import demo_mixture_file
from stemfield.renderer.timeline import Timeline

RATE_HZ, PERIOD_FRAMES, HOP = 48_000, 8_192, 2_048
STEP_S = 0.02
TURN_S = 20.0
SHIPPED_TURN_S = 5.0
LOOK_S = 0.5
WARM_AUDIO_S = 600.0
MOST_GROWN = 0.02
MOST_TOLD = 20
OBJECTS = ("vocals", "bass", "drums", "other", "residual")
SUMMARY = re.compile(
    r"([\d.]+) s played; .*; ([\d.]+) s without stems in time, (\d+) cuts; (\d+) skips and (\d+) restarts"
)
COUNTERS = re.compile(r"^stemfield_(\w+)_total (\S+)$", re.MULTILINE)
CONTROL = re.compile(r"(\d+) messages received, (\d+) refused; datagrams dropped: (.*)")


@dataclass(slots=True)
class Look:
    """State of the daemon at one moment."""

    audio_s: float
    memory_mb: float
    stems_behind_frames: int
    latency_ms: float
    descriptors: int


@dataclass(slots=True)
class Watched:
    """A running daemon and its observations."""

    room: Daemon
    freewheels: bool = False
    """Whether its clock waits for the separation: then stems may be lost only when workers change."""
    looks: list[Look] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=lambda: [Snapshot(waited_s=waited_s())])
    begun_s: float = field(default_factory=time.monotonic)
    read: int = 0
    """Bytes read of the log."""
    sound: dict[str, Any] = field(default_factory=dict)
    sent: int = 0
    answers: int = 0
    frames_of_page: int = 0
    timeline: Timeline | None = None

    @property
    def pid(self) -> int:
        assert self.room.process is not None
        return self.room.process.pid

    def send(self, address: str, *values: Any) -> None:
        self.room.send(address, *values)
        self.sent += 1

    def look(self) -> Look:
        """Read the daemon's memory use and the timeline that it shares with the worker."""
        if self.timeline is None:
            self.timeline = timeline_of(self.pid)
        end, stems = self.timeline.mixture_end(), self.timeline.stems_end()
        memory_mb = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
        descriptors = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        self.looks.append(Look(end / RATE_HZ, memory_mb, end - stems, self.sound.get("latency_ms", 0.0), descriptors))
        return self.looks[-1]

    def see(self, audio_s: float, missing_s: float, cuts: float, skips: float, restarts: float) -> None:
        """Add the present counters and the new lines of the log."""
        with self.room.log.open("rb") as log:
            log.seek(self.read)
            lines = log.read().rpartition(b"\n")[0]
        self.read += len(lines) + bool(lines)
        new = tuple(lines.decode().splitlines())
        wall_s = time.monotonic() - self.begun_s
        self.snapshots.append(
            Snapshot(wall_s, audio_s, missing_s, int(cuts), int(skips), int(restarts), waited_s(), new)
        )


def timeline_of(pid: int) -> Timeline:
    """The timeline of a running daemon: an anonymous file among its descriptors."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if "stemfield-timeline" in str(link.readlink()):
                return Timeline.attach(os.open(link, os.O_RDWR))
    raise AssertionError("the daemon has no timeline")


async def watch_page(watched: Watched, port: int) -> None:
    """Connect as a page, and keep its audio status."""
    url = f"ws://127.0.0.1:{port}/panner/socket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as page:
        async for message in page:
            watched.frames_of_page += 1
            if message.type is aiohttp.WSMsgType.TEXT:
                watched.sound |= json.loads(message.data).get("sound", {})


async def count(watched: Watched, port: int) -> None:
    """Read the counters twice a second."""
    names = ("played_seconds", "without_stems_seconds", "cuts", "worker_late", "worker_restarts")
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                read = dict(COUNTERS.findall(await answer.text()))
            watched.see(*(float(read[name]) for name in names))
            await asyncio.sleep(LOOK_S)


async def control(watched: Watched, models: Iterator[str]) -> None:
    """Send moves, scenes, subscriptions and models until cancelled."""
    random, room = np.random.default_rng(0), watched.room
    room.osc.setblocking(False)
    next_turn_s = 0.0
    for step in itertools.count():
        name = OBJECTS[step % len(OBJECTS)]
        watched.send(f"/object/{name}/aed", float(random.uniform(-180, 180)), float(random.uniform(-30, 30)), 1.0)
        if step % 10 == 0:
            watched.send(f"/object/{name}/gain", float(random.uniform(-12, 0)))
        if step % 200 == 0:
            watched.send("/listener/position", *(float(x) for x in random.uniform(-0.3, 0.3, 3)))
        if step % 50 == 0:
            watched.send("/scene/save", f"soak {step // 50 % 8}")
        if step % 50 == 25:
            watched.send("/scene/load", f"soak {step // 50 % 8}", 0.5)
        if step % 50 == 40:
            watched.send("/scene/undo")
        if step % 500 == 0:
            watched.send("/subscribe", "/object/*/aed", 30)
            watched.send("/subscribe", "/meter/*/*", 10)
        if time.monotonic() >= next_turn_s:
            model = next(models)
            watched.send("/separation/model", model)
            next_turn_s = time.monotonic() + (TURN_S if model.startswith("toy") else SHIPPED_TURN_S)
        with suppress(BlockingIOError):
            while room.osc.recv(65_536):
                watched.answers += 1
        await asyncio.sleep(STEP_S)


async def play(watched: Watched, port: int, models: Iterator[str], audio_s: float, wall_s: float, title: str) -> None:
    """Play until this much was played, or the time is over."""
    work = (watch_page(watched, port), count(watched, port), control(watched, models))
    helpers = [asyncio.ensure_future(one) for one in work]
    end_s = time.monotonic() + wall_s
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[what]}"), TimeElapsedColumn())
    try:
        with Progress(*columns, disable=not sys.stderr.isatty()) as progress:
            bar = progress.add_task(title, total=audio_s, what="")
            while time.monotonic() < end_s:
                await asyncio.sleep(LOOK_S)
                seen = watched.look()
                what = f"{seen.audio_s / 3600:.2f} h, {seen.memory_mb:.1f} MB"
                progress.update(bar, completed=seen.audio_s, what=what)
                for helper in helpers:
                    if helper.done():
                        helper.result()
                        raise AssertionError("the daemon hung up")
                if seen.audio_s >= audio_s:
                    break
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Result:
    """Measurements of a long run."""

    played_s: float
    wall_s: float
    warm_mb: float
    last_mb: float
    slope_mb_h: float
    """Growth in the second half, per hour of music."""
    behind: tuple[int, int]
    """Maximum delay of the stems behind the mixture, in the first and the last tenth, in frames."""
    latencies_ms: tuple[float, ...]
    descriptors: tuple[int, int]
    problems: tuple[str, ...]
    missed_s: float
    switches: int
    answers: int
    sent: int
    losses: tuple[Loss, ...]


def judge(watched: Watched, wall_s: float) -> Result:
    """Stop the daemon and evaluate its counters and log."""
    end_frames = watched.timeline.mixture_end() if watched.timeline else 0
    status = watched.room.stop()
    text = watched.room.log.read_text()
    played_s, missed_s, cuts, skips, restarts = map(float, SUMMARY.findall(text)[-1])
    watched.see(played_s, missed_s, cuts, skips, restarts)
    lost = tuple(losses(watched.snapshots))
    late_s = sum(loss.missing_s for loss in lost if loss.cause in (HELD_UP, SKIPPED))
    heard, _, dropped = CONTROL.findall(text)[-1]
    looks = watched.looks
    warm = next((look for look in looks if look.audio_s >= WARM_AUDIO_S), looks[-1])
    half = [look for look in looks if look.audio_s >= looks[-1].audio_s / 2]
    slope = np.polyfit([k.audio_s / 3600 for k in half], [k.memory_mb for k in half], 1)[0] if len(half) > 2 else 0.0
    tenth = max(len(looks) // 10, 1)
    latencies = tuple(sorted({look.latency_ms for look in looks if look.latency_ms}))
    grown = looks[-1].memory_mb / warm.memory_mb - 1
    tellings = {
        f"exit status {status}": status != 0,
        "a traceback in the log": "Traceback" in text,
        f"memory grew by {100 * grown:.1f} % since 10 minutes of music": grown > MOST_GROWN,
        f"latencies {latencies}": len(latencies) != 1,
        f"{restarts:.0f} workers had to be replaced": restarts > 0,
        f"{cuts:.0f} cuts": cuts > 0,
        f"{late_s:.2f} s without stems that the clock did not wait for": watched.freewheels and late_s > 0,
        f"played {played_s} s, the timeline says {end_frames / RATE_HZ:.1f} s": played_s < end_frames / RATE_HZ - 0.1,
        f"{watched.sent} messages sent, {heard} heard, dropped: {dropped}": int(heard) != watched.sent,
    }
    return Result(
        played_s,
        wall_s,
        warm.memory_mb,
        looks[-1].memory_mb,
        float(slope),
        tuple(max(look.stems_behind_frames for look in part) for part in (looks[:tenth], looks[-tenth:])),
        latencies,
        (warm.descriptors, looks[-1].descriptors),
        tuple(text for text, wrong in tellings.items() if wrong),
        missed_s,
        text.count(" plays\n"),
        watched.answers,
        watched.sent,
        lost,
    )


def models(folder: Path) -> Iterator[str]:
    """Toy models in turn, and sometimes the included ones."""
    toys.wave_stream(folder / "toy1", hop=HOP)
    toys.wave_stream(folder / "toy2", hop=HOP // 2)
    return itertools.cycle(["toy1", "toy2", "toy1", "toy2", "light", "default"])


def by_the_clock(hours: float, wall_s: float) -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        turns = models(folder / "models")
        room = Daemon(
            folder,
            driver="clock",
            layout="quad",
            clock={"freewheel": True, "period_frames": PERIOD_FRAMES},
            separation={"margin_ms": 500},
            http={"port": port},
            model_folders=[str(folder / "models")],
            input=str(demo_mixture_file(folder)),
        )
        return run(
            Watched(room, freewheels=True), port, turns, 3600 * hours, wall_s, f"{hours:g} h on the clock driver"
        )


def on_jackd(minutes: float) -> Result:
    server = Jackd(period_frames=256)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder, port = Path(name), free_port()
            room = Daemon(
                folder,
                driver="jack",
                layout="quad",
                jack={"server_name": server.name, "connect_outputs": ["system:playback_*"]},
                http={"port": port},
                input=str(demo_mixture_file(folder)),
            )
            turns = itertools.chain(["default"], itertools.cycle(["light", "default"]))
            return run(Watched(room), port, turns, 60 * minutes, 60 * minutes, f"{minutes:g} min on jackd")
    finally:
        server.stop()


def run(watched: Watched, port: int, turns: Iterator[str], audio_s: float, wall_s: float, title: str) -> Result:
    watched.room.start()
    watched.room.wait_for("stems arrive")
    begun_s = time.monotonic()
    try:
        asyncio.run(play(watched, port, turns, audio_s, wall_s, title))
        return judge(watched, time.monotonic() - begun_s)
    finally:
        watched.room.close()


def add(fault_table: FaultTable, where: str, done: str, found: Result) -> None:
    """Add a row to the page, named by the hours played, so a longer run gets another row."""
    grown = 100 * (found.last_mb / found.warm_mb - 1)
    fault_table.add(
        "Many hours",
        f"{math.floor(found.played_s / 360) / 10:g} h {where}",
        f"{found.played_s / 3600:.2f} h of music in {found.wall_s / 60:.0f} min; {done}; {found.sent} messages, "
        f"{found.switches} changes of the model, {found.answers} answers",
        outputs=f"{NOT_RECORDED}; stems at most {found.behind[0]} frames behind at the start, {found.behind[1]} at the "
        f"end; latency {', '.join(f'{x:g} ms' for x in found.latencies_ms)} throughout",
        gap=f"{found.missed_s:.1f} s without stems ({loss_summary(found.losses) or 'none lost'})",
        recovered=f"memory {found.warm_mb:.1f} MB after 10 min of music, {found.last_mb:.1f} MB then ({grown:+.1f} %), "
        f"{found.slope_mb_h:+.2f} MB per hour in the second half; {found.descriptors[0]} and {found.descriptors[1]} "
        "descriptors",
        state=f"**failed**: {'; '.join(found.problems)}" if found.problems else "all counters consistent",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--hours", type=float, default=24.0, help="hours of music on the clock, default 24; 0 for none")
    parser.add_argument("--wall-minutes", type=float, default=600.0, help="time limit in minutes")
    parser.add_argument(
        "--jackd-minutes", type=float, default=0.0, help="minutes in real time on a jackd, default 0; 30 is reasonable"
    )
    parser.add_argument("--page", action="store_true", help="write docs/reliability.md")
    options = parser.parse_args(arguments)
    fault_table, runs = FaultTable(), []
    if options.hours:
        runs.append(by_the_clock(options.hours, 60 * options.wall_minutes))
        add(
            fault_table,
            "on the clock driver",
            "moves, scenes, subscriptions, a page, toy and included models",
            runs[-1],
        )
    if options.jackd_minutes:
        runs.append(on_jackd(options.jackd_minutes))
        add(fault_table, "on jackd", "in real time; moves, scenes, subscriptions, a page, included models", runs[-1])
    for row in fault_table.rows:
        print(row.line)
    if options.page:
        fault_table.write()
    for found in runs:
        for loss in sorted(found.losses, key=lambda loss: (loss.cuts, loss.missing_s))[-MOST_TOLD:]:
            print(loss.line, *(f"    {line}" for line in loss.log_lines), sep="\n")
        for problem in found.problems:
            print(problem, file=sys.stderr)
    return int(any(found.problems for found in runs))


if __name__ == "__main__":
    sys.exit(main())
