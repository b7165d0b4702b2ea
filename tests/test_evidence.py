"""The measured page of the manual: it is made from songs by one command, and shows what it is allowed to."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from docs._generate import evidence

PAGE = Path(__file__).parents[1] / "docs" / "abilities.md"


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A song whose bass and drums are only known together."""
    root = tmp_path_factory.mktemp("songs")
    (root / "toy").mkdir()
    for number, name in enumerate(("vocals", "bass+drums", "other")):
        noise = 0.1 * np.random.default_rng(number).standard_normal((44100, 2))
        soundfile.write(root / "toy" / f"{name}.wav", noise, 44100)
    return root


def test_the_command_makes_pictures_and_tables_without_audio(songs, tmp_path, monkeypatch):
    methods = {name: evidence.COLOURS[name] for name in ("no learning", "light", "oracle masks")}
    for name, value in {"MODELS": ("light",), "SHOWN": ("light",), "COLOURS": methods}.items():
        monkeypatch.setattr(evidence, name, value)
    evidence.main([str(tmp_path), "--songs", str(songs), "--seconds", "2"])
    made = {path.name for path in (tmp_path / "evidence").iterdir()}
    assert made == {"scores.png", "routing.png", "spectrogram-demo.png", "figures.md"}
    text = (tmp_path / "evidence" / "figures.md").read_text()
    assert "| drums (1) |" in text
    assert "| vocals (2) |" in text
    assert "| toy | bass+drums |" in text
    row = next(line for line in text.splitlines() if line.startswith("| demo | vocals |"))
    _signal_processing, light, ideal = map(float, row.split("|")[3:-1])
    assert light < ideal


def test_unknown_songs_to_show_are_refused(songs, tmp_path, capsys):
    with pytest.raises(SystemExit):
        evidence.main([str(tmp_path), "--songs", str(songs), "--show", "toi"])
    assert "--show toi: expected one of demo, toy" in capsys.readouterr().err


def test_the_page_shows_every_picture_that_was_made():
    shown = set(re.findall(r"\]\(evidence/([^)]+)\)", PAGE.read_text()))
    assert shown == {path.name for path in (PAGE.parent / "evidence").glob("*.png")}
