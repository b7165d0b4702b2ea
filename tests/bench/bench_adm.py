"""Files of the Audio Definition Model for 22.2 beside `ear-render` 2.1.0: speed, and the worst difference between both.

Set STEMFIELD_EAR_PYTHON to a Python that has `ear` 2.1.0 (with NumPy 1.26). Without it only our own figures are given.
A programme has ten objects, ten seconds long; both commands are timed with their start. Times in a file have five
decimals and lie up to a quarter of a frame beside a move, so that one that moves is rendered a little otherwise. Files
of the package `ear` itself are rendered by both too; one that is refused here counts as wholly different.
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
"""As in the tests: 24 bits, and a quarter of a frame."""


def render(path: Path, target: Path) -> tuple[float, float]:
    """Seconds of the whole command, and how many times real time it was by its own account, without its start."""
    began = time.perf_counter()
    words = [STEMFIELD, "render", str(path), "--layout", SYSTEM, "-o", str(target)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    took_s = time.perf_counter() - began
    return took_s, float(done.stderr.split(" times real time")[0].split()[-1])


def worst_db(path: Path, theirs: Path) -> float:
    """The worst difference on any loudspeaker, against the loudest sample of all."""
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
        Row(f"{name}: worst difference on any loudspeaker", worst_db(ours, theirs), "dB of the loudest", limit_db),
        Row(f"{name}: ear-render", SECONDS / theirs_s, "times real time"),
        Row(f"{name}: as fast as ear-render", theirs_s / ours_s, "times"),
    ]


def own_files(python: str, folder: Path) -> list[Row]:
    """The BW64 files with a description that `ear` ships."""
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
        Row(f"{what}, with a description", len(found), "files", at_least=1),
        Row(f"{what}: worst difference", max(worst, default=math.inf), "dB of the loudest", ALMOST_DB),
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
            render(path, ours)  # compiles, where nothing is compiled yet
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
