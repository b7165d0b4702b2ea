"""`stemfield upmix` to 22.2 as a process: speed, and memory of a short and a long file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from bench import Row, give

from stemfield.control.demo import DEMO_RATE_HZ, demo_mixture

STEMFIELD = str(Path(sys.executable).parent / "stemfield")


def upmix(folder: Path, repeats: int) -> tuple[float, float]:
    """Seconds and peak memory in MiB for the demo song, so many times on end."""
    source, target = folder / "song.wav", folder / "room.wav"
    soundfile.write(source, np.tile(demo_mixture(), repeats).T, DEMO_RATE_HZ)
    command = [STEMFIELD, "upmix", str(source), str(target), "--layout", "22.2"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except FileNotFoundError:
            break
        peak = max(peak, *(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
        time.sleep(0.02)
    assert process.wait() == 0
    return time.perf_counter() - began, peak


def main() -> None:
    length = demo_mixture().shape[1] / DEMO_RATE_HZ
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        upmix(folder, 1)
        short_s, short_mib = upmix(folder, 2)
        long_s, long_mib = upmix(folder, 10)
    give(
        Row("upmix to 22.2, with start of the program", 10 * length / long_s, "times real time", at_least=4),
        Row("upmix to 22.2, without it", 8 * length / (long_s - short_s), "times real time"),
        Row("upmix, memory for 5 times the length", long_mib / short_mib, "times", at_most=1.1),
        Row("upmix, memory", long_mib, "MiB"),
    )


if __name__ == "__main__":
    main()
