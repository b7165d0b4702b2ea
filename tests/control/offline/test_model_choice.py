"""Which model separates a recording: that of files, a named one, or that of the room."""

import json

import numpy as np
import pytest
import soundfile
import yaml

from stemfield.control.cli.main import main
from stemfield.control.config.configuration import Config
from stemfield.control.offline.batch.job import job_data
from stemfield.control.offline.batch.plan import read_plan
from stemfield.control.offline.inputs import model_for_files
from stemfield.separation.cards.card import load_card
from stemfield.separation.streaming.streaming import Separator

RATE_HZ = 44100


@pytest.fixture
def song(tmp_path):
    time = np.arange(RATE_HZ) / RATE_HZ
    sound = 0.1 * np.random.default_rng(0).standard_normal((RATE_HZ, 2)) + 0.2 * np.sin(880 * time)[:, None]
    path = tmp_path / "song.wav"
    soundfile.write(path, sound, RATE_HZ, subtype="FLOAT")
    return path


def vocals_of(model, song):
    music = soundfile.read(song, dtype="float32")[0].T
    separator = Separator(load_card(model), RATE_HZ)
    return np.concatenate([separator.feed(music), separator.flush()], axis=2)[0]


@pytest.mark.parametrize(
    ("words", "model"), [([], "files"), (["--live"], "default"), (["--model", "light"], "light")], ids=str
)
def test_a_recording_is_separated_by_the_model_of_files_unless_another_is_asked_for(words, model, song, tmp_path):
    assert main(["separate", str(song), str(tmp_path / "out"), *words]) == 0
    vocals = soundfile.read(tmp_path / "out" / "vocals.wav", dtype="float32")[0].T
    assert np.abs(vocals - vocals_of(model, song)).max() < 1e-5


def test_live_is_the_configured_model():
    mine = Config(model="studio")
    assert model_for_files(None, mine, live=True) == "studio"
    assert model_for_files(None, Config(), live=True) == "default"
    assert model_for_files(None, mine, live=False) == "files"
    assert model_for_files("light", mine, live=True) == "light"


def test_a_batch_chooses_alike(tmp_path, song):
    plan = {
        "output": "out",
        "inputs": [song.name],
        "defaults": {"live": True},
        "remix": {},
        "separate": {"live": False},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    jobs = {
        kind: job_data(kind, options, tmp_path, Config())["options"]
        for kind, options in read_plan(tmp_path / "plan.yaml").jobs()
    }
    assert {kind: options["model"] for kind, options in jobs.items()} == {"remix": "default", "separate": "files"}
    assert "live" not in json.dumps(jobs)
