"""MIDI files, drummers and arrangements."""

import argparse
import json

import numpy as np
import pytest

from stemfield.separation.material import arranged
from stemfield.separation.music import arrangements, studio
from stemfield.separation.music.arrangement_synthesis import synthesise
from stemfield.separation.music.midi import MidiError, hits, read_midi
from stemfield.separation.music.performances import Performances
from stemfield.separation.music.sources import SOURCES
from stemfield.separation.training import dataset


def _length(number):
    data = [number & 0x7F]
    while number := number >> 7:
        data.append(number & 0x7F | 0x80)
    return bytes(reversed(data))


def midi(*tracks, division=480):
    """A file of tracks, each a list of ticks since the last event and the bytes of an event."""
    data = b"MThd" + (6).to_bytes(4, "big") + b"".join(n.to_bytes(2, "big") for n in (1, len(tracks), division))
    for track in tracks:
        body = b"".join(_length(delta) + event for delta, event in track) + b"\0\xff\x2f\0"
        data += b"MTrk" + len(body).to_bytes(4, "big") + body
    return data


def tempo(beat_us):
    return b"\xff\x51\x03" + beat_us.to_bytes(3, "big")


def song(bars=12):
    """Drums on channel 10, a bass, a slow melody and chords, 120 beats per minute."""
    drums, bass, lead, pad = [], [(0, b"\xc1\x21")], [(0, b"\xc2\x50")], [(0, b"\xc3\x59")]
    for bar in range(bars):
        for beat in range(4):
            key = 36 if beat % 2 == 0 else 38
            drums += [(0, bytes([0x99, key, 100])), (480, bytes([0x89, key, 0]))]
            tone = 40 + (bar + beat) % 5
            bass += [(0, bytes([0x91, tone, 90])), (480, bytes([0x91, tone, 0]))]
            high = 60 + 2 * ((bar * 3 + beat) % 6)
            lead += [(0, bytes([0x92, high, 80])), (440, bytes([0x82, high, 0])), (40, b"\xb2\x07\x64")]
        chord = [(0, bytes([0x93, tone, 60])) for tone in (52, 55, 59)]
        pad += [*chord, (1920, b"\x83\x34\0"), (0, b"\x83\x37\0"), (0, b"\x83\x3b\0")]
    return midi([(0, tempo(500_000))], drums, bass, lead, pad)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(song())
    return path


def test_notes_have_seconds_programs_and_levels(tmp_path):
    path = tmp_path / "x.mid"
    path.write_bytes(midi(
        [(0, tempo(500_000)), (960, tempo(1_000_000))],
        [(0, b"\xc0\x18"), (0, b"\xb0\x07\x32"), (480, b"\x90\x40\x7f"), (480, b"\x40\x00"), (480, b"\x40\x7f"),
         (480, b"\x40\x00")],
    ))  # fmt: skip
    first, second = read_midi(path)  # the second note begins after the tempo has halved
    assert (first.channel, first.program, first.note.pitch) == (0, 24, 64)
    assert (first.note.start_s, first.note.length_s) == pytest.approx((0.5, 0.5))
    assert (second.note.start_s, second.note.length_s) == pytest.approx((2.0, 1.0))
    assert first.note.velocity == pytest.approx(0.5)


def test_the_pedal_holds_notes(tmp_path):
    path = tmp_path / "x.mid"
    path.write_bytes(midi([(0, b"\xb0\x40\x7f"), (0, b"\x90\x40\x40"), (480, b"\x80\x40\x00"), (480, b"\xb0\x40\x00")]))
    (held,) = read_midi(path)
    assert held.note.length_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"RIFF....", "expected a MIDI file, which begins with MThd"), (midi([], division=0xE728), "parts of a beat"),
     (song()[:-300], "it ends within an event"), (b"MThd", "expected a MIDI file")],
)  # fmt: skip
def test_broken_files_are_named(tmp_path, data, message):
    path = tmp_path / "broken.mid"
    path.write_bytes(data)
    if message.startswith("it ends"):
        cut = midi([(0, b"\x90\x40\x40")])[:-6] + b"\x90"
        path.write_bytes(cut)
    with pytest.raises(MidiError, match=message) as raised:
        read_midi(path)
    assert "broken.mid" in str(raised.value)


