"""Loudspeakers find their channels by name, whatever the order of the card."""

import functools
import itertools

import pytest

from stemfield.layouts.channels import channel_of, matched
from stemfield.layouts.loader import load_layout

ALSA = ("FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR")
"""As ALSA and PipeWire number the channels of a desktop's card."""
FIVE = {"M+030": "FL", "M-030": "FR", "M+000": "FC", "LFE1": "LFE", "M+110": "RL", "M-110": "RR"}
SEVEN = {
    "M+030": "FL",
    "M-030": "FR",
    "M+000": "FC",
    "LFE1": "LFE",
    "M+090": "SL",
    "M-090": "SR",
    "M+135": "RL",
    "M-135": "RR",
}


speakers_of = functools.cache(lambda layout: load_layout(layout).speakers)


def names(layout, channels):
    return {label: channels[i] for label, i in matched(speakers_of(layout), channels).items()}


@pytest.mark.parametrize(
    ("layout", "channels", "wanted"),
    [
        ("5.1", ALSA[:6], FIVE),
        ("5.1", ALSA, FIVE),
        ("5.1", ("FL", "FR", "FC", "LFE", "SL", "SR"), FIVE | {"M+110": "SL", "M-110": "SR"}),
        ("7.1", ALSA, SEVEN),
        ("7.1", ALSA[:6], {k: v for k, v in SEVEN.items() if not v.startswith("R")} | {"M+135": "RL", "M-135": "RR"}),
        ("stereo", ALSA, {"M+030": "FL", "M-030": "FR"}),
        ("quad", ALSA, {"M+045": "FL", "M-045": "FR", "M+135": "RL", "M-135": "RR"}),
        ("quad", ("FL", "FR", "FC", "LFE"), {"M+045": "FL", "M-045": "FR"}),
        ("5.1.2", (*ALSA[:6], "TFL", "TFR"), FIVE | {"U+030": "TFL", "U-030": "TFR"}),
        ("living-room", (*ALSA[:6], "TFL", "TFR"), FIVE | {"U+030": "TFL", "U-030": "TFR"}),
    ],
)
def test_each_loudspeaker_finds_its_channel(layout, channels, wanted):
    found = names(layout, channels)
    if layout == "7.1" and len(channels) == 6:
        wanted = {k: v for k, v in wanted.items() if v not in ("SL", "SR")}
    assert found == wanted


def test_the_order_of_the_card_says_nothing():
    for order in itertools.permutations(ALSA[:6]):
        assert names("5.1", order) == FIVE


def test_channels_without_a_name_and_second_ones_of_a_name_are_nobodys():
    speakers = load_layout("stereo").speakers
    assert matched(speakers, (None, "FR", "FL", "FL", "FR")) == {"M+030": 2, "M-030": 1}
    assert matched(speakers, (None,) * 8) == {}


def test_labels_are_names_too():
    labels = load_layout("22.2").labels
    assert names("22.2", labels[::-1]) == {label: label for label in labels}


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("alsa_output.pci-0000_00_1f.3.analog-surround-51:playback_LFE", "LFE"),
        ("Scarlett [Front Left]", "FL"),
        ("card:front-right", "FR"),
        ("card:Rear Left", "RL"),
        ("card:side-right", "SR"),
        ("card:Subwoofer", "LFE"),
        ("card:lfe", "LFE"),
        ("card:top-front-left", "TFL"),
        ("renderer:M-030", "M-030"),
        ("card:playback_FLC", "FLC"),
        ("Left", "FL"),
        ("system:playback_1", None),
        ("card:playback_AUX3", None),
        ("drums:out", None),
        ("pro:output_12", None),
        ("left bank:in", None),
        ("sampler:Top Front", None),
    ],
)
def test_what_names_speak_of(text, channel):
    assert channel_of(text) == channel
