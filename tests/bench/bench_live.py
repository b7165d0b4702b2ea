"""The whole daemon during playback: the demo song in a loop, separated live, on 22.2, on a real jackd.

A hop is missed if its stems are not there in time; the mixture is played instead. Vocals circle the listener with 25
messages per second. STEMFIELD_LIVE_MINUTES sets the duration (default: one minute; the requirement is for 30). Xruns
are those of the server, whoever caused them; they have no target, because other programs cause them too. The
callback's times, of the last 65,536 periods, show whether stemfield did. For the last rows, other processes compute
without pause for half a minute, two per core.
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
HOP_S = load_card(DEFAULT).stft.hop / RATE
SUMMARY = re.compile(
    r"([\d.]+) s played; blocks took (\d+) / (\d+) / (\d+) us .*; ([\d.]+) s without stems in time, (\d+) cuts; "
    r"(\d+) skips and (\d+) restarts of the worker"
)


def cpu_s(pid: int) -> float:
    """Processor time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def play(room: Daemon, seconds: float) -> list[Row]:
    """Move objects in circles for this long; return what daemon and worker use meanwhile."""
    pids = {"daemon": room.process.pid, "worker": room.wait_for_worker()}
    before = {name: (cpu_s(pid), memory_mib(pid)) for name, pid in pids.items()}
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        room.send("/object/vocals/aed", (40.0 * now) % 360.0 - 180.0, 0.0, 1.0)
        time.sleep(STEP_S)
    rows = []
    for name, pid in pids.items():
        rows.append(Row(f"{name}, processor", 100 * (cpu_s(pid) - before[name][0]) / now, "% of a core"))
        rows.append(Row(f"{name}, memory growth", memory_mib(pid) - before[name][1], "MiB"))
    return rows


@contextmanager
def xruns_of(server: str) -> Iterator[list[float]]:
    """Xrun delays that the server reports meanwhile."""
    delays_us: list[float] = []
    client = jack.Client("watch", no_start_server=True, servername=server)
    client.set_xrun_callback(delays_us.append)
    with client:
        yield delays_us


@contextmanager
def busy_machine() -> Iterator[None]:
    """Other processes that compute without pause."""
    crowd = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for one in crowd:
            one.kill()
            one.wait()


def evening(seconds: float) -> tuple[list[Row], list[Row]]:
    """Rows of faults that must not happen, and rows of costs."""
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
        Row("cuts (audible as clicks)", cuts, "", at_most=0),
        Row("times the worker dropped its backlog", skips, "", at_most=0),
        Row("workers replaced", restarts, "", at_most=0),
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
