"""Labels, spoken: how they are said, and that every word of it is recorded."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.renderer.dsp import speech
from stemfield.renderer.dsp.speech import LONGEST_S, MOST_WORDS, VOCABULARY, spoken, words_of


def test_how_labels_are_said():
    assert doctest.testmod(speech).failed == 0
    for label, said in {
        "M+000": "m plus zero",
        "B-045": "b minus forty five",
        "U+180": "u plus one hundred eighty",
        "M-119": "m minus one hundred nineteen",
        "speaker-12": "speaker twelve",
        "1023": "one zero two three",
        "Center": "centre",
        "Lss": "l s s",
        "SUB-L": "sub l",
        "L+": "l plus",
    }.items():
        assert words_of(label) == tuple(said.split())


@pytest.mark.parametrize("label", ["", "***", "Hochtöner", "xylophone", "a1b2c3d4e5f6g7h8", "日本"])
def test_what_cannot_be_said(label):
    assert words_of(label) is None
    assert spoken(label, 48_000) is None


@pytest.mark.parametrize("name", [entry.name for entry in available_layouts()])
def test_every_shipped_loudspeaker_has_a_name_of_its_own_that_can_be_said(name):
    labels = load_layout(name).labels
    assert len({words_of(label) for label in labels}) == len(labels)
    for label in labels:
        assert 0.2 < len(spoken(label, 16_000)) / 16_000 < LONGEST_S


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=128))
def test_any_label_is_said_in_known_words_or_not_at_all(label):
    said = words_of(label)
    assert said is None or (set(said) <= set(VOCABULARY) and 0 < len(said) <= MOST_WORDS)
    sound = spoken(label, 16_000)
    assert sound is None or len(sound) <= LONGEST_S * 16_000


def test_every_word_is_recorded_and_none_is_louder_than_the_next():
    recorded, rate_hz = speech._recordings()
    assert set(recorded) == set(VOCABULARY)
    levels_db = [20 * np.log10(np.sqrt(np.mean(np.square(word)))) for word in recorded.values()]
    assert max(levels_db) - min(levels_db) < 1.0
    for word, sound in recorded.items():
        assert 0.15 < len(sound) / rate_hz < 1.0, word
        assert np.abs(sound[[0, -1]]).max() < 0.05 * np.abs(sound).max(), word


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_a_voice_keeps_its_pitch_at_every_rate(rate_hz):
    def spectrum(rate):
        power = np.square(np.abs(np.fft.rfft(spoken("M+110", rate), 4 * rate)))[: 4 * 7000]
        return np.convolve(power, np.ones(200), "same")[::200]

    assert np.corrcoef(spectrum(16_000), spectrum(rate_hz))[0, 1] > 0.999
