"""Sound that is not as it should be, through the commands that separate it: clean files, or one clear line."""

import numpy as np
import pytest
import soundfile

from stemfield.control.cli.main import main

NAMES = ("vocals", "bass", "drums", "other", "residual")


@pytest.fixture
def separate(tmp_path, capsys):
    """Separates samples or bytes; returns status, stems and residual (5, n, 2), and the messages."""

    def run(sound=None, rate_hz=44100, name="in.wav", content=None, *words):
        source = tmp_path / name
        if content is not None:
            source.write_bytes(content)
        else:
            soundfile.write(source, sound, rate_hz, subtype="FLOAT")
        status = main(["separate", str(source), str(tmp_path / "out"), "--live", *words])
        err = capsys.readouterr().err
        if status:
            return status, None, err
        stems = [soundfile.read(tmp_path / "out" / f"{stem}.wav", always_2d=True)[0] for stem in NAMES]
        return status, np.array(stems), err

    return run


def noise(frames, channels=2):
    return 0.1 * np.random.default_rng(0).standard_normal((frames, channels))


KINDS = {
    "silence": (np.zeros((9000, 2)), 44100),
    "direct current": (np.full((9000, 2), 0.9), 44100),
    "clipped": (np.clip(50 * noise(9000), -1, 1), 44100),
    "8 kHz": (noise(4000), 8000),
    "192 kHz": (noise(40_000), 192_000),
    "mono": (noise(9000, 1), 44100),
    "one frame": (noise(1), 44100),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["soft", "surrey"])
def test_odd_sound_gives_stems_that_sum_to_it(separate, kind, rule):
    sound, rate_hz = KINDS[kind]
    status, stems, _ = separate(sound, rate_hz, "in.wav", None, "--rule", rule)
    assert status == 0
    assert np.isfinite(stems).all()
    assert stems.shape == (5, len(sound), 2)
    peak = max(np.abs(sound).max(), 1e-9)
    assert np.abs(stems.sum(axis=0) - sound).max() < 1e-5 * peak


def test_samples_that_are_no_numbers_count_as_silence(separate):
    sound = noise(9000)
    sound[4000:4010] = np.nan
    status, stems, _ = separate(sound)
    assert status == 0
    assert np.abs(stems.sum(axis=0) - np.nan_to_num(sound)).max() < 1e-6


def test_six_channels_are_refused(separate):
    status, _, err = separate(noise(4000, 6))
    assert status == 2
    assert "expected 1 (mono) or 2 (stereo) channels, got 6" in err


def test_an_mp3_that_is_cut_off_is_read_as_far_as_it_goes(separate, tmp_path):
    whole = tmp_path / "whole.mp3"
    soundfile.write(whole, noise(44100), 44100)
    status, stems, err = separate(name="cut.mp3", content=whole.read_bytes()[: whole.stat().st_size // 2])
    assert status == 0
    assert 0 < stems.shape[1] < 44100
    assert "cut off" in err or stems.shape[1] < 30_000


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not sound at all", bytes(5000)])
def test_files_that_are_no_sound(separate, content):
    status, _, err = separate(name="x.wav", content=content)
    assert status == 2
    assert err.count("\n") == 1
    assert err.startswith("stemfield: error:")