def test_percussion_keys_are_pieces_of_the_kit(path):
    played = hits(read_midi(path))
    assert [hit.piece for hit in played[:4]] == ["kick", "snare", "kick", "snare"]
    assert played[1].start_s == pytest.approx(0.5)


def test_performances_are_moved_to_the_tempo_and_repeated(tmp_path):
    beat = [(0, b"\x99\x24\x64")] + [(480, b"\x99\x26\x40"), (480, b"\x99\x24\x64")] * 12
    names = ("1_rock_100_beat_4-4", "2_rock_100_fill_4-4", "3_waltz_100_beat_3-4", "4_rock_160_beat_4-4", "notes")
    for name in names:
        (tmp_path / f"{name}.mid").write_bytes(midi([(0, tempo(600_000))], beat))
    found = Performances(sorted(tmp_path.iterdir()))
    assert len(found) == 3
    drawn = found.draw(np.random.default_rng(0), 110.0, 4, 30.0)
    starts = np.array([hit.start_s for hit in drawn])
    assert np.allclose(np.diff(starts), 60.0 / 110.0, atol=1e-6)
    assert 29.0 < starts[-1] < 30.0
    assert found.draw(np.random.default_rng(0), 60.0, 4, 30.0) == []


def test_excerpts_cover_a_piece_and_know_its_parts(path):
    notes = read_midi(path)
    assert arrangements.starts_s(notes, 10.0) == pytest.approx([0.0, 13.5])
    cut = arrangements.excerpt(notes, 4.9, 10.0)
    assert [part.program for part in cut.basses] == [33]
    assert {part.program: part.singable for part in cut.others} == {80: True, 89: False}
    assert min(hit.start_s for hit in cut.drums) == pytest.approx(0.1)
    assert cut.others[1].notes[0].start_s == 0.0, "a chord that sounds at the cut goes on"
    assert max(note.start_s + note.length_s for part in cut.others for note in part.notes) <= 10.0 + 1e-6


def test_an_excerpt_is_played_and_sung(path, studio):
    cut = arrangements.excerpt(read_midi(path), 0.0, 6.0)
    sung = []
    for seed in range(4):
        stems = synthesise(studio, cut, np.random.default_rng(seed))
        assert stems.shape == (4, 2, cut.frames)
        assert np.abs(stems.sum(axis=0)).max() < 1.0
        assert (np.abs(stems[1:]).max(axis=(1, 2)) > 0.01).all()
        sung.append(bool(np.abs(stems[0]).max() > 0.01))
    assert any(sung)


def test_arrangements_become_songs_and_what_fails_is_counted(tmp_path, path, bank, monkeypatch, capsys):
    source = next(source for source in SOURCES if source.kind == "arrangement")
    folder = tmp_path / "midi" / source.folder / "musics"
    folder.mkdir(parents=True)
    (folder / "d_one.mid").write_bytes(path.read_bytes())
    (folder / "d_broken.mid").write_bytes(b"no music")
    (folder / "d_empty.mid").write_bytes(midi([(0, b"\x90\x40\x40"), (480, b"\x80\x40\x00")]))
    (tmp_path / "voices").mkdir()
    monkeypatch.setattr(studio, "voice_bank", lambda folder, store, **more: bank.save(store))
    out = tmp_path / "out"
    options = {"out": out, "midi": [tmp_path / "midi"], "voices": tmp_path / "voices", "instruments": None,
               "soundfont": None, "no_soundfonts": True, "excerpts": 1, "seconds": 10.0, "seed": 1, "held_out": False,
               "processes": 1}  # fmt: skip
    arranged.run(argparse.Namespace(**options))
    (made,) = dataset.find_songs([out])
    assert len(made.groups) == 4
    assert made.paths[0].parent.name == "freedoom-d_one-0"
    recipe = json.loads((out / "recipe.json").read_text())
    assert any("BSD-3-Clause (freedoom/freedoom)" in line for line in recipe["credits"])
    reasons = {row["name"]: row["reason"] for row in recipe["left_out"]}
    assert "begins with MThd" in reasons["freedoom-d_broken"]
    assert reasons["freedoom-d_empty-0"] == "expected at least 60 notes, got 1"
    assert "1 songs" in capsys.readouterr().out
