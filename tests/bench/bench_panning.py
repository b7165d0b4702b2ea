"""Point source gains on 22.2: positions per second, and the time of a call with few.

Peers run in their own environments in the same minute: set STEMFIELD_EAR_PYTHON to a Python that has `ear` 2.1.0 (with
NumPy 1.26), STEMFIELD_SPAUDIOPY_PYTHON to one that has `spaudiopy`. Without them only stemfield is measured. All
compute gains of random directions on the 22 loudspeakers, on one core. EAR pans one direction per call, as its
renderer does; spaudiopy and stemfield pan all at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable

import numpy as np
from bench import Row, give

from stemfield.layouts.loader import load_layout
from stemfield.renderer.panning.extent import extent_gains
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.gains import placed
from stemfield.renderer.scene.scene import Scene, SceneObject

POSITIONS = 4096
ROUNDS = 15

PREPARE = """
import json, sys, time, warnings
import numpy as np
warnings.filterwarnings("ignore")
given = json.load(sys.stdin)
speakers, points = np.array(given["speakers"]), np.array(given["points"])
"""
FINISH = """
best = 1e9
for _ in range(3):
    began = time.perf_counter()
    pan(points)
    best = min(best, time.perf_counter() - began)
print(json.dumps(len(points) / best))
"""
PEERS = {
    "ear": """
from ear.core import bs2051, point_source
panner = point_source.configure(bs2051.get_layout("9+10+3").without_lfe)
points = points[:1000, [1, 0, 2]] * [-1, 1, 1]
pan = lambda points: [panner.handle(point) for point in points]
""",
    "spaudiopy": """
import spaudiopy
room = spaudiopy.decoder.LoudspeakerSetup(*speakers.T)
room.pop_triangles(normal_limit=180, aperture_limit=180, opening_limit=180)
points = points[:2000]
pan = lambda points: spaudiopy.decoder.vbap(points, room, jobs_count=1)
""",
}


def best_s(work: Callable[[], object], repeats: int = 1) -> float:
    """Time of the fastest round, in seconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        times.append((time.perf_counter() - began) / repeats)
    return min(times)


def peer_per_s(name: str, speakers: np.ndarray, points: np.ndarray) -> float | None:
    """Positions per second of a peer; None if it is not installed."""
    python = os.environ.get(f"STEMFIELD_{name.upper()}_PYTHON")
    if not python:
        return None
    done = subprocess.run(
        [python, "-c", PREPARE + PEERS[name] + FINISH],
        input=json.dumps({"speakers": speakers.tolist(), "points": points.tolist()}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    layout = load_layout("22.2")
    panner = Panner(layout)
    points = np.random.default_rng(22).normal(size=(POSITIONS, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    azimuths, elevations = np.radians([(s.azimuth_deg, s.elevation_deg) for s in layout.speakers if not s.lfe]).T
    speakers = np.stack(
        [np.cos(elevations) * np.cos(azimuths), np.cos(elevations) * np.sin(azimuths), np.sin(elevations)], axis=1
    )
    panner.gains(points[:1])
    extent_gains(panner, points[:1], 30, 30)

    ours = POSITIONS / best_s(lambda: panner.gains(points))
    rows = [Row("positions per second", ours, "1/s")]
    for name in PEERS:
        theirs = peer_per_s(name, speakers, points)
        if theirs is not None:
            rows.append(Row(f"positions per second, {name}", theirs, "1/s"))
            rows.append(Row(f"positions per second, relative to {name}", ours / theirs, "times", at_least=300))
    for count in (1, 8):
        few = points[:count].copy()
        rows.append(Row(f"call with {count}", 1e6 * best_s(lambda few=few: panner.gains(few), 2000), "us", at_most=100))
    many = points[:128].copy()
    wide = best_s(lambda: extent_gains(panner, many, 60.0, 30.0), 20)
    rows.append(Row("one source of 60 by 30 degrees", 1e6 * wide / 128, "us"))
    moving = best_s(lambda: panner.gains(many), 500)
    rows.append(Row("128 objects moved 100 times per second", 100 * 100 * moving, "% of a core", at_most=2))
    objects = tuple(
        SceneObject(number, str(number), "input", (number,), position=tuple(point))
        for number, point in enumerate(many.tolist())
    )
    scene = best_s(lambda: placed(Scene(objects), layout, panner), 10)
    rows.append(Row("whole scene of 128 objects, from values to matrix", 1e3 * scene, "ms"))
    give(*rows)


if __name__ == "__main__":
    main()
