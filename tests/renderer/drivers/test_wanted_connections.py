"""What the configuration asks for as ports come late, go, are renamed, and have names that say where they belong."""

import pytest

from stemfield.layouts.channels import channel_of
from stemfield.layouts.loader import load_layout
from stemfield.renderer.drivers.connections import ConnectionKeeper
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.drivers.wanted_connections import Peer, WantedConnections

DESKTOP = tuple(f"card:playback_{name}" for name in ("FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR"))
EARS = ("monitor_left", "monitor_right")
STEREO_IN = ("mixture_L", "mixture_R")
FIVE = {"M+030": "FL", "M-030": "FR", "M+000": "FC", "LFE1": "LFE", "M+110": "RL", "M-110": "RR"}


def peers(names):
    return [Peer(name, (), channel_of(name)) for name in names]


class Desk:
    """A layout's wishes on a server whose ports are given."""

    def __init__(self, layout="5.1", monitor=(), **settings):
        self.layout = load_layout(layout)
        self.settings = JackSettings(**settings)
        speakers = self.layout.speakers
        channels = tuple(speaker.channel for speaker in speakers)
        self.ports = JackPorts(STEREO_IN, 2, self.layout.labels, channels, monitor)
        self.pairing = WantedConnections(speakers)
        self.keeper = ConnectionKeeper()
        self.there = set()

    def wanted(self, sinks=(), sources=()):
        return dict(self.pairing.connections(self.settings, self.ports, peers(sources), peers(sinks)))

    def look(self, sinks):
        """One look of the daemon's at a server that does as it is told; what is connected then."""
        self.there = {c for c in self.there if c[1] in sinks}
        self.keeper.want(self.pairing.connections(self.settings, self.ports, [], peers(sinks)))
        self.there -= self.keeper.surplus(self.there)
        self.there |= self.keeper.missing(self.there, sinks.__contains__)
        ports = [port for _, port in self.there]
        assert len(ports) == len(set(ports)), "a port plays the feeds of two loudspeakers"
        return dict(self.there)


def numbered(card, *numbers):
    return [f"{card}:playback_{n}" for n in numbers]


@pytest.mark.parametrize(
    "patterns", [("card:playback_*",), ("card:*",), DESKTOP, ("card:playback_F*", "card:*_LFE", "card:playback_R?")]
)
@pytest.mark.parametrize("count", [6, 8])
def test_loudspeakers_go_by_the_names_of_a_desktops_channels(patterns, count):
    desk = Desk(connect_outputs=patterns)
    assert desk.wanted(DESKTOP[:count]) == {label: f"card:playback_{name}" for label, name in FIVE.items()}


def test_names_in_an_order_of_ones_own_are_taken_by_number():
    own = [f"card:playback_{name}" for name in ("FR", "FL", "FC", "LFE", "SL", "SR")]
    desk = Desk(connect_outputs=tuple(own))
    assert desk.wanted(DESKTOP) == dict(zip(desk.layout.labels, own, strict=True))


def test_a_number_where_there_is_nothing_else_and_that_is_said():
    desk = Desk(connect_outputs=("system:playback_*",))
    system = numbered("system", *range(1, 7))
    assert desk.wanted(system) == dict(zip(desk.layout.labels, system, strict=True))
    assert "by number" in desk.pairing.notes[0]
    desk.wanted(DESKTOP)
    named = Desk(connect_outputs=("card:*",))
    named.wanted(DESKTOP)
    assert named.pairing.notes == ()


def test_two_stereo_cards_for_four_loudspeakers():
    """Both have a left and a right: the second pair has nothing but its number."""
    cards = [f"{card}:playback_{side}" for card in "AB" for side in ("FL", "FR")]
    desk = Desk("quad", connect_outputs=("A:*", "B:*"))
    assert desk.wanted(cards) == dict(zip(desk.layout.labels, cards, strict=True))


