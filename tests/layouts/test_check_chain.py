"""What is wrong with a layout's loudspeaker chain, in words, and what becomes of one that is right."""

import math
from pathlib import Path

import pytest

from stemfield.layouts.check import check_layout
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement, Compensation, EqBand, LayoutError

SPEAKERS = [
    {"label": "left", "azimuth_deg": 30, "channel": 1},
    {"label": "right", "azimuth_deg": -30, "channel": 2},
    {"label": "sub", "azimuth_deg": 0, "channel": 3, "lfe": True},
]


def room(changes=(), **layout):
    left, *others = SPEAKERS
    return {"name": "room", "speakers": [left | dict(changes), *others]} | layout


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"delay_ms": -1}, "delay_ms: expected a number from 0 to 1000, got -1"),
        ({"gain_db": 21}, "gain_db: expected a number from -60 to 20, got 21"),
        ({"gain_db": math.nan}, "gain_db: expected a number from -60 to 20, got nan"),
        ({"max_level_db": 0.5}, "max_level_db: expected a number from -60 to 0, got 0.5"),
        ({"highpass_hz": "low"}, "highpass_hz: expected a number from 1 to 24000, got 'low'"),
        (
            {"highpass_hz": 90, "lowpass_hz": 80},
            "highpass_hz: expected less than lowpass_hz 80, got 90: there would be no sound",
        ),
        ({"polarity": "inverse"}, "polarity: expected one of normal, inverted, got 'inverse', did you mean inverted?"),
        ({"polarity": -1}, "polarity: expected one of normal, inverted, got -1"),
        ({"fir": ""}, "fir: expected 1 to 1024 printable characters without spaces at the ends"),
        ({"eq": {"type": "peak"}}, "eq: expected a list of bands, got a mapping"),
        ({"eq": [{}] * 33}, "eq: expected at most 32 bands, got 33"),
        ({"eq": ["peak"]}, "eq[0]: expected a mapping with the keys type, f_hz, q, gain_db, got 'peak'"),
        ({"eq": [{"type": "peak"}]}, "eq[0].f_hz: missing"),
        ({"eq": [{"type": "peek", "f_hz": 50}]}, "eq[0].type: expected one of lowpass, highpass, bandpass, "),
        ({"eq": [{"type": "peak", "f_hz": 50, "q": 0}]}, "eq[0].q: expected a number from 0.01 to 100, got 0"),
        ({"eq": [{"type": "peak", "f_hz": 0}]}, "eq[0].f_hz: expected a number from 1 to 96000, got 0"),
        ({"eq": [{"type": "peak", "f_hz": 50, "gain": 1}]}, "eq[0].gain: unknown key, did you mean gain_db?"),
    ],
)
def test_one_problem_of_a_loudspeaker(changes, problem):
    (found,) = check_layout(room(changes))
    assert found.startswith(f"speakers[0].{problem}")


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        ({"compensate": True}, "compensate: expected a mapping with the keys delay, gain, got true"),
        ({"compensate": {"delay": "yes"}}, "compensate.delay: expected true or false, got 'yes'"),
        ({"compensate": {"delays": True}}, "compensate.delays: unknown key, did you mean delay?"),
        ({"dual_band": 1}, "dual_band: expected true or false, got 1"),
        ({"bass_management": 80}, "bass_management: expected a mapping with the keys crossover_hz, lfe_gain_db, "),
        (
            {"bass_management": {"crossover_hz": 5}},
            "bass_management.crossover_hz: expected a number from 20 to 500, got 5",
        ),
        ({"bass_management": {"subwoofers": ["sub"]}}, "bass_management.subwoofers: expected a mapping of labels"),
        (
            {"bass_management": {"subwoofers": {"sab": {}}}},
            "bass_management.subwoofers.sab: expected a loudspeaker with lfe: true, did you mean sub?",
        ),
        (
            {"bass_management": {"subwoofers": {"sub": {"lefd": 1}}}},
            "bass_management.subwoofers.sub.lefd: expected a loudspeaker without lfe, did you mean left?",
        ),
        (
            {"bass_management": {"subwoofers": {"sub": {"sub": 1}}}},
            "bass_management.subwoofers.sub.sub: expected a loudspeaker without lfe",
        ),
        (
            {"bass_management": {"subwoofers": {"sub": {"left": 11}}}},
            "bass_management.subwoofers.sub.left: expected a number from -10 to 10, got 11",
        ),
    ],
)
def test_one_problem_of_a_room(layout, problem):
    (found,) = check_layout(room(**layout))
    assert found.startswith(problem)


def test_bass_needs_someone_to_play_it():
    data = {"name": "room", "speakers": SPEAKERS[:2], "bass_management": {}}
    assert check_layout(data) == ("bass_management: expected a loudspeaker with lfe: true to play the bass, got none",)


CHAIN = """
name: den
compensate: {delay: true}
dual_band: true
bass_management: {crossover_hz: 90, subwoofers: {sub: {left: 1, right: 0.5}}}
speakers:
  - label: left
    azimuth_deg: 30
    channel: 1
    delay_ms: 2.5
    gain_db: -3
    polarity: inverted
    eq: [{type: peak, f_hz: 120, q: 4, gain_db: -6}, {type: highshelf, f_hz: 8000}]
    fir: filters/left.wav
    highpass_hz: 80
    lowpass_hz: 18000
    max_level_db: -1
  - {label: right, azimuth_deg: -30, channel: 2}
  - {label: sub, azimuth_deg: 0, channel: 3, lfe: true}
"""


def test_a_chain_is_read_as_it_says(tmp_path):
    (tmp_path / "den.yaml").write_text(CHAIN)
    layout = load_layout("den", [tmp_path])
    left, right, _ = layout.speakers
    assert (left.delay_ms, left.gain_db, left.polarity, left.highpass_hz, left.lowpass_hz, left.max_level_db) == (
        2.5,
        -3,
        "inverted",
        80,
        18000,
        -1,
    )
    assert left.eq == (EqBand("peak", 120, 4, -6), EqBand("highshelf", 8000, 0.5**0.5, 0))
    assert left.fir == tmp_path / "filters" / "left.wav"
    assert layout.compensate == Compensation(delay=True, gain=False)
    assert layout.dual_band
    assert layout.bass_management == BassManagement(90, 10, {"sub": {"left": 1, "right": 0.5}})
    assert (right.delay_ms, right.gain_db, right.polarity, right.eq, right.fir) == (None, 0, "normal", (), None)


def test_without_a_word_nothing_is_done_to_the_sound():
    layout = load_layout("22.2")
    assert (layout.compensate, layout.dual_band, layout.bass_management) == (Compensation(), False, None)


def test_a_file_name_is_never_taken_for_a_number(tmp_path):
    (tmp_path / "den.yaml").write_text(CHAIN.replace("filters/left.wav", "5"))
    with pytest.raises(LayoutError, match=r"speakers\[0\].fir: expected text, got the number 5: write it in quotes"):
        load_layout(str(Path(tmp_path / "den.yaml")))
