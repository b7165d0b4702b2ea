"""Recordings from Debian packages, written as songs with incomplete stems."""

import argparse
import io
import json
import zipfile

import numpy as np
import pytest
import soundfile

from stemfield.separation.material import records
from stemfield.separation.training import dataset

RATE_HZ = 48000


def _sound(seconds, hz, channels=2):
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return np.stack([0.3 * np.sin(2 * np.pi * hz * time)] * channels, axis=1)


def _write(target, sound):
    """Written in pieces: the encoder of libsndfile fails with a minute at once."""
    with soundfile.SoundFile(target, "w", RATE_HZ, sound.shape[1], format="OGG") as file:
        for begin in range(0, len(sound), 8192):
            file.write(sound[begin : begin + 8192])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A package of plain files, one with an archive, one with separate guitars, and a held-out one."""
    root = tmp_path_factory.mktemp("root")
    games = root / "usr/share/games"
    for place, sounds in {
        "supertuxkart/data/music": {"bay.ogg": _sound(50, 440), "bay_fast.ogg": _sound(50, 550),
                                    "theGreatFair.ogg": _sound(50, 440), "jingle.ogg": _sound(5, 440),
                                    "mono.ogg": _sound(50, 440, 1)},
        "fretsonfire/data/songs/sectoid/War": {"guitar.ogg": _sound(60, 330), "song.ogg": _sound(60, 110)},
        "xmoto/Textures/Musics": {"foxrun.ogg": _sound(50, 440)},
    }.items():  # fmt: skip
        (games / place).mkdir(parents=True)
        for name, sound in sounds.items():
            _write(games / place / name, sound)
    archive = root / "nexuiz-music/usr/share/games/nexuiz/data/music.pk3"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("stairs", "beast-of-insanity"):
            data = io.BytesIO()
            _write(data, _sound(45, 220))
            file.writestr(f"sound/cdtracks/{name}.ogg", data.getvalue())
        file.writestr("sound/readme.txt", "no music")
    return root


def _ask(out, root, **changed):
    chosen = {"out": out, "root": root, "seconds": 20.0, "held_out": False, "processes": 1}
    records.run(argparse.Namespace(**(chosen | changed)))


def test_records_become_songs_of_known_parts(root, tmp_path):
    _ask(tmp_path / "records", root)
    found = {files.paths[0].parent.name: files for files in dataset.find_songs([tmp_path / "records"])}
    assert set(found) == {"supertuxkart-data-bay", "fretsonfire-songs-sectoid-War", "nexuiz-music-stairs"}
    assert found["supertuxkart-data-bay"].groups == ((1, 2, 3),)
    assert found["fretsonfire-songs-sectoid-War"].groups == ((0, 1, 2), (3,))
    bay = dataset.load_song(found["supertuxkart-data-bay"])
    assert bay.frames == 20 * 44100
    spectrum = np.abs(np.fft.rfft(bay.sound[0, 0, :44100].numpy()))
    assert spectrum.argmax() == 440
    assert dataset.load_song(found["fretsonfire-songs-sectoid-War"]).frames == 60 * 44100, "what is apart is kept whole"


def test_what_is_held_out_is_apart_and_everybody_is_thanked(root, tmp_path):
    _ask(tmp_path / "judge", root, held_out=True)
    (files,) = dataset.find_songs([tmp_path / "judge"])
    assert files.paths[0].parent.name == "xmoto-data-foxrun"
    credits_ = json.loads((tmp_path / "judge" / "recipe.json").read_text())["credits"]
    assert credits_ == records.credits_of(held_out=True)
    assert not {*credits_} & {*records.credits_of()}
    for line in records.credits_of():
        assert "NC" not in line
        assert "(Debian package " in line


def test_records_that_are_there_stay(root, tmp_path):
    (tmp_path / "supertuxkart-data-bay").mkdir()
    _ask(tmp_path, root)
    assert not list((tmp_path / "supertuxkart-data-bay").iterdir())


def test_without_packages_it_says_which_are_wanted(tmp_path):
    with pytest.raises(ValueError, match="expected music of the Debian packages nexuiz-music, openarena-088-data"):
        _ask(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
