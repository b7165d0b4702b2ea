"""Instruments re-scaled with the shipped models: what comes out is gains times stems, and nothing is lost."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from stemfield.control.offline import render as offline
from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture
from stemfield.layouts.loader import load_layout
from stemfield.renderer.scene.scene import RESIDUAL, Separation, default_scene
from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.presets import FILES, PRESETS

SECONDS = 1.5
THRESHOLDS = {"soft": (0.0, 0.25, 0.5, 0.75, 1.0), "surrey": (0.0, 0.5, 1.0)}
GAINS_DB = {"vocals": -9.0, "bass": 6.0, "drums": -120.0, "other": 3.0}
MODELS = sorted({*PRESETS.values()} - {PRESETS[FILES]})


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("song") / "song.wav"
    part = demo_mixture()[:, 4 * DEMO_RATE_HZ : int((4 + SECONDS) * DEMO_RATE_HZ)]
    soundfile.write(path, part.T, DEMO_RATE_HZ, subtype="FLOAT")
    return path


def sound_of(path):
    return soundfile.read(path, always_2d=True)[0]


def difference_db(found, expected, reference):
    return 20 * np.log10(max(np.abs(found - expected).max(), 1e-30) / np.abs(reference).max())


def linear(gain_db):
    return 10 ** (gain_db / 20) if gain_db > -120 else 0.0


@pytest.mark.parametrize("rule", THRESHOLDS)
@pytest.mark.parametrize("model", MODELS)
def test_at_any_threshold_nothing_is_lost_and_a_remix_is_gains_times_stems(model, rule, song, tmp_path):
    card, recording = load_card(model), sound_of(song)
    residuals = []
    for threshold in THRESHOLDS[rule]:
        paths = offline.separate(song, tmp_path / f"{threshold}", offline.Model(card, rule=rule), threshold)
        stems = {path.stem: sound_of(path) for path in paths}
        assert list(stems) == [*card.names, RESIDUAL]
        assert difference_db(sum(stems.values()), recording, recording) < -100
        residuals.append(np.square(stems[RESIDUAL]).sum() / np.square(recording).sum())
        offline.remix(song, tmp_path / "remix.wav", offline.Model(card, rule=rule), threshold, GAINS_DB)
        expected = sum(linear(GAINS_DB.get(name, 0.0)) * stem for name, stem in stems.items())
        assert difference_db(sound_of(tmp_path / "remix.wav"), expected, recording) < -100
    assert residuals == sorted(residuals), "what is rejected goes to the residual"
    assert residuals[-1] > 0.5
    if rule == "soft":
        assert residuals[0] < 1e-9
        assert 0.001 < residuals[2] < residuals[-1]  # half of a bin is often not reached


@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_a_remix_is_what_a_stereo_pair_plays(threshold, song, tmp_path):
    """The same gains in a scene whose objects are all as wide as the two loudspeakers stand apart."""
    model, gains_db = offline.Model(load_card(MODELS[0])), {"vocals": -9.0, "bass": -3.0, "drums": -12.0, RESIDUAL: 0.0}
    offline.remix(song, tmp_path / "remix.wav", model, threshold, gains_db)
    scene = default_scene()
    for item in scene.objects:
        scene = scene.with_object(replace(item, position=(1.0, 0.0, 0.0), width_deg=60.0))
    scene = replace(scene, separation=Separation(threshold=threshold, gains_db=gains_db))
    offline.upmix(song, tmp_path / "room.wav", load_layout("stereo"), scene, model)
    remix = sound_of(tmp_path / "remix.wav")
    assert difference_db(sound_of(tmp_path / "room.wav"), remix, remix) < -100


def test_a_threshold_at_another_rate_loses_nothing(song, tmp_path):
    recording = sound_of(song)
    twice = np.repeat(recording, 2, axis=0)  # its images are above the model's band: they belong to the residual
    path = tmp_path / "twice.wav"
    soundfile.write(path, twice, 2 * DEMO_RATE_HZ, subtype="FLOAT")
    paths = offline.separate(path, tmp_path / "stems", offline.Model(load_card(MODELS[0])), 0.3)
    assert difference_db(sum(map(sound_of, paths)), twice, twice) < -100
