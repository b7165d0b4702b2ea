"""`stemfield batch`: two workers against one, and the cost of a catalogue.

Twelve recordings of 24 s are upmixed to 7.1.4 by one worker and by two, alternately; the faster of two rounds counts,
because other load only slows it down. The time for two very short recordings, mostly the start of the program and its
workers, is subtracted from both. The cost of a catalogue comes from the command itself, by the time for each
recording, and from the processor time of all its processes including their start.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile
import yaml
from bench import Row, give

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture

STEMFIELD = str(Path(sys.executable).parent / "stemfield")
FILES, ROUNDS = 12, 2
COST = "core-hours per 1,000 hours of music"


def run(folder: Path, workers: int, what: str) -> tuple[float, float, float]:
    """Duration of the whole command, its own figure of cost, and processor time of all its processes, in seconds."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    plan = folder / "plan.yaml"
    job = {"inputs": [f"{what}/*.wav"], "output": "out", "upmix": {"layout": "7.1.4"}}
    plan.write_text(yaml.safe_dump(job))
    busy_s, began = processors_s(), time.perf_counter()
    words = [STEMFIELD, "batch", str(plan), "--workers", str(workers), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    took_s = time.perf_counter() - began
    cost = json.loads(done.stdout.splitlines()[-1])["summary"]["core_h_per_1000_h"]
    return took_s, cost, processors_s() - busy_s


def processors_s() -> float:
    """Processor time of all ended child processes and their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = demo_mixture()
        for what, count, sound in (("long", FILES, song), ("short", 2, song[:, : DEMO_RATE_HZ // 2])):
            (folder / what).mkdir()
            for number in range(count):
                soundfile.write(folder / what / f"{number:02}.wav", sound.T, DEMO_RATE_HZ)
        run(folder, 1, "short")  # compiles if needed
        found = {(what, workers): [] for what in ("short", "long") for workers in (1, 2)}
        for _ in range(ROUNDS):
            for (what, workers), rounds in found.items():
                rounds.append(run(folder, workers, what))
        start_s = {workers: min(found["short", workers])[0] for workers in (1, 2)}
        one_s, cost, busy_s = min(found["long", 1])
        two_s, cost_of_two, _ = min(found["long", 2])
        music_s = FILES * song.shape[1] / DEMO_RATE_HZ
        give(
            Row("two workers against one", (one_s - start_s[1]) / (two_s - start_s[2]), "times", at_least=1.7),
            Row("two workers against one, with start of the program", one_s / two_s, "times"),
            Row("start of the program and two workers", start_s[2], "s"),
            Row("upmix to 7.1.4, one worker", cost, COST),
            Row("upmix to 7.1.4, each of two workers", cost_of_two, COST),
            Row("upmix to 7.1.4, by processor time, with start of the program", 1000 * busy_s / music_s, COST),
        )


if __name__ == "__main__":
    main()
