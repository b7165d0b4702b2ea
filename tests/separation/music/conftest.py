"""Small synthetic sources for music: two voices, a few notes of an instrument, a drum kit."""

import numpy as np
import pytest
import soundfile

from stemfield.separation.music.drumkits import collection
from stemfield.separation.music.samples import instruments
from stemfield.separation.music.stem_synthesis import Instruments, StemSynthesiser
from stemfield.separation.music.voices import Recorded, build

RATE_HZ = 44100


def _speech(base_hz, seconds, seed):
    """Syllables: pulses through two resonances, in swells, with hiss between them."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    pitch = base_hz * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    swell = np.clip(np.sin(2 * np.pi * 2.5 * time), 0, 1)
    voice = np.zeros(len(time))
    for k in range(1, 25):
        hz = k * base_hz
        level = 1 / (1 + ((hz - 600) / 200) ** 2) + 0.4 / (1 + ((hz - 1700) / 300) ** 2) + 0.02
        voice += level * np.sin(k * phase)
    sound = voice * swell + 0.05 * (swell == 0) * random.standard_normal(len(time))
    return 0.5 * sound / np.abs(sound).max()


def _note(pitch, seconds=1.0):
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    hz = 440 * 2 ** ((pitch - 69) / 12)
    tone = sum(np.sin(2 * np.pi * k * hz * time) / k for k in range(1, 8))
    return 0.3 * tone * np.exp(-2 * time)


@pytest.fixture(scope="session")
def note():
    return _note


@pytest.fixture(scope="session")
def speech():
    return _speech


@pytest.fixture(scope="session")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    recordings = []
    for voice, base_hz in (("low", 120.0), ("high", 210.0)):
        for take in range(2):
            path = folder / f"{voice}{take}.wav"
            soundfile.write(path, _speech(base_hz, 5.0, take), RATE_HZ)
            recordings.append(Recorded(voice, path))
    return build(recordings)


@pytest.fixture(scope="session")
def bass_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bass")
    names = {"c": 0, "eb": 3, "gb": 6, "a": 9}
    files = []
    for octave in (1, 2):
        for name, semitone in names.items():
            path = folder / f"{name}{octave}_mf_rr1.wav"  # this library calls MIDI 36 c1
            soundfile.write(path, _note(24 + 12 * octave + semitone), RATE_HZ)
            files.append(("toy", path))
    soundfile.write(folder / "noise_c1.wav", np.zeros(1000), RATE_HZ)
    return [*files, ("toy", folder / "noise_c1.wav")]


@pytest.fixture(scope="session")
def drum_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drums")
    random = np.random.default_rng(0)
    fade = np.exp(-np.arange(8000) / 1500)
    files = []
    for name in ("KdrumL_v1_hit1_close", "KdrumL_v1_hit1_oh", "KdrumL_v5_hit2_close", "Snare_v3_hit1_close",
                 "HihatClosed_v3_hit1_close", "loop_tabla"):  # fmt: skip
        path = folder / f"{name}.wav"
        soundfile.write(path, 0.3 * random.standard_normal((8000, 2)) * fade[:, None], RATE_HZ)
        files.append(("kit", path))
    return files


@pytest.fixture(scope="session")
def studio(bank, bass_files, drum_files):
    recorded = Instruments(instruments(bass_files), (), (), (), collection(drum_files))
    return StemSynthesiser(bank, recorded, None)
