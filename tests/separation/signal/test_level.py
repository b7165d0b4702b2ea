"""A recording gives the same stems at any level, with any kind of model; noise stays noise, fades keep their singer."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import toy_models as toys
from onnx import helper

from stemfield.control.offline.demo import DEMO_FOLDER
from stemfield.separation.cards.card import load_card
from stemfield.separation.evaluation.evaluate import si_sdr
from stemfield.separation.signal.level import FLOOR_DB, RunningGain
from stemfield.separation.streaming.streaming import Separator

HOP, RATE_HZ = 512, 44100


def linear(level_db):
    return np.float32(10.0 ** (level_db / 20.0))


def noise(seconds, level_db, seed=0):
    return linear(level_db) * np.random.default_rng(seed).standard_normal((2, int(seconds * RATE_HZ))).astype(
        np.float32
    )


def heard_db(gain, sound):
    """Level of the model's input, hop by hop."""
    blocks = [sound[:, at : at + HOP] for at in range(0, sound.shape[1] - HOP + 1, HOP)]
    return np.array([10.0 * np.log10(np.var(gain.next(block) * block)) for block in blocks])


@pytest.fixture
def gain():
    return RunningGain(-12.0, HOP / RATE_HZ)


@pytest.fixture(scope="module")
def demo():
    """Eight seconds of the demo song with its singer, shape (4, 2, frames), in the model's order, and its rate."""
    names = ("vocals", "bass", "drums", "other")
    stems = [soundfile.read(Path(DEMO_FOLDER) / f"{name}.flac", dtype="float32", always_2d=True)[0].T for name in names]
    return np.stack(stems)[..., : 8 * 48000], 48000


@pytest.mark.parametrize("level_db", [0.0, -40.0, 12.0, -70.0])
def test_steady_sound_is_heard_at_the_level_of_the_training(gain, level_db):
    heard = heard_db(gain, noise(4.0, level_db))
    assert np.abs(heard + 12.0).max() < 2.0
    assert abs(heard.mean() + 12.0) < 0.1


def test_what_is_below_the_noise_of_sixteen_bits_is_not_raised_further(gain):
    assert heard_db(gain, noise(1.0, FLOOR_DB - 20.0)).mean() == pytest.approx(-32.0, abs=0.3)


def test_direct_current_is_no_level(gain):
    sound = noise(1.0, -40.0)
    assert np.allclose([gain.next(sound[:, at : at + HOP] + 0.5) for at in range(0, 40 * HOP, HOP)],
                       [fresh.next(sound[:, at : at + HOP]) for fresh in [RunningGain(-12.0, HOP / RATE_HZ)]
                        for at in range(0, 40 * HOP, HOP)], rtol=1e-3)  # fmt: skip


def test_loud_music_after_quiet_is_soon_heard_as_usual(gain):
    heard = heard_db(gain, np.concatenate([noise(5.0, -60.0), noise(4.0, -15.0)], axis=1))
    begin = int(5.0 * RATE_HZ / HOP) + 1
    assert heard[begin + 10 :].max() < -12.0 + 6.0 + 1.0, "6 dB over it after 0.1 s"
    assert abs(heard[begin + int(1.8 * RATE_HZ / HOP) :].mean() + 12.0) < 0.1


