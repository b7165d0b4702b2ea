"""What receivers at HDMI say, in the words of the kernel, and rooms that do not fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from stemfield.control.doctor.check_sound import check_hdmi
from stemfield.control.doctor.evidence import collect
from stemfield.control.doctor.hdmi import Receiver, probe_receivers, receiver_of
from stemfield.control.doctor.probe_jack import JackState, Port

SEVEN = """\
monitor_present\t\t1
eld_valid\t\t1
monitor_name\t\tHOME AVR
connection_type\t\tHDMI
eld_version\t\t[0x2] CEA-861D or below
edid_version\t\t[0x3] CEA-861-B, C or D
manufacture_id\t\t0x1234
product_id\t\t0x1
port_id\t\t\t0x0
support_hdcp\t\t0
support_ai\t\t0
audio_sync_delay\t0
speakers\t\t[0x4f] FL/FR LFE FC RL/RR RLC/RRC
sad_count\t\t3
sad0_coding_type\t[0x1] LPCM
sad0_channels\t\t2
sad0_rates\t\t[0x1ee0] 32000 44100 48000 88200 96000 176400 192000
sad0_bits\t\t[0xe0000] 16 20 24
sad1_coding_type\t[0x2] AC-3
sad1_channels\t\t6
sad2_coding_type\t[0x1] LPCM
sad2_channels\t\t8
sad2_rates\t\t[0x6e0] 32000 44100 48000 88200 96000
"""
AVR = Receiver(1, "HOME AVR", 8, (32000, 44100, 48000, 88200, 96000), ("FL", "FR", "FC", "LFE", "SL", "SR", "RL", "RR"))


def test_a_receiver_of_seven_one():
    assert receiver_of(SEVEN, 1) == AVR
    assert str(AVR) == "HOME AVR takes 8 channels of PCM (FL FR FC LFE SL SR RL RR), up to 96000 Hz"


def test_surrounds_of_five_one_are_behind():
    five = receiver_of(SEVEN.replace("[0x4f] FL/FR LFE FC RL/RR RLC/RRC", "[0xf] FL/FR LFE FC RL/RR"), 0)
    assert five is not None
    assert five.places == ("FL", "FR", "FC", "LFE", "RL", "RR")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eld_valid\t0\nmonitor_present\t1\n",
        SEVEN.replace("monitor_present\t\t1", "monitor_present\t\t0"),
        "\x00\xff" * 9,
    ],
)
def test_no_receiver_is_none(text):
    assert receiver_of(text, 0) is None


@pytest.mark.parametrize("end", range(0, len(SEVEN), 7))
def test_whatever_is_cut_off_or_wrong_is_bounded(end):
    for text in (SEVEN[:end], SEVEN[:end] + "9" * 5000, SEVEN[:end] + "\nsad_count 99999\nsad2_channels -4\n"):
        found = receiver_of(text, 0)
        assert found is None or 0 <= found.channels <= 8


def room(count: int, receiver: Receiver, card: str = "Digital Surround 7.1 (HDMI)"):
    ports = tuple(Port(f"stemfield:S{n}", False, False, (f"{card}:playback_{n}",)) for n in range(count))
    return replace(EVIDENCE, jack=JackState(opened=True, ports=ports), receivers=(receiver,))


@pytest.fixture(scope="module", autouse=True)
def _evidence(tmp_path_factory):
    global EVIDENCE
    folder: Path = tmp_path_factory.mktemp("machine")
    eld = folder / "proc" / "asound" / "card1" / "eld#0.0"
    eld.parent.mkdir(parents=True)
    eld.write_text(SEVEN)
    config = folder / "c.yaml"
    config.write_text("driver: clock\nosc: {port: 19}\nhttp: {enabled: false}\n")
    EVIDENCE = collect(config, 0.0, folder)
    assert probe_receivers(folder) == EVIDENCE.receivers == (AVR,)


EVIDENCE = None


@pytest.mark.parametrize(
    ("count", "channels", "says"),
    [
        (6, 2, "6 loudspeakers are connected to HDMI, but HOME AVR takes 2 channels of PCM"),
        (8, 6, "set its input to multichannel PCM, or take a layout that fits"),
        (12, 8, "HDMI has 8 at most"),
    ],
)
def test_a_room_that_does_not_fit_is_told(count, channels, says):
    (finding,) = check_hdmi(room(count, replace(AVR, channels=channels)))
    assert says in finding.cause
    layout = {2: "stereo", 6: "5.1", 8: "7.1"}[channels]
    assert finding.cure == f"stemfield serve --layout {layout}"


def test_a_room_that_fits_and_one_at_another_card_are_right():
    assert not [*check_hdmi(room(8, AVR))]
    assert not [*check_hdmi(room(2, replace(AVR, channels=0)))]
    assert not [*check_hdmi(room(24, AVR, "MADI"))]
