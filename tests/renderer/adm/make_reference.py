"""Writes data/adm_reference.npz: what `ear-render` 2.1.0 makes of the files of `adm_cases` on 9+10+3.

`NAME axml` is the description in the file, `NAME feeds` (loudspeakers, frames) what it became; `beds NAME gains`
(places, loudspeakers) are the gains of `adm_cases.bed_places` in a room of BS.2051. `ear`, which needs an
older NumPy, runs in an environment of its own; set STEMFIELD_EAR_PYTHON to a Python that has it, or one is made.
Cartesian positions are turned into directions first, as our renderer does.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from adm_cases import CASES, OURS, bed_gains_of_ear, ear_python, render_by_ear, sound_of, write_case

from stemfield.renderer.files.bw64 import Bw64Reader


def main() -> None:
    arrays: dict[str, np.ndarray] = {}
    with ear_python() as python, TemporaryDirectory() as name:
        folder = Path(name)
        for case in (*CASES, *OURS):
            path = write_case(case, folder)
            with Bw64Reader(path) as reader:
                arrays[f"{case} axml"] = np.frombuffer(reader.axml, np.uint8)
            render_by_ear(python, path, folder / "out.wav", "--apply-conversion", "to_polar")
            arrays[f"{case} feeds"] = sound_of(folder / "out.wav")
        for name, rows in bed_gains_of_ear(python).items():
            arrays[f"beds {name} labels"] = np.array(list(rows[0]))
            arrays[f"beds {name} gains"] = np.array([list(row.values()) for row in rows])
    np.savez_compressed(Path(__file__).parent / "data" / "adm_reference.npz", **arrays)


if __name__ == "__main__":
    main()