def test_a_beat_does_not_move_it(gain):
    """Bursts of 50 ms, twice a second."""
    sound = noise(8.0, -20.0) * (np.arange(8 * RATE_HZ) % (RATE_HZ // 2) < RATE_HZ // 20)
    gains = [20.0 * np.log10(gain.next(sound[:, at : at + HOP])) for at in range(0, 8 * RATE_HZ - HOP, HOP)]
    assert np.ptp(gains[-int(4.0 * RATE_HZ / HOP) :]) < 3.0


def squaring(folder, stream):
    """A model whose first source is the input times its magnitude; the other is the rest."""
    folder.mkdir()
    hop = 256
    takes, gives = (1, 2, hop), (1, 2, 2, hop)
    nodes = [
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node("Mul", ["x", "size"], ["loud"]),
        helper.make_node("Sub", ["x", "loud"], ["soft"]),
        helper.make_node("Unsqueeze", ["loud", "one"], ["l"]),
        helper.make_node("Unsqueeze", ["soft", "one"], ["s"]),
        helper.make_node("Concat", ["l", "s"], ["y"], axis=1),
    ]
    one = helper.make_tensor("one", 7, [1], [1])
    toys.save(folder / "g.onnx", nodes, [toys.value("x", takes)], [toys.value("y", gives)], [one])
    if stream:
        ports = {
            "inputs": [{"name": "x", "role": "wave", "shape": [*takes]}],
            "outputs": [{"name": "y", "role": "wave", "shape": [*gives]}],
            "states": [],
            "hop": hop,
            "discard_first": 0,
            "latency_samples": hop,
        }
    else:
        ports = {
            "inputs": [{"name": "x", "role": "wave", "layout": "b c n"}],
            "outputs": [{"name": "y", "role": "wave", "layout": "b s c n"}],
            "chunk": {"samples": hop, "overlap": 0.25},
        }
    domain = "wave_stream" if stream else "wave_chunk"
    return toys.write_card(folder, domain, ["vocals", "other"], ["g.onnx"], level_db=-15.0, **ports)


MODELS = {
    "mask_stream": lambda folder: toys.mask_stream(folder, level_db=-15.0),
    "two ahead": lambda folder: toys.mask_stream(folder, level_db=-15.0, lookahead=2),
    "wave_stream": lambda folder: squaring(folder, stream=True),
    "wave_chunk": lambda folder: squaring(folder, stream=False),
}


@pytest.mark.parametrize("kind", MODELS)
def test_no_kind_of_model_minds_the_level(tmp_path, kind, make_music, separate, null_db):
    separator = Separator(load_card(MODELS[kind](tmp_path / "toy")), RATE_HZ)
    music = make_music(20_000, RATE_HZ)
    stems = separate(separator, music)
    assert null_db(stems.sum(axis=0) - music, music) < -100.0
    for level_db in (-40.0, 12.0):
        quiet = separate(separator, linear(level_db) * music)
        assert null_db(quiet / linear(level_db) - stems, music) < -90.0, level_db


def test_a_model_may_hear_the_level_as_it_comes(tmp_path, make_music, separate, null_db):
    separator = Separator(load_card(toys.mask_stream(tmp_path / "toy", level_db=None)), RATE_HZ)
    music = make_music(20_000, RATE_HZ)
    quiet = separate(separator, linear(-40.0) * music) / linear(-40.0)
    assert null_db(quiet - separate(separator, music), music) > -60.0


def test_sides_that_cancel_have_a_level_too(tmp_path, make_music, separate, null_db):
    """`meanstd` measures the mono sum, which is silent for out-of-phase music."""
    card = load_card(toys.small_wave(tmp_path / "toy", normalise="meanstd"))
    left = make_music(9000, RATE_HZ)[:1]
    music = np.concatenate([left, -left])
    stems = separate(Separator(card, RATE_HZ), music)
    gains = np.array([[0.7, 0.2], [0.1, 0.5]])[:, :, None]
    assert null_db(stems - gains * music, music) < -90.0


@pytest.mark.parametrize("model", ["default", "light"])
def test_a_singer_is_heard_at_any_level(model, demo, separate, null_db):
    stems, rate_hz = demo
    mixture = stems.sum(axis=0)[:, : 3 * rate_hz]
    separator = Separator(load_card(model), rate_hz)
    found = separate(separator, mixture)
    for level_db in (-40.0, 12.0):
        quiet = separate(separator, linear(level_db) * mixture) / linear(level_db)
        assert null_db(quiet - found, mixture) < -60.0, level_db


def test_a_fade_out_keeps_its_singer(demo, separate):
    stems, rate_hz = demo
    mixture, frames = stems.sum(axis=0), stems.shape[2]
    fade = linear(np.interp(np.arange(frames) / rate_hz, [2.0, 8.0], [0.0, -40.0]))
    separator = Separator(load_card("default"), rate_hz)
    end = slice(4 * rate_hz, frames)
    plain, faded = separate(separator, mixture)[0, :, end], separate(separator, fade * mixture)[0, :, end]
    vocals = stems[0, :, end]
    assert si_sdr(vocals, faded / fade[end]) > si_sdr(vocals, plain) - 0.5


def test_a_needle_in_a_groove_is_no_singer(separate):
    """Vinyl surface noise, rumble and crackle, at -60 dB."""
    random, frames = np.random.default_rng(2), 4 * RATE_HZ
    hz = np.fft.rfftfreq(frames, 1.0 / RATE_HZ)
    spectrum = np.fft.rfft(random.standard_normal((2, frames))) / np.sqrt(np.maximum(hz, 20.0))
    groove = np.fft.irfft(spectrum * (1.0 + 3.0 * (hz < 40.0)), frames)
    groove /= groove.std()
    at = random.integers(0, frames - 30, 40)
    for offset in range(30):
        groove[:, at + offset] += 8.0 * np.exp(-offset / 6.0) * random.choice([-1.0, 1.0], 40)
    quiet = (linear(-60.0) * groove).astype(np.float32)
    vocals = separate(Separator(load_card("default"), RATE_HZ), quiet)[0]
    assert np.square(vocals).sum() < 0.01 * np.square(quiet).sum()
