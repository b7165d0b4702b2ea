"""Records the words for speaking loudspeaker labels: `python -m tools.record_voice`.

Needs CMU Flite (Debian's `flite`), whose licence and voices allow unrestricted use of the output. The files are part of
the package; run this only to change the vocabulary.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from stemfield.renderer.dsp.speech import VOCABULARY
from stemfield.renderer.native.arrays import Doubles

FOLDER = Path(__file__).parents[1] / "renderer" / "data" / "voice"
RATE_HZ = 16_000
VOICE = "slt"
LEVEL = 0.1
"""Root mean square of every word, so that all are equally loud."""
SILENCE_DB = -40.0
MARGIN_S = 0.02
GAP_S = 0.05


def main() -> None:
    """Write `words.ogg`, and `words.csv` with the first and last frame of each word."""
    text = f"Record the words for loudspeaker labels into {FOLDER}."
    argparse.ArgumentParser(prog="python -m tools.record_voice", description=text).parse_args()
    gap = np.zeros(round(GAP_S * RATE_HZ))
    parts, rows, at = [gap], [], len(gap)
    for word in VOCABULARY:
        sound = _trimmed(_spoken(word))
        sound *= LEVEL / np.sqrt(np.mean(np.square(sound)))
        rows.append((word, at, at + len(sound)))
        parts += [sound, gap]
        at += len(sound) + len(gap)
    FOLDER.mkdir(parents=True, exist_ok=True)
    together = np.concatenate(parts)
    soundfile.write(FOLDER / "words.ogg", together, RATE_HZ, format="OGG", subtype="VORBIS", compression_level=0.7)
    with (FOLDER / "words.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("word", "start", "end"), *rows])


def _spoken(text: str) -> Doubles:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        subprocess.run(["flite", "-voice", VOICE, "-t", text, "-o", str(path)], check=True)  # noqa: S607
        sound, rate_hz = soundfile.read(path, dtype="float64")
    assert rate_hz == RATE_HZ, f"{VOICE} speaks at {rate_hz} Hz"
    return np.asarray(sound, np.float64)


def _trimmed(sound: Doubles) -> Doubles:
    """The sound without silence at both ends."""
    frames = round(MARGIN_S * RATE_HZ)
    power = np.convolve(np.square(sound), np.ones(frames) / frames, "same")
    loud = np.flatnonzero(power > 10 ** (SILENCE_DB / 10) * power.max())
    return sound[max(loud[0] - frames, 0) : loud[-1] + frames].copy()


if __name__ == "__main__":
    main()
