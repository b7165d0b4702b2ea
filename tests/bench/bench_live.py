"""The whole daemon while it plays: the demo song in a loop, separated live, on 22.2, on a real jackd.

A hop is missed when its stems are not there when they are to be played; the mixture is played instead. Vocals circle
the listener, 25 messages a second. STEMFIELD_LIVE_MINUTES says how long it plays (one minute where not given; the
promise is for 30). Xruns are those of the server, whoever caused them: they have no target, because other programs of
the machine cause them, too, and whether it was us the callback's times say, which are of the latest 65,536 periods. The
last rows are of half a minute in which other processes compute without a pause, two for each core.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from pathlib import Path

import jack
from bench import Row, give, jackd
from daemon_process import Daemon

from stemfield.control.offline.demo import demo_mixture_file
from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.presets import DEFAULT

RATE, FRAMES, SPEAKERS = 48_000, 128, 24
SECONDS = 60 * float(os.environ.get("STEMFIELD_LIVE_MINUTES", "1"))
DISTURBED_S = 30.0
STEP_S = 0.04
HOP_S = load_card(DEFAULT).step_samples / RATE
SUMMARY = re.compile(
    r"([\d.]+) s played; blocks took (\d+) / (\d+) / (\d+) us .*; ([\d.]+) s without stems in time, (\d+) cuts; "
    r"(\d+) skips and (\d+) restarts of the worker"
)


def cpu_s(pid: int) -> float:
    """Processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def play(room: Daemon, seconds: float) -> list[Row]:
    """Circles for so long; what daemon and worker take meanwhile."""
    pids = {"daemon": room.process.pid, "worker": room.wait_for_worker()}
    before = {name: (cpu_s(pid), memory_mib(pid)) for name, pid in pids.items()}
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        room.send("/object/vocals/aed", (40.0 * now) % 360.0 - 180.0, 0.0, 1.0)
        time.sleep(STEP_S)
    rows = []
    for name, pid in pids.items():
        rows.append(Row(f"{name}, processor", 100 * (cpu_s(pid) - before[name][0]) / now, "% of a core"))
        rows.append(Row(f"{name}, memory gained", memory_mib(pid) - before[name][1], "MiB"))
    return rows


@contextmanager
def xruns_of(server: str) -> Iterator[list[float]]:
    """The delays that the server reports meanwhile."""
    delays_us: list[float] = []
    client = jack.Client("watch", no_start_server=True, servername=server)
    client.set_xrun_callback(delays_us.append)
    with client:
        yield delays_us


@contextmanager
def busy_machine() -> Iterator[None]:
    """Other processes that compute without a pause."""
    crowd = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for one in crowd:
            one.kill()
            one.wait()


def evening(seconds: float) -> tuple[list[Row], list[Row]]:
    """What must not happen, and what it cost."""
    with jackd(RATE, FRAMES, SPEAKERS) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        room = Daemon(
            folder,
            driver="jack",
            jack={"server_name": server, "connect_outputs": ["system:playback_*"]},
            input=str(demo_mixture_file(folder)),
        )
        room.start()
        room.wait_for("stems arrive")
        time.sleep(1.0)
        with xruns_of(server) as xruns:
            costs = play(room, seconds)
        room.stop()
        text = room.log.read_text()
    at_start_s = float(re.search(r"stems arrive; ([\d.]+) s", text)[1])
    played_s, p50, p99, p999, missed_s, cuts, skips, restarts = map(float, SUMMARY.search(text).groups())
    times = {"p50": p50, "p99": p99, "p99.9": p999}
    period_us = 1e6 * FRAMES / RATE
    faults = [
        Row("hops missed", ceil((missed_s - at_start_s) / HOP_S), "", at_most=0),
        Row("cuts that would be heard as clicks", cuts, "", at_most=0),
        Row("times the worker gave its backlog up", skips, "", at_most=0),
        Row("workers that had to be replaced", restarts, "", at_most=0),
        Row("xruns of the server", len(xruns), ""),
    ]
    costs += [Row(f"callback, {which}", 100 * us / period_us, "% of the period") for which, us in times.items()]
    return faults, [Row("played", played_s, "s"), *costs]


def main() -> None:
    with busy_machine():
        disturbed, _ = evening(DISTURBED_S)
    faults, costs = evening(SECONDS)
    missed, *others = (replace(row, what=f"busy machine, {row.what}") for row in disturbed)
    give(*faults, *costs, missed, *(replace(row, at_most=None) for row in others))


if __name__ == "__main__":
    main()
