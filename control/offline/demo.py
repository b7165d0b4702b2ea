"""The shipped demo song: four true stems, and the mixture as their exact sum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.files.audiofile import AudioReader, AudioWriter
from stemfield.renderer.scene.scene import STEMS

DEMO_RATE_HZ = 48000
DEMO_FOLDER = Path(__file__).parents[1] / "data" / "demo"


def demo_stems() -> NDArray[np.float32]:
    """The true stems.

    Returns:
        Shape (4, 2, n) at DEMO_RATE_HZ, in the order of `renderer.scene.STEMS`, full scale +-1.

    Raises:
        AudioFileError: the installation is damaged.
    """
    stems = []
    for name in STEMS:
        with AudioReader(DEMO_FOLDER / f"{name}.flac") as reader:
            stems.append(reader.read(reader.frames))
    return np.stack(stems)


def demo_mixture() -> NDArray[np.float32]:
    """The sum of the stems, shape (2, n). Exact: stems and sum fit into the mantissa of float32."""
    mixture: NDArray[np.float32] = demo_stems().sum(axis=0)
    return mixture


def demo_mixture_file(folder: Path) -> Path:
    """Write the mixture into a folder, for a player that wants a file.

    Returns:
        The path of the WAV file.

    Raises:
        AudioFileError: the folder is missing or cannot be written.
    """
    mixture = demo_mixture()
    path = folder / "demo-song.wav"
    with AudioWriter(path, DEMO_RATE_HZ, 2) as writer:
        writer.write(mixture)
    return path