def test_inputs_and_the_monitor_go_by_name_too():
    desk = Desk("stereo", EARS, connect_inputs=("mic:*",), connect_monitor=("phones:*",))
    wanted = desk.wanted(["phones:playback_FR", "phones:playback_FL"], ["mic:capture_FR", "mic:capture_FL"])
    assert wanted == {
        "mixture_L": "mic:capture_FL",
        "mixture_R": "mic:capture_FR",
        "monitor_left": "phones:playback_FL",
        "monitor_right": "phones:playback_FR",
    }


def test_a_second_card_that_comes_late_takes_nobodys_place_by_halves():
    desk = Desk(connect_outputs=("A:playback_*", "B:playback_*"))
    first, second = numbered("A", 1, 2), numbered("B", 1, 2, 3, 4)
    assert desk.look(second) == {}  # how many places A has is not known
    assert "A:playback_* matches no port" in desk.pairing.problems[0]
    whole = dict(zip(desk.layout.labels, first + second, strict=True))
    assert desk.look(second + first) == whole
    assert desk.look(second) == {label: port for label, port in whole.items() if port in second}
    assert desk.look(first + second) == whole


def test_a_card_that_comes_before_another_has_all_wiring_follow():
    desk = Desk("stereo", connect_outputs=("*:playback_*",))
    assert desk.look(numbered("B", 1, 2)) == {"M+030": "B:playback_1", "M-030": "B:playback_2"}
    both = numbered("A", 1, 2) + numbered("B", 1, 2)
    assert desk.look(both) == {"M+030": "A:playback_1", "M-030": "A:playback_2"}


def test_ports_that_vanish_keep_their_places():
    desk = Desk("stereo", connect_outputs=("system:playback_*",))
    system = numbered("system", 1, 2, 3, 4)
    desk.look(system)
    assert desk.look(system[1:]) == {"M-030": system[1]}
    assert desk.look(system[1:] + system[:1]) == {"M+030": system[0], "M-030": system[1]}


def test_a_port_that_is_renamed_keeps_its_loudspeaker():
    desk = Desk("stereo", connect_outputs=("system:playback_*",))
    system = numbered("system", 1, 2, 3)
    desk.look(system)
    desk.keeper.rename("M+030", system[0], "system:left")
    desk.pairing.rename({system[0]: "system:left"})
    desk.there = {("M+030", "system:left"), ("M-030", system[1])}
    assert desk.look(["system:left", *system[1:]]) == {"M+030": "system:left", "M-030": system[1]}


def test_what_the_user_connects_stays_when_wiring_follows():
    desk = Desk("stereo", connect_outputs=("*:playback_*",))
    b = numbered("B", 1, 2, 3)
    desk.look(b)
    desk.there.add(("M+030", b[2]))
    desk.look(b)
    found = desk.look(numbered("A", 1, 2) + b)
    assert ("M+030", b[2]) in desk.there
    assert found["M-030"] == "A:playback_2"


def test_brackets_are_letters_and_names_are_names():
    names = ["USB [Monitor]:out [1]", "USB [Monitor]:out [2]", "what?*:1"]
    assert Desk("stereo", connect_outputs=("USB [Monitor]:*",)).wanted(names) == dict(
        zip(("M+030", "M-030"), names, strict=False)
    )
    assert Desk("stereo", connect_outputs=(names[1], names[2])).wanted(names) == {"M+030": names[1], "M-030": names[2]}
    system = numbered("system", 1, 2, 3)
    sets = Desk("stereo", connect_outputs=("system:playback_[23]",))
    assert sets.wanted(system) == {"M+030": system[1], "M-030": system[2]}


def test_an_alias_is_a_name():
    desk = Desk("stereo", connect_outputs=("left", "right*"), connect_speakers={})
    sinks = [Peer("system:playback_1", ("right one",)), Peer("system:playback_2", ("left",))]
    wanted = desk.pairing.connections(desk.settings, desk.ports, [], sinks)
    assert wanted == {("M+030", "system:playback_2"), ("M-030", "system:playback_1")}


