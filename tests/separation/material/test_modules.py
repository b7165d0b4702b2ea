"""Tracker modules: instruments alone, labels by name and sound, and files that are refused."""

import argparse
import json

import numpy as np
import pytest
import soundfile

from stemfield.separation.material import modules
from stemfield.separation.material.instrument_labels import Measured, label, label_by_name, label_by_sound, measure
from stemfield.separation.material.openmpt import Module, ModuleError
from stemfield.separation.training import dataset

RATE_HZ = 44100
PERIODS = (428, 404, 381, 360, 339, 320)
"""C-2 to F-2 of an Amiga."""


def _sample(name, wave, looped):
    words = len(wave) // 2
    loop = (0, words) if looped else (0, 1)
    numbers = (words, 64, *loop)
    head = name.encode().ljust(22, b"\0") + numbers[0].to_bytes(2, "big") + bytes([0, 64])
    return head + b"".join(number.to_bytes(2, "big") for number in numbers[2:])


def _module(names, orders=4):
    """A module with a kick, a bass of 80 Hz and more, and a melody of 800 Hz and more; 7.7 s per order."""
    at = np.arange(1040) / 8363.0
    kick = np.sin(2 * np.pi * 70 * np.arange(1600) / 8363.0) * np.exp(-np.arange(1600) / 300)
    waves = [kick, np.sin(2 * np.pi * 80.4135 * at), np.sin(2 * np.pi * 804.135 * at)]
    data = [(100 * wave).astype(np.int8).tobytes() for wave in waves]
    heads = [_sample(name, wave, number > 0) for number, (name, wave) in enumerate(zip(names, data, strict=True))]
    cells = np.zeros((64, 4, 4), np.uint8)
    for row in range(0, 64, 4):
        for channel, period in ((0, 428), (1, PERIODS[row // 4 % 6]), (2, PERIODS[row // 8 % 6])):
            cells[row, channel] = (period >> 8, period & 255, (channel + 1) << 4, 0)
    order = bytes([orders, 127]) + bytes(128)
    empty = _sample("", b"", looped=False) * 28
    return (
        b"made in a test".ljust(20, b"\0")
        + b"".join(heads)
        + empty
        + order
        + b"M.K."
        + cells.tobytes()
        + b"".join(data)
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "song.mod"
    path.write_bytes(_module(("kick", "", "")))
    return path


def test_instruments_alone_sum_to_the_module(path):
    module = Module(path, 40)
    assert module.names[:3] == ("kick", "", "")
    assert module.seconds == pytest.approx(4 * 7.68, abs=0.1)
    whole = module.play(range(3), 8.0)
    alone = [module.play([index], 8.0) for index in range(3)]
    assert whole.shape == (2, 8 * RATE_HZ)
    assert np.abs(sum(alone) - whole).max() < 1e-4 * np.abs(whole).max()
    assert np.abs(np.fft.rfft(alone[1][0, :RATE_HZ])).argmax() == pytest.approx(82, abs=8)
    module.close()


def test_separation_narrows_the_stereo_image(path):
    width = []
    for percent in (20, 60, 100):
        module = Module(path, percent)
        left, right = module.play([1], 2.0)
        width.append(np.square(left - right).sum() / np.square(left + right).sum())
        module.close()
    assert width[0] < width[1] < width[2]


def test_notes_are_counted_by_pitch(path):
    module = Module(path)
    assert module.notes() == {0: 1, 1: 6, 2: 6}
    module.close()


def test_a_module_becomes_a_song_without_vocals(path, tmp_path, monkeypatch, capsys):
    games = tmp_path / "root/usr/share/games/heroes/mod"
    games.mkdir(parents=True)
    (games / "one.mod").write_bytes(path.read_bytes())
    (games / "two.mod").write_bytes(_module(("kick", "bass line", "Vox.Speech")))
    (games / "broken.xm").write_bytes(b"Extended Module: no")
    (games / "short.mod").write_bytes(_module(("kick", "", ""), orders=1))
    (games / "wrong.mod").write_bytes(_module(("kick", "", "bass")))
    out = tmp_path / "out"
    modules.run(argparse.Namespace(out=out, root=tmp_path / "root", held_out=False, processes=1))
    one, two = dataset.find_songs([out])
    assert one.groups == ((1,), (2,), (3,))
    assert two.groups == ((0, 3), (1,), (2,))
    assert json.loads((one.paths[0].parent / "labels.json").read_text()) == {
        "1 kick": "drums",
        "2": "bass",
        "3": "other",
    }
    bass, _ = soundfile.read(one.paths[0])
    assert 70 < np.abs(np.fft.rfft(bass[:RATE_HZ, 0])).argmax() < 115
    reasons = {row["name"]: row["reason"] for row in json.loads((out / "recipe.json").read_text())["left_out"]}
    assert "got a file that libopenmpt does not read" in reasons["heroes-sound-tracks-broken"]
    assert reasons["heroes-sound-tracks-short"] == "expected at least 20 s, got 7.7 s"
    assert "below 400 Hz" in reasons["heroes-sound-tracks-wrong/3 bass"]
    assert reasons["heroes-sound-tracks-wrong"] == "expected bass, drums and other instruments, got no other"
    assert json.loads((out / "recipe.json").read_text())["credits"] == modules.credits_of()
    assert not {*modules.credits_of()} & {*modules.credits_of(held_out=True)}
    assert json.loads((out / "recipe.json").read_text())["about"] == "tracker modules"
    told = capsys.readouterr()
    assert "2 songs, 1.0 minutes" in told.out
    assert not told.err


def test_refused_files_are_named(tmp_path):
    (tmp_path / "x.it").write_bytes(b"IMPM")
    with pytest.raises(ModuleError, match=r"x\.it: expected a tracker module, got"):
        Module(tmp_path / "x.it")
    with pytest.raises(ValueError, match="expected tracker modules of the Debian packages heroes-sound-tracks"):
        modules.run(argparse.Namespace(out=tmp_path / "out", root=tmp_path, held_out=False, processes=1))


def test_without_libopenmpt_it_says_which_package_has_it(tmp_path, monkeypatch):
    def missing():
        raise OSError("libopenmpt.so.0: cannot open shared object file")

    monkeypatch.setattr(modules, "load_library", missing)
    with pytest.raises(ValueError, match="Debian: libopenmpt0"):
        modules.run(argparse.Namespace(out=tmp_path / "out", root=tmp_path, held_out=False, processes=1))


@pytest.mark.parametrize(
    ("name", "found"),
    [("kick", "drums"), ("houseparty open hht", "drums"), ("BassDrum", "drums"), ("Drum.Bass.Future", "drums"),
     ("Slap bass 2", "bass"), ("fretless", "bass"), ("Vox.Speech.Scream", "voice"), ("Arte.Organ3", "other"),
     ("thanks to tom for the hats", ""), ("by Jogeir", ""), ("kick+bass", ""), ("", "")],
)  # fmt: skip
def test_short_names_with_an_instrument_count(name, found):
    assert label_by_name(name) == found


def test_contradictions_are_told():
    lead = Measured(notes=40, pitches=9, decay_s=1.2, clarity=0.97, pitch_hz=900.0, low_share=0.02)
    assert label("bass", lead)[0] == ""
    assert "only 2% of its energy below 400 Hz" in label("bass", lead)[1]
    assert "long tones of 9 pitches" in label("snare", lead)[1]
    assert label("unknown", lead) == ("other", "")


def test_sound_tells_drums_bass_and_others():
    random, time = np.random.default_rng(0), np.arange(RATE_HZ // 2) / RATE_HZ
    fade = np.exp(-time / 0.05)
    strokes = {
        "drums": (random.standard_normal(len(time)) * fade, 1),
        "bass": (np.sin(2 * np.pi * 60 * time) + 0.3 * np.sin(2 * np.pi * 120 * time), 5),
        "other": (sum(np.sin(2 * np.pi * 330 * k * time) / k for k in (1, 2, 3)) * np.exp(-time), 5),
    }
    for expected, (stroke, pitches) in strokes.items():
        ended = np.concatenate([stroke, np.zeros(2000)])
        sound = 0.2 * np.stack([np.tile(ended, 8)] * 2).astype(np.float32)
        measured = measure(sound, pitches)
        assert measured.notes == 8
        assert label_by_sound(measured) == expected
    assert measure(np.zeros((2, RATE_HZ), np.float32), 3) is None
