"""Songs, recordings and a network to train with."""

import numpy as np
import pytest
import soundfile
import torch

from stemfield.separation.training import dataset
from stemfield.separation.training.fit import Plan
from stemfield.separation.training.network import Network, Shape

RATE_HZ = 44100
SMALL = Shape(width=16, layers=2)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Three songs whose stems are easy to tell apart."""
    root = tmp_path_factory.mktemp("songs")
    for number in range(3):
        random = np.random.default_rng(number)
        time = np.arange(2 * RATE_HZ) / RATE_HZ
        stems = {
            "vocals": np.sin(2 * np.pi * 700 * time + 3 * np.sin(2 * np.pi * 5 * time)),
            "bass": np.sin(2 * np.pi * (60 + 10 * number) * time),
            "drums": random.standard_normal(len(time)) * np.exp(-12 * (time % 0.5)),
            "other": np.sin(2 * np.pi * (2000 + 300 * number) * time),
        }
        place = root / f"{number}"
        place.mkdir()
        for index, (name, sound) in enumerate(stems.items()):
            both = np.stack([sound, (0.4 + 0.2 * index) * sound], axis=1)
            soundfile.write(place / f"{name}.wav", 0.2 * both, RATE_HZ, subtype="PCM_16")
    return root


@pytest.fixture(scope="module")
def library(folder):
    return dataset.SongDataset([folder])


@pytest.fixture(scope="module")
def plan():
    return Plan(steps=6, shape=SMALL, batch=2, hops=12, validate_every=3, warm_up=2)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(4)
    return Network(SMALL).eval()


@pytest.fixture(scope="session")
def records(folder, tmp_path_factory):
    """The same songs, two of them as instrumental recordings, one with only the bass separate."""
    root = tmp_path_factory.mktemp("records")
    for number, parts in enumerate(
        (("bass", "drums", "other"), ("bass", "drums", "other"), ("vocals", "drums", "other"))
    ):
        sounds = {
            name: soundfile.read(folder / f"{number}" / f"{name}.wav", dtype="int16")[0] for name in dataset.STEMS
        }
        place = root / f"record{number}"
        place.mkdir()
        soundfile.write(place / f"{'+'.join(parts)}.flac", sum(sounds[name] for name in parts), RATE_HZ)
    soundfile.write(place / "bass.flac", sounds["bass"], RATE_HZ)
    return root
