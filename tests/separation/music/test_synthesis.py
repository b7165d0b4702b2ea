"""Training music: true stems, reproducible by seed, and rendered as composed."""

import json

import numpy as np
import pytest
import soundfile

from stemfield.control.cli.main import main
from stemfield.separation.music import drumkits, effects, mixing, singing, synthesis, synths
from stemfield.separation.music.composition import Composition, Hit, Note
from stemfield.separation.music.drumkits import Kit, collection
from stemfield.separation.music.samples import instruments, measured_pitch
from stemfield.separation.music.sources import SOURCES, credits_of, recordings
from stemfield.separation.music.voices import ENVELOPE_HZ, NOISE_HZ, VoiceBank, analyse

RATE_HZ = 44100
FREE = ("BSD-3-Clause", "CC0 1.0", "CC BY 3.0", "CC BY 4.0", "GPL-3", "MIT", "public domain",
        "any use, readme kept (chongzhen.wikidot.com/files:8940236)")  # fmt: skip


@pytest.fixture(scope="module")
def songs(studio):
    return [synthesis.make_song(studio, 5, number, 5.0) for number in range(3)]


def test_a_seed_decides_a_song(studio, songs):
    assert np.array_equal(synthesis.make_song(studio, 5, 1, 5.0), songs[1])
    assert songs[0].shape != songs[1].shape or not np.array_equal(songs[0], songs[1])


def test_stems_are_sound_and_their_sum_never_clips(songs):
    for stems in songs:
        assert stems.shape[:2] == (4, 2)
        assert 3 * RATE_HZ < stems.shape[2] < 12 * RATE_HZ
        assert np.isfinite(stems).all()
        assert 0.3 < np.abs(stems.sum(axis=0)).max() < 1.0
        assert np.abs(stems).max() < 1.0
    sounding = np.array([[np.abs(stem).max() > 0.01 for stem in stems] for stems in songs])
    assert sounding.any(axis=0).all()


def test_files_hold_the_stems_exactly(songs, tmp_path):
    synthesis.write_song(songs[0], tmp_path / "00000")
    read = [soundfile.read(tmp_path / "00000" / f"{name}.wav", dtype="float32")[0].T for name in synthesis.STEMS]
    assert np.array_equal(np.stack(read), songs[0])
    assert [path.name for path in tmp_path.iterdir()] == ["00000"]


def test_command_makes_songs_and_leaves_those_that_are_there(tmp_path, speech, capsys):
    voices = tmp_path / "voices"
    source = next(source for source in SOURCES if source.kind == "speech" and not source.held_out)
    for take in range(3):
        path = voices / source.folder / "actor" / f"{take}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, speech(150.0, 5.0, take), RATE_HZ)
    other = voices / "nobody+unlisted" / "x.wav"
    other.parent.mkdir()
    soundfile.write(other, speech(150.0, 1.0, 9), RATE_HZ)
    assert [path.parent.name for _, path in recordings(voices, "speech", held_out=False)] == ["actor"] * 3

    out = tmp_path / "songs"
    out.mkdir()
    (out / "00000").mkdir()
    words = ["--songs", "2", "--seconds", "3", "--processes", "1", "--no-soundfonts"]
    assert main(["train", "music", str(out), "--voices", str(voices), *words]) == 0
    assert list((out / "00000").iterdir()) == []
    assert sorted(path.name for path in (out / "00001").iterdir()) == [
        "bass.wav", "drums.wav", "other.wav", "vocals.wav"]  # fmt: skip
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["seed"] == 1
    assert recipe["credits"] == credits_of()
    assert "1 songs" in capsys.readouterr().out


def test_everything_used_may_be_used_by_anyone():
    for source in SOURCES:
        assert source.licence in FREE
        assert source.kind == "soundfont" or len(source.commit) == 40
    assert not [line for line in credits_of() if "Pearl" in line], "what is held out is not heard in training"


def test_bank_survives_the_disk(bank, tmp_path):
    bank.save(tmp_path / "voices.npz")
    again = VoiceBank.load(tmp_path / "voices.npz")
    assert again.names == bank.names == ("high", "low")
    for name in bank.names:
        for before, after in zip(bank.voices[name], again.voices[name], strict=True):
            assert (before.voice, before.path, before.sample_rate_hz) == (after.voice, after.path, after.sample_rate_hz)
            for field in ("pitch_hz", "envelope", "noise", "syllables"):
                assert np.array_equal(getattr(before, field), getattr(after, field))