def test_no_port_is_given_twice():
    system = numbered("system", 1, 2, 3)
    twice = Desk("stereo", connect_outputs=(system[0], "system:playback_*"))
    assert twice.wanted(system) == {"M+030": system[0], "M-030": system[1]}
    single = Desk("stereo", connect_outputs=("system:*",), connect_speakers={"M-030": system[0]})
    assert single.wanted(system) == {"M-030": system[0]}
    assert "no port for M+030" in single.pairing.problems[0]
    ears = Desk("stereo", EARS, connect_outputs=("system:*",), connect_monitor=("system:*",))
    assert ears.wanted(system) == {"M+030": system[0], "M-030": system[1]}
    assert "the monitor is not connected" in ears.pairing.problems[0]


@pytest.mark.parametrize("key", ["connect_inputs", "connect_outputs", "connect_monitor"])
def test_a_pattern_that_matches_nothing_is_told(key):
    desk = Desk("stereo", EARS, **{key: ("sytem:playback_1",)})
    desk.wanted(numbered("system", 1), numbered("system", 1))
    assert any(
        f"jack.{key}: sytem:playback_1 matches no port, did you mean system:playback_1?" in problem
        for problem in desk.pairing.problems
    )


SINK = ("music:playback_FL", "music:playback_FR")
MONITORS = ("music:monitor_FL", "music:monitor_FR")


@pytest.mark.parametrize("inputs", [MONITORS, ("music:monitor_*",), ("*:monitor_*",)])
@pytest.mark.parametrize("outputs", [("*:playback_*",), ("music:*", "card:*"), ("*",)])
def test_a_pattern_leaves_out_the_sink_whose_monitors_are_the_music(inputs, outputs):
    desk = Desk(connect_inputs=inputs, connect_outputs=outputs)
    music = dict(zip(STEREO_IN, MONITORS, strict=True))
    wanted = desk.wanted((*SINK, *DESKTOP[:6]), MONITORS)
    assert wanted == music | {label: f"card:playback_{name}" for label, name in FIVE.items()}
    assert any("music:playback_FL" in note for note in desk.pairing.notes)


def test_a_sink_that_was_taken_before_its_monitors_came_is_let_go():
    desk = Desk("stereo", connect_inputs=("music:monitor_*",), connect_outputs=("*:playback_*",))
    sinks = (*SINK, *DESKTOP[:2])
    assert desk.wanted(sinks) == dict(zip(desk.layout.labels, SINK, strict=True))
    wanted = desk.wanted(sinks, MONITORS)
    assert wanted == dict(zip((*STEREO_IN, *desk.layout.labels), (*MONITORS, *DESKTOP[:2]), strict=True))
    assert desk.wanted(sinks) == wanted, "and stays so without the monitors"


@pytest.mark.parametrize(
    "settings",
    [
        {"connect_outputs": SINK},
        {"connect_outputs": ("nickname", SINK[1])},
        {"connect_speakers": {"M+030": SINK[0], "M-030": SINK[1]}},
        {"connect_monitor": SINK},
    ],
)
def test_a_sink_whose_monitors_are_the_music_is_refused_by_name_too(settings):
    desk = Desk("stereo", EARS, connect_inputs=MONITORS, **settings)
    sinks = [Peer(SINK[0], ("nickname",), "FL"), Peer(SINK[1], (), "FR")]
    wanted = dict(desk.pairing.connections(desk.settings, desk.ports, peers(MONITORS), sinks))
    assert wanted == dict(zip(STEREO_IN, MONITORS, strict=True))
    assert [text for text in desk.pairing.problems if "music:playback_FL, music:playback_FR" in text]


def test_the_other_channels_of_a_card_whose_monitors_are_the_music_play():
    desk = Desk(
        "stereo", connect_inputs=("card:monitor_AUX8", "card:monitor_AUX9"), connect_outputs=("card:playback_*",)
    )
    sinks = [f"card:playback_AUX{n}" for n in range(10)]
    wanted = desk.wanted(sinks, [name.replace("playback", "monitor") for name in sinks])
    assert [wanted[label] for label in desk.layout.labels] == sinks[:2]
