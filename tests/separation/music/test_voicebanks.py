"""Sung voicebanks: their syllables, raw singing, and singing again."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from stemfield.separation.music import singing
from stemfield.separation.music.composition import Note
from stemfield.separation.music.raw_singing import recorded_pitch, sing_raw
from stemfield.separation.music.sources import SOURCES
from stemfield.separation.music.studio import sung_recordings
from stemfield.separation.music.voicebanks import read_syllables
from stemfield.separation.music.voices import VoiceBank, analyse, build

RATE_HZ = 44100
SOURCE = next(source for source in SOURCES if source.kind == "sung")


def _sung(hz, seconds=3.0):
    """A tone with a vowel's harmonics, interrupted by noise for 60 ms each second."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * k * hz * time) / k for k in range(1, 20))
    noise = np.random.default_rng(0).standard_normal(len(time))
    return 0.2 * np.where(time % 1.0 < 0.06, 0.3 * noise, voice)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A voicebank of two pitches, with names in Japanese and lines that cannot be used."""
    root = tmp_path_factory.mktemp("voices")
    for pitch, hz in (("A3", 220.0), ("E4", 329.63)):
        place = root / SOURCE.folder / pitch
        place.mkdir(parents=True)
        lines = []
        for take in range(3):
            name = f"_あか{take}.wav"
            soundfile.write(place / name, _sung(hz), RATE_HZ)
            for second, cutoff in ((0, -900.0), (1, 1050.0)):
                lines.append(f"{name}=a か{pitch},{1000 * second},150,{cutoff},80,20")
        lines += ["_あか0.wav=a R,2000,100,0,50,20", "missing.wav=a か,0,100,0,50,20",
                  "_あか0.wav=a き,1000,900,1900,80,20", "_あか0.wav=a く,x,1,2,3,4",
                  "br1.wav=br1,0,10,0,0,0", ""]  # fmt: skip
        (place / "oto.ini").write_bytes("\r\n".join(lines).encode("cp932"))
    return root


@pytest.fixture(scope="module")
def bank(root):
    return build(sung_recordings(root, held_out=False)[0])


def test_syllables_are_where_the_voicebank_says(root):
    place = root / SOURCE.folder / "A3"
    found, left_out = read_syllables(place, sorted(place.glob("*.wav")))
    assert len(found) == 3
    times = [(one.start_s, one.vowel_s, one.end_s) for one in next(iter(found.values()))]
    assert np.allclose(times, [(0.02, 0.15, 0.9), (1.02, 1.15, 1.95)])
    assert [line.partition(": ")[0] for line in left_out] == ["A3/oto.ini:8", "A3/oto.ini:9", "A3/oto.ini:10"]
    assert "expected the recording missing.wav, got none" in left_out[0]
    assert "expected start, vowel and end in order, got 1.020, 1.900 and 1.100 s of 3.000 s" in left_out[1]
    assert "five times in ms, got 'a く,x,1,2,3,4'" in left_out[2]


def test_a_voicebank_without_oto_ini_is_named(root, tmp_path):
    place = tmp_path / SOURCE.folder
    place.mkdir()
    soundfile.write(place / "a.wav", _sung(220.0), RATE_HZ)
    found, left_out, sources = sung_recordings(tmp_path, held_out=False)
    assert (found, sources) == ([], [])
    assert list(left_out.values()) == ["expected an oto.ini with its syllables, got none"]
    assert sung_recordings(root, held_out=False)[2] == [SOURCE, SOURCE]


def test_a_sung_voice_knows_its_pitches(bank, tmp_path):
    (name,) = bank.names
    bank.save(tmp_path / "voices.npz")
    said = VoiceBank.load(tmp_path / "voices.npz").voices[name]
    assert all(one.sung for one in said)
    pitches = {round(recorded_pitch(one, row)) for one in said for row in one.syllables}
    assert pitches == {57, 64}


def test_raw_singing_is_the_recording_in_tune_and_on_the_beat(bank):
    (said, *_) = bank.voices[bank.names[0]]
    row = said.syllables[0]
    pitch = round(recorded_pitch(said, row))
    sound = sing_raw([(Note(5.0, 0.4, pitch + 2, 0.8), 0.3, (said, row))], 1.0)
    assert len(sound) == RATE_HZ
    heard, _, _ = analyse(sound[int(0.4 * RATE_HZ) : int(0.65 * RATE_HZ)], RATE_HZ)
    assert 69 + 12 * np.log2(np.median(heard[heard > 0]) / 440) == pytest.approx(pitch + 2, abs=0.2)
    assert np.abs(sound[: int(0.15 * RATE_HZ)]).max() == 0.0
    assert np.abs(sound[int(0.72 * RATE_HZ) :]).max() == 0.0, "a note ends when it should"
    assert sing_raw([(Note(0.0, 0.4, pitch + 5, 0.8), 0.0, (said, row))], 1.0) is None, "too far for a recording"


def test_a_phrase_is_raw_or_sung_again_at_the_same_level(bank):
    random = np.random.default_rng(1)
    voice = next(one for one in (singing.singer(bank, random) for _ in range(20)) if one.raw)
    assert 0.3 <= voice.raw <= 0.5
    tune = [Note(0.1 + 0.4 * step, 0.35, pitch, 0.8) for step, pitch in enumerate((57, 59, 62, 64))]
    sounds = [
        singing.sing(replace(voice, raw=share), tune, 2 * RATE_HZ, np.random.default_rng(2)) for share in (1.0, 0.0)
    ]
    levels = [float(np.square(sound).mean()) for sound in sounds]
    assert levels[0] == pytest.approx(levels[1], rel=0.05)
    for sound in sounds:
        heard, _, _ = analyse(sound[int(0.3 * RATE_HZ) : int(0.43 * RATE_HZ)], RATE_HZ)
        assert np.median(heard[heard > 0]) == pytest.approx(220.0, rel=0.04)


def test_some_high_voices_sing_as_tenors(bank):
    random = np.random.default_rng(3)
    singers = [singing.singer(bank, random) for _ in range(60)]
    low = [one for one in singers if not one.raw]
    assert 10 < len(low) < 40
    assert all(0.8 <= one.tract <= 0.9 for one in low)
    assert np.median([one.center for one in low]) < np.median([one.center for one in singers if one.raw]) - 3
