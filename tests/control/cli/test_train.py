"""`stemfield train`, as a user calls it; what it computes is tested with the training itself."""

import sys

import numpy as np
import pytest
import soundfile
import torch

from stemfield.control.cli import train as cli_train
from stemfield.control.cli.main import main
from stemfield.separation.cards.card import load_card

RATE_HZ = 44100
STEMS = ("vocals", "bass", "drums", "other")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def songs(tmp_path):
    """A folder of one song of one second."""
    folder = tmp_path / "songs" / "one"
    folder.mkdir(parents=True)
    time = np.arange(RATE_HZ) / RATE_HZ
    for index, stem in enumerate(STEMS):
        sound = 0.1 * np.sin(2 * np.pi * 110 * 2**index * time)
        soundfile.write(folder / f"{stem}.wav", np.stack([sound, 0.5 * sound], axis=1), RATE_HZ)
    return tmp_path / "songs"


def run(capsys, *words):
    try:
        status = main([str(word) for word in words])
    except SystemExit as error:
        status = error.code
    out, err = capsys.readouterr()
    lines = [line.removeprefix("stemfield: error: ") for line in err.splitlines() if "stemfield: error: " in line]
    return status, out, lines


def test_a_run_becomes_a_model(capsys, tmp_path, songs):
    judged = ("--validation", songs)
    material = ("--songs", songs, *judged)
    sizes = "--steps 1 --width 8 --layers 1 --batch 1 --hops 8 --judge-every 1 --device cpu"
    status, out, problems = run(capsys, "train", "learn", tmp_path / "run", *material, *sizes.split())
    assert (status, problems) == (0, [])
    assert "1 songs" in out
    model = tmp_path / "mine"
    weights = tmp_path / "run" / "best.pt"
    status, out, problems = run(capsys, "train", "release", weights, model, "--title", "Mine", *judged)
    assert (status, problems) == (0, [])
    assert out.startswith("# mine")
    assert load_card(str(model)).sources == STEMS
    assert run(capsys, "models", "check", model)[:2] == (0, f"{model}: ok\n")
    (tmp_path / "other.pt").write_bytes(b"not weights")
    torch.save({"a": 1}, tmp_path / "strange.pt")
    names = ("other.pt", "strange.pt")
    status, _, problems = run(
        capsys, "train", "release", *(tmp_path / n for n in names), model, "--title", "Mine", *judged
    )
    assert status == 2
    assert problems == [f"{tmp_path / n}: expected the weights of a run (best.pt or step-N.pt)" for n in names]
    beside = ("--beside", "stduio")
    status, _, problems = run(capsys, "train", "release", weights, model, "--title", "Mine", *judged, *beside)
    assert status == 2
    assert "did you mean studio?" in problems[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "musik"], "unknown command musik, did you mean music?"),
        (["train"], "the following arguments are required: COMMAND"),
        (["train", "music", "x", "--voice", "v"], "unknown option --voice, did you mean --voices?"),
        (["train", "music", "x"], "the following arguments are required: --voices"),
        (
            ["train", "music", "x", "--voices", "v", "--songs", "0"],
            "argument --songs: expected a whole number of at least 1, got 0",
        ),
        (
            ["train", "learn", "r", "--steps", "many"],
            "argument --steps: expected a whole number of at least 1, got many",
        ),
        (["train", "music", "x", "--voices", "/nowhere"], "--voices /nowhere: no such file or folder"),
        (
            ["train", "learn", "r", "--songs", "/nowhere", "--validation", "/nowhere", "--steps", "1"],
            "--songs /nowhere: no such file or folder",
        ),
    ],
)
def test_bad_usage_is_one_line_with_a_hint(capsys, words, message):
    status, _, problems = run(capsys, *words)
    assert status == 2
    assert len(problems) == 1
    assert message in problems[0]


def test_what_is_not_there_is_told(capsys, tmp_path, songs):
    empty = tmp_path / "empty"
    empty.mkdir()
    run_folder = tmp_path / "run"
    learn = ("train", "learn", run_folder, "--steps", 1, "--device", "cpu")
    status, _, (problem,) = run(capsys, *learn, "--songs", empty, "--validation", songs)
    assert (status, problem) == (2, f"no songs in {empty}")
    status, _, (problem,) = run(capsys, *learn, "--songs", songs, "--validation", empty)
    assert (status, problem) == (2, f"expected folders with at least two stems, got none in {empty}")
    status, _, (problem,) = run(capsys, "train", "music", tmp_path / "out", "--voices", empty, "--no-soundfonts")
    assert (status, problem) == (
        2,
        f"{empty}: expected voices listed in sources.py, in folders named owner+name, got none",
    )
    assert not run_folder.exists()


def test_songs_at_another_rate_are_all_named(capsys, tmp_path, songs):
    for name in ("two", "three"):
        (songs / name).mkdir()
        for stem in STEMS:
            soundfile.write(songs / name / f"{stem}.wav", np.zeros((100, 2)), 48000)
    words = ("--songs", songs, "--validation", songs, "--steps", 1)
    status, _, problems = run(capsys, "train", "learn", tmp_path / "run", *words)
    assert status == 2
    assert problems == [f"{songs / name}: expected 44100 Hz, got 48000 Hz" for name in ("three", "two")]


@pytest.mark.parametrize(("step", "needed"), [("music", "pyworld"), ("learn", "torch"), ("release", "onnxscript")])
def test_without_the_extra_it_says_how_to_get_it(capsys, monkeypatch, step, needed):
    find = cli_train.find_spec
    monkeypatch.setattr(cli_train, "find_spec", lambda name: None if name == needed else find(name))
    words = {
        "music": ["x", "--voices", "v"],
        "learn": ["r", "--songs", "s", "--validation", "v", "--steps", "1"],
        "release": ["w.pt", "m", "--title", "t", "--validation", "v"],
    }[step]
    status, _, problems = run(capsys, "train", step, *words)
    assert status == 2
    assert problems == [f'training needs {needed}: pip install "stemfield[train]"']


def test_an_accelerator_that_is_not_there_is_told_before_the_work(capsys, tmp_path, songs):
    words = ("--songs", songs, "--validation", songs, "--steps", 1, "--device", "warp")
    status, _, (problem,) = run(capsys, "train", "learn", tmp_path / "run", *words)
    assert status == 2
    assert problem.startswith("--device warp: ")


def test_soundfonts_without_their_player_are_told(capsys, tmp_path, monkeypatch):
    font = tmp_path / "font.sf2"
    font.touch()
    (tmp_path / "fluidsynth.py").write_text("raise ImportError('no library')")  # as the binding does without it
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fluidsynth", raising=False)
    words = ("--voices", tmp_path, "--soundfont", font)
    status, _, (problem,) = run(capsys, "train", "music", tmp_path / "out", *words)
    assert status == 2
    assert problem == "soundfonts need FluidSynth (Debian: libfluidsynth3), or --no-soundfonts"
