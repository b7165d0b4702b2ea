"""ADM files for 22.2, compared with `ear-render` 2.1.0: speed, and the largest difference.

Set STEMFIELD_EAR_PYTHON to a Python that has `ear` 2.1.0 (with NumPy 1.26). Otherwise only stemfield is measured. A
programme has ten objects and lasts ten seconds; both commands are timed with their start. Times in a file have five
decimals, up to a quarter of a frame off, so moving scenes differ a little. Both also render the files of the package
`ear` itself; a refused one counts as entirely different.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from adm_cases import FIRST, RATE, SYSTEM, render_by_ear, scene, sound_of
from bench import Row, give

from stemfield.control.offline.adm_export import export_tracks
from stemfield.layouts.loader import load_layout

STEMFIELD = str(Path(sys.executable).parent / "stemfield")
SECONDS = 10
FIND = "import ear, pathlib; print(pathlib.Path(ear.__file__).parent)"
ALMOST_DB, MOVING_DB = -110, -80
"""Limits as in the tests: 24 bits, and a quarter of a frame."""


def render(path: Path, target: Path) -> tuple[float, float]:
    """Duration of the whole command in seconds, and its own figure of speed without the start, in times real time."""
    began = time.perf_counter()
    words = [STEMFIELD, "render", str(path), "--layout", SYSTEM, "-o", str(target)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    took_s = time.perf_counter() - began
    return took_s, float(done.stderr.split(" times real time")[0].split()[-1])


def worst_db(path: Path, theirs: Path) -> float:
    """Largest difference on any loudspeaker, relative to the loudest sample."""
    found, expected = sound_of(path), sound_of(theirs)
    if found.shape != expected.shape:
        return math.inf
    return float(20 * np.log10(max(np.abs(found - expected).max(), 1e-12) / np.abs(expected).max()))


def compared(python: str, path: Path, ours: Path, ours_s: float, name: str, limit_db: float) -> list[Row]:
    theirs = path.with_suffix(".ear.wav")
    began = time.perf_counter()
    render_by_ear(python, path, theirs)
    theirs_s = time.perf_counter() - began
    return [
        Row(f"{name}: largest difference on any loudspeaker", worst_db(ours, theirs), "dB of the loudest", limit_db),
        Row(f"{name}: ear-render", SECONDS / theirs_s, "times real time"),
        Row(f"{name}: speed relative to ear-render", theirs_s / ours_s, "times"),
    ]


def own_files(python: str, folder: Path) -> list[Row]:
    """BW64 files with ADM metadata that `ear` includes."""
    told = subprocess.run([python, "-W", "ignore", "-c", FIND], capture_output=True, text=True, check=True)
    found = [path for path in Path(told.stdout.strip()).rglob("*.wav") if b"axml" in path.read_bytes()]
    worst = []
    for path in found:
        render_by_ear(python, path, folder / "theirs.wav")
        try:
            render(path, folder / "ours.wav")
        except subprocess.CalledProcessError:
            worst.append(math.inf)
        else:
            worst.append(worst_db(folder / "ours.wav", folder / "theirs.wav"))
    what = "files of `ear` itself"
    return [
        Row(f"{what}, rendered", len(found), "files", at_least=1),
        Row(f"{what}: largest difference", max(worst, default=math.inf), "dB of the loudest", ALMOST_DB),
    ]


def main() -> None:
    rng = np.random.default_rng(22)
    rows: list[Row] = []
    python = os.environ.get("STEMFIELD_EAR_PYTHON")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        soundfile.write(folder / "tape.wav", rng.uniform(-0.2, 0.2, (SECONDS * RATE, 10)), RATE, subtype="FLOAT")
        still = [(0, scene(FIRST), 0.0)]
        moving = [(k * RATE // 2, scene(FIRST[k % 5 :] + FIRST[: k % 5]), 0.0) for k in range(2 * SECONDS)]
        for title, moments, limit_db in (("still", still, ALMOST_DB), ("moving", moving, MOVING_DB)):
            path, ours = folder / f"{title}.adm.wav", folder / f"{title}.wav"
            export_tracks(folder / "tape.wav", path, load_layout(SYSTEM), moments, title)
            render(path, ours)  # compiles if needed
            ours_s, speed = render(path, ours)
            rows.append(Row(f"{title}: stemfield render", SECONDS / ours_s, "times real time"))
            rows.append(Row(f"{title}: stemfield render, without its start", speed, "times real time"))
            if python:
                rows += compared(python, path, ours, ours_s, title, limit_db)
        if python:
            rows += own_files(python, folder)
    give(*rows)


if __name__ == "__main__":
    main()
