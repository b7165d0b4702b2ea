"""Connections of loudspeakers to a server's ports: by channel names, while ports are renamed, and after a reload."""

from __future__ import annotations

import signal

import jack
import pytest
import yaml

ALSA = ("FL", "FR", "RL", "RR", "FC", "LFE")
FIVE = {"M+030": "FL", "M-030": "FR", "M+000": "FC", "LFE1": "LFE", "M+110": "RL", "M-110": "RR"}


class Card(jack.Client):
    """A client that looks like a sound card, and reports its connections."""

    def __init__(self, server, name, ports):
        super().__init__(name, no_start_server=True, servername=server.name)
        for port in ports:
            self.inports.register(port)
        self.activate()

    def wires(self):
        """Connections of each port, by short names."""
        return {p.shortname: sorted(o.shortname for o in self.get_all_connections(p)) for p in self.inports}


@pytest.fixture
def card(jackd):
    cards = []

    def make(server, name, ports):
        cards.append(Card(server, name, ports))
        return cards[-1]

    yield make
    for one in cards:
        one.close()


def test_a_desktops_card_gets_each_feed_at_its_loudspeaker_whatever_happens_to_its_ports(jackd, daemon, card, until):
    server = jackd(period_frames=256)
    playback = [f"playback_{name}" for name in ALSA]
    sound = card(server, "desk", playback)
    wanted = {f"playback_{name}": [label] for label, name in FIVE.items()}
    jack_config = {"server_name": server.name, "connect_outputs": ["desk:*", "sytem:*"]}
    room = daemon(driver="jack", layout="5.1", separation={"enabled": False}, jack=jack_config)
    room.start()
    until(lambda: sound.wires() == wanted, 10, "the configured connections")
    room.wait_for("sytem:* matches no port")

    sound.inports[4].shortname = "middle"
    room.wait_for("port desk:playback_FC was renamed to desk:middle")
    wanted["middle"] = wanted.pop("playback_FC")
    early = card(server, "another", ["playback_1"])
    config = yaml.safe_load((room.folder / "config.yaml").read_text())
    config["jack"]["connect_outputs"] = ["another:*", "desk:*_FR", "nobody:*", "desk:*"]
    (room.folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert sound.wires() == wanted
    room.process.send_signal(signal.SIGHUP)
    room.wait_for("nobody:* matches no port; what follows it waits")
    until(lambda: sound.wires() == {p: ["M-030"] if p == "playback_FR" else [] for p in wanted}, 10, "what is known")
    assert early.wires() == {"playback_1": ["M+030"]}
