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
        ({"delay_ms": -1}, "delay_ms: -1 is outside 0..1000"),
        ({"gain_db": 21}, "gain_db: 21 is outside -60..20"),
        ({"gain_db": math.nan}, "gain_db: nan is not a finite number"),
        ({"max_level_db": 0.5}, "max_level_db: 0.5 is outside -60..0"),
        ({"highpass_hz": "low"}, "highpass_hz: must be a number, not the text 'low'"),
        ({"highpass_hz": 90, "lowpass_hz": 80}, "highpass_hz: 90 is not below lowpass_hz 80: nothing would be heard"),
        ({"polarity": "inverse"}, "polarity: 'inverse' is none of normal, inverted, did you mean inverted?"),
        ({"polarity": -1}, "polarity: must be one of normal, inverted, not -1"),
        ({"fir": ""}, "fir: must be 1..1024 printable characters without space at its ends"),
        ({"eq": {"type": "peak"}}, "eq: must be a list of bands, not a mapping"),
        ({"eq": [{}] * 33}, "eq: 33 bands are too many, at most 32"),
        ({"eq": ["peak"]}, "eq[0]: must be a mapping with the keys type, f_hz, q, gain_db, not the text 'peak'"),
        ({"eq": [{"type": "peak"}]}, "eq[0].f_hz: is missing"),
        ({"eq": [{"type": "peek", "f_hz": 50}]}, "eq[0].type: 'peek' is none of lowpass, highpass, bandpass, "),
        ({"eq": [{"type": "peak", "f_hz": 50, "q": 0}]}, "eq[0].q: 0 is outside 0.01..100"),
        ({"eq": [{"type": "peak", "f_hz": 0}]}, "eq[0].f_hz: 0 is outside 1..96000"),
        ({"eq": [{"type": "peak", "f_hz": 50, "gain": 1}]}, "eq[0].gain: unknown key, did you mean gain_db?"),
    ],
)
def test_one_problem_of_a_loudspeaker(changes, problem):
    (found,) = check_layout(room(changes))
    assert found.startswith(f"speakers[0].{problem}")


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        ({"compensate": True}, "compensate: must be a mapping with the keys delay, gain, not True"),
        ({"compensate": {"delay": "yes"}}, "compensate.delay: must be true or false, not the text 'yes'"),
        ({"compensate": {"delays": True}}, "compensate.delays: unknown key, did you mean delay?"),
        ({"dual_band": 1}, "dual_band: must be true or false, not 1"),
        ({"bass_management": 80}, "bass_management: must be a mapping with the keys crossover_hz, lfe_gain_db, "),
        ({"bass_management": {"crossover_hz": 5}}, "bass_management.crossover_hz: 5 is outside 20..500"),
        ({"bass_management": {"subwoofers": ["sub"]}}, "bass_management.subwoofers: must be a mapping of labels"),
        (
            {"bass_management": {"subwoofers": {"sab": {}}}},
            "bass_management.subwoofers.sab: is no loudspeaker with lfe: true, did you mean sub?",
        ),
        (
            {"bass_management": {"subwoofers": {"sub": {"lefd": 1}}}},
            "bass_management.subwoofers.sub.lefd: is no loudspeaker whose bass could be taken, did you mean left?",
        ),
        (
            {"bass_management": {"subwoofers": {"sub": {"sub": 1}}}},
            "bass_management.subwoofers.sub.sub: is no loudspeaker whose bass could be taken",
        ),
        (
            {"bass_management": {"subwoofers": {"sub": {"left": 11}}}},
            "bass_management.subwoofers.sub.left: 11 is outside -10..10",
        ),
    ],
)
def test_one_problem_of_a_room(layout, problem):
    (found,) = check_layout(room(**layout))
    assert found.startswith(problem)


def test_bass_needs_someone_to_play_it():
    data = {"name": "room", "speakers": SPEAKERS[:2], "bass_management": {}}
    assert check_layout(data) == ("bass_management: the layout has no loudspeaker with lfe: true to play the bass",)


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
    with pytest.raises(LayoutError, match=r"speakers\[0\].fir: 5 is a number here; write it in quotes"):
        load_layout(str(Path(tmp_path / "den.yaml")))
