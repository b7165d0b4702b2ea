"""The connections that the configuration asks for, given the ports that exist.

An entry of the configuration is a name, or a pattern with `*` and `?`. A name has one place, whether its port exists or
not. A pattern has a place for each matching port; until it has matched one, their number is unknown, and the entries
after it wait. Ports that vanish keep their places, and so do renamed ones, so that no loudspeaker changes its
port when an interface appears late, leaves, or returns in another order.

A sink whose monitors are the input gets no outputs, which would feed back: a pattern skips it, and a loudspeaker for
which it is named gets no port.

Loudspeakers are matched to places by the names of channels if there are any, otherwise by number: the n-th place takes
channel n of the layout. Names in another order than the server's are taken by number too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from stemfield.layouts.channels import channel_of, matched, wired
from stemfield.layouts.model import Speaker
from stemfield.renderer.drivers.connections import Connection, heard_sinks
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings

SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Peer:
    """A port of another client.

    Attributes:
        name: full name.
        aliases: its other names.
        channel: its channel by `layouts.channels.channel_of`, if known.
    """

    name: str
    aliases: tuple[str, ...] = ()
    channel: str | None = None


class WantedConnections:
    """The wanted connections of one configuration; remembers the ports of each pattern across restarts of the server.

    Args:
        speakers: loudspeakers of the layout; none if the outputs are not loudspeaker feeds.
    """

    def __init__(self, speakers: Sequence[Speaker] = ()) -> None:
        self._speakers = speakers
        self._known: dict[tuple[str, str], list[str]] = {}
        self._channels: dict[str, str] = {}
        self.problems: tuple[str, ...] = ()
        """Connections that were not possible the last time, in words."""
        self.notes: tuple[str, ...] = ()
        """What a person should know about those that were."""

    def connections(
        self, settings: JackSettings, ports: JackPorts, sources: Sequence[Peer], sinks: Sequence[Peer]
    ) -> set[Connection]:
        """The connections wanted for the driver's ports; no port of another client takes two outputs.

        Args:
            settings: settings with the patterns.
            ports: ports of the driver.
            sources: output ports of other clients, in the server's order.
            sinks: input ports of other clients.
        """
        self._channels |= {peer.name: peer.channel for peer in (*sources, *sinks) if peer.channel is not None}
        found = _Pass(self._known, self._channels)
        inputs = ports.inputs[: ports.mixture_inputs]
        wanted = found.pairs("connect_inputs", settings.connect_inputs, sources, _sides(inputs), inputs)
        wanted |= {(own, port) for own, port in settings.device if own in ports.inputs}
        found.heard = heard_sinks([port for _, port in wanted])
        own = found.singles(settings.connect_speakers, ports.outputs, sinks)
        feeds = {label: n for label, n in zip(ports.outputs, ports.channels, strict=True) if label not in own}
        speakers = [speaker for speaker in self._speakers if speaker.label in feeds]
        taken = own | found.loudspeakers(settings.connect_outputs, sinks, speakers, feeds, frozenset(own.values()))
        wanted |= set(taken.items())
        ears = found.pairs("connect_monitor", settings.connect_monitor, sinks, _sides(ports.monitor), ports.monitor)
        twice = sorted(port for _, port in ears if port in taken.values())
        if twice:
            found.problems.append(
                f"jack.connect_monitor: {', '.join(twice)} takes a loudspeaker already: the monitor is not connected"
            )
        wanted = found.without_echo(wanted if twice else wanted | ears)
        self.problems, self.notes = tuple(found.problems), tuple(found.notes)
        return wanted

    def rename(self, names: Mapping[str, str]) -> None:
        """Note that ports were renamed, from keys to values: they keep their places and channels."""
        self._channels |= {new: self._channels[old] for old, new in names.items() if old in self._channels}
        for places in self._known.values():
            places[:] = [names.get(place, place) for place in places]


def _sides(ports: Sequence[str]) -> Sequence[Speaker]:
    """A pair of ports as a left and a right loudspeaker."""
    if len(ports) != 2:
        return ()
    left, right = ports
    return Speaker(left, 30.0, 0.0, 1.0, channel=1), Speaker(right, -30.0, 0.0, 1.0, channel=2)


class _Pass:
    """One pass over the configuration."""

    def __init__(self, known: dict[tuple[str, str], list[str]], channels: Mapping[str, str]) -> None:
        self._known = known
        self._channels = channels
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.heard: frozenset[str] = frozenset()
        """Ports of sinks whose monitors are the input."""

    def without_echo(self, wanted: set[Connection]) -> set[Connection]:
        """Without the connections that would feed back."""
        if echoes := sorted(port for _, port in wanted if port in self.heard):
            self.problems.append(f"jack: {_some(echoes)} would come back in by connect_inputs: not connected")
        return {connection for connection in wanted if connection[1] not in self.heard}

    def singles(self, wanted: Mapping[str, str], labels: Sequence[str], peers: Sequence[Peer]) -> dict[str, str]:
        """The full name of the port of each loudspeaker that has one of its own, whether it exists or not."""
        names = {name: peer.name for peer in reversed(peers) for name in (*peer.aliases, peer.name)}
        own = {label: port for label, port in wanted.items() if label in labels}
        self.problems += [
            f"jack.connect_speakers: {port}, for {label}, is not there{_hint(port, list(names))}"
            for label, port in own.items()
            if port not in names
        ]
        return {label: names.get(port, port) for label, port in own.items()}

    def pairs(
        self, key: str, patterns: Sequence[str], peers: Sequence[Peer], sides: Sequence[Speaker], own: Sequence[str]
    ) -> set[Connection]:
        """Connections of ports that are not loudspeakers, with the places of some patterns."""
        places, deliberate = self._places(key, patterns, peers)
        found = {} if deliberate else matched(sides, self._named(places))
        if len(found) == len(own) > 0:
            return {(port, places[index]) for port, index in found.items()}
        return set(zip(own, places, strict=False))

    def loudspeakers(
        self,
        patterns: Sequence[str],
        peers: Sequence[Peer],
        speakers: Sequence[Speaker],
        feeds: Mapping[str, int],
        taken: Collection[str],
    ) -> dict[str, str]:
        """The port of each feed, by labels; `feeds` has their channels."""
        if not patterns or not feeds:
            return {}
        places, deliberate = self._places("connect_outputs", patterns, peers)
        channels = [None if place in taken else name for place, name in zip(places, self._named(places), strict=True)]
        if speakers and not deliberate:
            found, by_name = wired(speakers, channels)
        else:
            found, by_name = {label: n - 1 for label, n in feeds.items() if n <= len(places)}, False
        given = {label: places[index] for label, index in found.items() if places[index] not in taken}
        if without := [label for label in feeds if label not in given]:
            self.problems.append(f"jack.connect_outputs: no port for {_some(without)}")
        if given and speakers and not by_name and not deliberate:
            how = ", ".join(f"{label} {port}" for label, port in list(given.items())[:SHOWN])
            self.notes.append(f"jack.connect_outputs: by number, since the ports' names do not say more: {how}")
        return given

    def _named(self, places: Sequence[str]) -> list[str | None]:
        """The channel of each place, whether its port exists or not."""
        return [self._channels.get(place) or channel_of(place) for place in places]

    def _places(self, key: str, patterns: Sequence[str], peers: Sequence[Peer]) -> tuple[list[str], bool]:
        """The ports of each place, and whether they are in an order chosen by a person."""
        names = [peer.name for peer in peers]
        by_name = {alias: peer.name for peer in reversed(peers) for alias in (*peer.aliases, peer.name)}
        places: list[str] = []
        literal: list[int] = []
        for pattern in patterns:
            exact = by_name.get(pattern)
            now = [exact] if exact is not None else matching(pattern, peers)
            if exact is not None:
                literal.append(names.index(exact))
            if not now:
                self.problems.append(f"jack.{key}: {pattern} matches no port{_hint(pattern, names)}")
            known = self._known.get((key, pattern), [])
            if not known or not set(now) <= set(known):
                known = self._known[key, pattern] = now or ([] if _is_pattern(pattern) else [pattern])
            if not known:
                if pattern != patterns[-1]:
                    self.problems[-1] += "; what follows it waits"
                break
            if _is_pattern(pattern) and (echoes := [name for name in known if name in self.heard]):
                self.notes.append(f"jack.{key}: {pattern} leaves out {_some(echoes)}, which connect_inputs hears")
                known = [name for name in known if name not in echoes]
            places += [name for name in known if name not in places]
        return places, literal != sorted(literal)


def _is_pattern(text: str) -> bool:
    return any(letter in text for letter in "*?")


def matching(pattern: str, peers: Sequence[Peer]) -> list[str]:
    """Names of matching ports in their order; brackets are literal, unless only a character set matches."""
    glob = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
    found = [peer.name for peer in peers if any(map(glob.fullmatch, (peer.name, *peer.aliases)))]
    return found or [peer.name for peer in peers if "[" in pattern and fnmatchcase(peer.name, pattern)]


def _hint(pattern: str, names: Sequence[str]) -> str:
    near = get_close_matches(pattern, names, 1)
    return f", did you mean {near[0]}?" if near else ""


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:SHOWN]) + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")