def test_syllables_are_the_swells_of_the_voice(bank):
    for said in bank.voices["low"]:
        assert 10 <= len(said.syllables) <= 14  # 2.5 a second for 5 s
        for first, nucleus, end in said.syllables:
            assert first < nucleus < end
            assert said.pitch_hz[nucleus] == pytest.approx(120.0, rel=0.12)


def test_analysis_of_a_low_rate_goes_on_above_it(speech):
    low = speech(150.0, 1.0, 0)[::4]  # 11 kHz
    pitch, envelope, noise = analyse(low, RATE_HZ // 4)
    assert envelope.shape == (len(pitch), len(ENVELOPE_HZ))
    assert noise.shape == (len(pitch), len(NOISE_HZ))
    voiced = pitch > 0
    above = ENVELOPE_HZ > 6000
    falls = np.diff(envelope[voiced][:, above], axis=1)
    assert (falls <= 0).all()
    assert (noise[:, NOISE_HZ > 6000] >= 0.9).all()


@pytest.mark.parametrize("pitch", [48, 60, 67])
def test_voice_sings_the_note(bank, pitch):
    random = np.random.default_rng(3)
    voice = singing.singer(bank, random)
    calm = {"vibrato_semitones": 0.0, "scoop": 0.0, "drift_semitones": 0.01, "jitter_semitones": 0.0}
    voice = type(voice)(**{name: calm.get(name, getattr(voice, name)) for name in voice.__slots__})
    sung = singing.sing(voice, [Note(0.1, 1.2, pitch, 0.8)], 2 * RATE_HZ, random)
    heard, _, _ = analyse(sung[int(0.4 * RATE_HZ) : int(1.1 * RATE_HZ)], RATE_HZ)
    assert np.median(heard[heard > 0]) == pytest.approx(440 * 2 ** ((pitch - 69) / 12), rel=0.01)
    assert np.abs(sung[int(1.6 * RATE_HZ) :]).max() < 0.05 * np.abs(sung).max()


def test_recordings_tell_the_octave_and_play_in_tune(bass_files, note):
    (bass,) = instruments(bass_files)
    assert [sample.pitch for sample in bass.samples] == [36, 39, 42, 45, 48, 51, 54, 57]
    played = bass.play([Note(0.0, 0.8, 40, 0.8)], RATE_HZ, np.random.default_rng(0))
    assert measured_pitch(played.astype(np.float32)) == pytest.approx(40, abs=0.2)
    assert measured_pitch(note(52).astype(np.float32)) == pytest.approx(52, abs=0.2)


def test_kit_strikes_when_the_beat_says(drum_files):
    pieces = collection(drum_files)
    assert {kind: [len(piece.strokes) for piece in found] for kind, found in pieces.items() if found} == {
        "kick": [2], "snare": [1], "hat": [1],
        "tom": [2], "rim": [1], "clap": [1], "hat_open": [1], "ride": [1], "crash": [1],
    }  # fmt: skip
    kick = pieces["kick"][0]
    assert [len(paths) for _, paths in kick.strokes] == [2, 1]
    kit = Kit(pieces, np.random.default_rng(1), 0.5)
    sound = kit.play([Hit(0.5, "kick", 0.9), Hit(1.0, "snare", 0.5)], 2 * RATE_HZ)
    assert np.abs(sound[:, : int(0.499 * RATE_HZ)]).max() == 0.0
    assert np.abs(sound[:, int(0.5 * RATE_HZ) : int(0.52 * RATE_HZ)]).max() > 0.3


def test_parts_follow_the_harmony():
    song = Composition(np.random.default_rng(4), 12.0)
    notes = song.accompaniment(60, "pad")
    assert notes
    scale = {(song.root + tone) % 12 for tone in song.scale}
    assert {note.pitch % 12 for note in notes} <= scale
    assert {note.pitch % 12 for note in song.melody(55, 70, ("verse", "chorus", "break"), 0.5)} <= scale


def test_bus_compression_is_one_gain_for_all():
    time = np.arange(RATE_HZ) / RATE_HZ
    sounds = np.stack([np.sin(2 * np.pi * hz * time) * np.ones((2, 1)) for hz in (100, 200, 300, 400)])
    mastered = mixing.master(sounds, np.random.default_rng(3))
    ratios = mastered[1:, 0] * np.where(np.abs(sounds[0, 0]) > 0.5, 1, 0) * sounds[0, 0]
    expected = sounds[1:, 0] * np.where(np.abs(sounds[0, 0]) > 0.5, 1, 0) * mastered[0, 0]
    assert np.abs(ratios - expected).max() < 1e-3


def test_compressor_turns_down_what_is_loud():
    time = np.arange(RATE_HZ) / RATE_HZ
    loud = np.where(time < 0.5, 0.05, 0.8) * np.sin(2 * np.pi * 200 * time)
    gain = effects.compression(loud, -20.0, 4.0, 0.005, 0.1)
    assert gain[int(0.3 * RATE_HZ)] == pytest.approx(1.0, abs=0.01)
    over_db = 20 * np.log10(0.8 / np.sqrt(2)) + 20
    assert 20 * np.log10(gain[int(0.9 * RATE_HZ)]) == pytest.approx(-0.75 * over_db, abs=0.5)


@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_filters_do_what_they_say(gain_db):
    click = np.zeros(1 << 16)
    click[0] = 1.0
    hz = np.fft.rfftfreq(len(click), 1 / RATE_HZ)

    def level_db(sound, at_hz):
        return 20 * np.log10(np.abs(np.fft.rfft(sound))[np.argmin(np.abs(hz - at_hz))])

    bell = effects.peak(click, 1000.0, 1.0, gain_db)
    assert level_db(bell, 1000.0) == pytest.approx(gain_db, abs=0.05)
    assert level_db(bell, 20.0) == pytest.approx(0.0, abs=0.1)
    tilted = effects.tilt(click, 1000.0, gain_db)
    assert level_db(tilted, 20000.0) - level_db(tilted, 10.0) == pytest.approx(gain_db, abs=0.1)


def test_the_kick_turns_down_bass_and_other():
    time = np.arange(2 * RATE_HZ) / RATE_HZ
    kick = np.where(time % 1.0 < 0.1, np.sin(2 * np.pi * 60 * time), 0.0)
    steady = np.stack([0.3 * np.sin(2 * np.pi * 200 * time)] * 2)
    sounds = {"vocals": steady, "bass": steady, "drums": np.stack([kick, kick]), "other": steady}
    pumped = mixing.pump(sounds, np.random.default_rng(0))
    assert pumped["vocals"] is steady
    (name, *_) = [name for name in ("bass", "other") if pumped[name] is not steady]
    level = [float(np.abs(pumped[name][0, int(at * RATE_HZ) :][:2000]).max()) for at in (1.08, 1.95)]
    assert level[0] < 0.7 * level[1]


@pytest.mark.parametrize("soft", [False, True])
def test_a_clipped_mixture_is_still_the_sum_of_its_stems(soft):
    stems = 0.1 * np.random.default_rng(0).standard_normal((4, 2, 5000))
    stems /= np.abs(stems.sum(axis=0)).max()
    mixture = 10 ** (6 / 20) * stems.sum(axis=0)
    expected = np.tanh(mixture) if soft else np.clip(mixture, -1.0, 1.0)
    assert np.allclose(mixing.clip(stems, 6.0, soft=soft).sum(axis=0), expected, atol=1e-12)


def test_songs_fade_and_have_quiet_passages():
    gains = [mixing.course(20 * RATE_HZ, np.random.default_rng(seed)) for seed in range(60)]
    assert all(gain.min() >= 0.0 and gain.max() <= 1.0 + 1e-9 for gain in gains)
    faded = [gain for gain in gains if min(gain[0], gain[-1]) < 1e-6]
    quiet = [gain for gain in gains if 0.05 < gain.min() < 0.6 and min(gain[0], gain[-1]) == 1.0]
    assert 3 <= len(faded) <= 20
    assert len(quiet) >= 3
    assert sum(gain.min() == 1.0 for gain in gains) > 30


def test_sub_basses_and_swept_kicks_are_in_tune():
    notes = [Note(0.0, 0.9, 33, 0.8)]
    bass = synths.sub_bass(notes, RATE_HZ, np.random.default_rng(1))
    assert measured_pitch(bass[8000:30000].astype(np.float32)) == pytest.approx(33, abs=0.3)
    kicks = drumkits.play_kicks(np.random.default_rng(2), [Hit(0.25, "kick", 0.9), Hit(0.5, "snare", 0.9)], RATE_HZ, 9)
    assert kicks.shape == (2, RATE_HZ)
    assert np.abs(kicks[:, : RATE_HZ // 4]).max() == 0.0
    power = np.square(np.abs(np.fft.rfft(kicks[0])))
    assert power[:200].sum() > 0.7 * power.sum()
