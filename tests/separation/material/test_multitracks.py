"""Songs with named stems: labels, groups, clips, and what is left out."""

import argparse
import itertools
import json

import av
import numpy as np
import pytest
import soundfile

from stemfield.separation.material import multitracks
from stemfield.separation.material.multitracks import Multitrack, find_multitracks, label_of, make_parts, windows
from stemfield.separation.music.sources import SOURCES
from stemfield.separation.training import dataset

RATE_HZ = 44100
SOURCE = next(source for source in SOURCES if source.kind == "multitrack")


def tone(hz, seconds=2.0, level=0.2):
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return np.stack([level * np.sin(2 * np.pi * hz * time)] * 2).astype(np.float32)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A song without a bass of its own and one of the development set; tones in place of compressed sound."""
    songs = {
        "src/4.Potassium": ["VOX LEAD", "VOX LEAD_mobile", "KICK", "PAD + BASS_mobile", "KEYS", "DRUM BASS"],
        "src/5.Rubidium": ["VOX LEAD", "VOX LEAD_mobile", "KICK_mobile"],
        "src/3.Sodium": ["VOX LEAD", "KICK", "SY BASS", "HIGH STABS", "PLUCK"],
    }
    for folder, stems in songs.items():
        place = tmp_path / SOURCE.folder / folder
        place.mkdir(parents=True)
        for stem in stems:
            (place / f"{place.name}_Stem_{stem}.m4a").touch()
    hz = {"KEYS": 300.0, "PLUCK": 900.0, "HIGH STABS": 60.0, "SY BASS": 50.0, "KICK": 70.0, "PAD + BASS": 80.0}

    def decoded(path):
        stem = path.stem.split("_Stem_")[1].removesuffix("_mobile")
        return tone(hz.get(stem, 500.0), 35.0)

    monkeypatch.setattr(multitracks, "decode", decoded)
    monkeypatch.setattr(multitracks, "find_spec", lambda name: name)
    return tmp_path


@pytest.mark.parametrize(
    ("stem", "label"),
    [("BGVOX AAHH", "vocals"), ("VOX BREAK", "vocals"), ("K & SN", "drums"), ("HH GLITCH", "drums"),
     ("MELODY BREAK", "other"), ("SY BASS", "bass"), ("BASS STAB", "bass"), ("PAD + BASS", "bass+other"),
     ("MINILOGUE_SYNTH", "other"), ("DRUM BASS", "")],
)  # fmt: skip
def test_names_say_what_stems_are(stem, label):
    assert label_of(stem) == label


def test_full_versions_are_preferred_and_a_song_with_dull_drums_is_dull_as_a_whole(root):
    potassium, rubidium = find_multitracks(root, held_out=False)
    assert potassium.stems["VOX LEAD"].stem == "4.Potassium_Stem_VOX LEAD"
    assert potassium.stems["PAD + BASS"].stem.endswith("_mobile")
    assert [str(one) for one in potassium.left_out] == [
        "4.Potassium/DRUM BASS: expected a name for one stem, got bass and drums"
    ]
    assert rubidium.stems["VOX LEAD"].stem.endswith("_mobile")
    assert "full versions of KICK are missing" in str(rubidium.left_out[0])
    assert [song.name for song in find_multitracks(root, held_out=True)] == ["3.Sodium"]


def test_songs_without_a_bass_of_their_own_have_bass_and_other_together(root, tmp_path, capsys):
    out = tmp_path / "out"
    multitracks.run(argparse.Namespace(out=out, root=root, held_out=False, processes=1))
    (song,) = dataset.find_songs([out])
    assert [path.name for path in song.paths] == ["vocals.flac", "bass+other.flac", "drums.flac"]
    labels = json.loads((out / "4.Potassium" / "labels.json").read_text())
    assert labels == {"VOX LEAD": "vocals", "KICK": "drums", "PAD + BASS": "bass+other", "KEYS": "other"}
    parts = {path.stem: soundfile.read(path)[0][:RATE_HZ, 0] for path in song.paths}
    spectrum = np.abs(np.fft.rfft(parts["bass+other"]))
    assert {*np.argsort(spectrum)[-2:]} == {80, 300}
    assert np.abs(sum(parts.values())).max() <= 0.91
    recipe = json.loads((out / "recipe.json").read_text())
    assert {row["name"] for row in recipe["left_out"]} == {"4.Potassium/DRUM BASS", "5.Rubidium"}
    assert recipe["credits"] == ["Everything Is Remixed, Software: CC0 1.0 (ichbinsoftware/everythingisremixed)"]
    assert "1 songs, 0.6 minutes" in capsys.readouterr().out


def test_clips_of_the_development_set_leave_out_what_contradicts_its_name(root, tmp_path):
    out = tmp_path / "dev"
    multitracks.run(argparse.Namespace(out=out, root=root, held_out=True, processes=1))
    (clip,) = sorted((out / "3.Sodium").iterdir())
    assert sorted(path.name for path in clip.glob("*.flac")) == ["bass.flac", "drums.flac", "other.flac", "vocals.flac"]
    assert soundfile.info(clip / "other.flac").duration == 30.0
    (row,) = json.loads((out / "recipe.json").read_text())["left_out"]
    assert row["name"] == "3.Sodium/HIGH STABS"
    assert "got 100% of its energy below 150 Hz" in row["reason"]


def test_a_clip_has_no_stem_that_is_silent_in_it():
    late = np.concatenate([np.zeros((2, 40 * RATE_HZ), np.float32), tone(100.0, 30.0)], axis=1)
    parts = {"vocals": tone(500.0, 70.0), "drums": tone(60.0, 70.0), "bass": late, "other": tone(300.0, 70.0)}
    found = windows(parts)
    assert [(start // RATE_HZ, len(present)) for start, present in found][-1] == (19, 4)
    assert all(abs(after - before) >= 30 * RATE_HZ for (before, _), (after, _) in itertools.pairwise(found))


def test_a_stem_that_cannot_be_decoded_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "x.m4a"
    broken.write_bytes(b"no sound" * 100)
    song = Multitrack("x", {"KICK": broken}, ())
    parts, labels, (left_out,) = make_parts(song)
    assert (parts, labels, left_out.name) == ({}, {}, "x/KICK")
    assert "expected sound that PyAV decodes" in left_out.reason


def test_sound_is_decoded_at_our_rate(tmp_path):
    path = tmp_path / "tone.m4a"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=48000, layout="stereo")
        sound = np.stack([0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)] * 2).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    decoded = multitracks.decode(path)
    assert decoded.shape[0] == 2
    assert decoded.shape[1] == pytest.approx(RATE_HZ, abs=3000)
    assert np.abs(np.fft.rfft(decoded[0, :RATE_HZ][: RATE_HZ // 2])).argmax() == pytest.approx(220, abs=1)


def test_without_pyav_songs_are_named_and_left_out(root, tmp_path, monkeypatch):
    monkeypatch.setattr(multitracks, "find_spec", lambda name: None)
    out = tmp_path / "out"
    multitracks.run(argparse.Namespace(out=out, root=root, held_out=False, processes=1))
    rows = json.loads((out / "recipe.json").read_text())["left_out"]
    assert [row["name"] for row in rows] == ["4.Potassium", "5.Rubidium"]
    assert 'pip install "stemfield[multitracks]"' in rows[0]["reason"]


def test_a_clone_at_another_commit_is_named_and_left_out(root, tmp_path):
    store = root / SOURCE.folder / ".git"
    (store / "refs/heads").mkdir(parents=True)
    (store / "HEAD").write_text("ref: refs/heads/main\n")
    (store / "refs/heads/main").write_text("0" * 40 + "\n")
    with pytest.raises(ValueError, match=f"expected commit {SOURCE.commit[:12]}, got 000000000000"):
        multitracks.run(argparse.Namespace(out=tmp_path / "out", root=root, held_out=False, processes=1))
    (store / "refs/heads/main").unlink()
    (store / "packed-refs").write_text(f"# pack-refs\n{SOURCE.commit} refs/heads/main\n")
    assert len([*find_multitracks(root, held_out=False)]) == 2
