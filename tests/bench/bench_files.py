"""`stemfield upmix` to 22.2 and `stemfield separate` as processes: speed, and memory for a short and a long file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from bench import Row, give

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture

STEMFIELD = str(Path(sys.executable).parent / "stemfield")
SHORT, LONG = 2, 10
"""Number of repetitions of the demo song of 24 s."""


def run(folder: Path, repeats: int, command: str) -> tuple[float, float]:
    """Duration in seconds and peak memory in MiB for the demo song, repeated this often."""
    source = folder / "song.wav"
    soundfile.write(source, np.tile(demo_mixture(), repeats).T, DEMO_RATE_HZ)
    words = {"upmix": [str(folder / "room.wav"), "--layout", "22.2"], "separate": [str(folder / "stems")]}[command]
    began = time.perf_counter()
    process = subprocess.Popen(
        [STEMFIELD, command, str(source), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def rows(folder: Path, command: str, name: str) -> list[Row]:
    length_s = demo_mixture().shape[1] / DEMO_RATE_HZ
    run(folder, 1, command)
    short_s, short_mib = run(folder, SHORT, command)
    long_s, long_mib = run(folder, LONG, command)
    return [
        Row(f"{name}, with start of the program", LONG * length_s / long_s, "times real time", at_least=4),
        Row(f"{name}, without it", (LONG - SHORT) * length_s / (long_s - short_s), "times real time"),
        Row(f"{name}, memory for {LONG / SHORT:g} times the length", long_mib / short_mib, "times", at_most=1.1),
        Row(f"{name}, memory", long_mib, "MiB"),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        give(*rows(folder, "upmix", "upmix to 22.2"), *rows(folder, "separate", "separate"))


if __name__ == "__main__":
    main()
