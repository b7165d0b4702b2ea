"""Which connections the configuration asks for, given the ports that are there.

An entry of the configuration is a name, or a pattern with `*` and `?`. A name has one place, whether its port is there
or not. A pattern has as many places as ports match; while it has never matched anything, nobody knows how many, and
what follows it waits. Ports that vanish keep their places, and one that is renamed keeps its own, so that no
loudspeaker wanders when an interface comes late, leaves, or returns in another order.

A sink whose monitors are the music takes none of our outputs, which would come back in: a pattern leaves it out, and
where it is named the loudspeaker stays without a port.

Loudspeakers are matched to places by the channels' names wherever these have any, otherwise by number: the n-th place
takes channel n of the layout. Names that a person has put into another order than the server's are taken by number too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from stemfield.layouts.channels import channel_of, matched, wired
from stemfield.layouts.model import Speaker
from stemfield.renderer.drivers.connections import Connection, heard_sinks

if TYPE_CHECKING:
    from stemfield.renderer.drivers.jack import JackPorts, JackSettings

SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Peer:
    """A port of somebody else.

    Attributes:
        name: its full name.
        aliases: other names of it.
        channel: what `layouts.channels.channel_of` makes of what is known of it.
    """

    name: str
    aliases: tuple[str, ...] = ()
    channel: str | None = None


class Wishes:
    """The wishes of one configuration; remembers the ports of each pattern, over a restart of the server too.

    Args:
        speakers: of the layout; none where what goes out are no loudspeakers' feeds.
    """

    def __init__(self, speakers: Sequence[Speaker] = ()) -> None:
        self._speakers = speakers
        self._known: dict[tuple[str, str], list[str]] = {}
        self._channels: dict[str, str] = {}
        self.problems: tuple[str, ...] = ()
        """What could not be had the last time, in words."""
        self.notes: tuple[str, ...] = ()
        """What was had, and a person should know how."""

    def connections(
        self, settings: JackSettings, ports: JackPorts, sources: Sequence[Peer], sinks: Sequence[Peer]
    ) -> set[Connection]:
        """The connections of our ports that are wanted; no port of others takes two of our outputs.

        Args:
            settings: with the patterns.
            ports: of ours.
            sources: ports of others that play, in the server's order.
            sinks: ports of others that take sound.
        """
        self._channels |= {peer.name: peer.channel for peer in (*sources, *sinks) if peer.channel is not None}
        look = _Look(self._known, self._channels)
        inputs = ports.inputs[: ports.mixture_inputs]
        wanted = look.pairs("connect_inputs", settings.connect_inputs, sources, _sides(inputs), inputs)
        look.heard = heard_sinks([port for _, port in wanted])
        own = look.singles(settings.connect_speakers, ports.outputs, sinks)
        feeds = {label: n for label, n in zip(ports.outputs, ports.channels, strict=True) if label not in own}
        speakers = [speaker for speaker in self._speakers if speaker.label in feeds]
        taken = own | look.loudspeakers(settings.connect_outputs, sinks, speakers, feeds, frozenset(own.values()))
        wanted |= set(taken.items())
        ears = look.pairs("connect_monitor", settings.connect_monitor, sinks, _sides(ports.monitor), ports.monitor)
        twice = sorted(port for _, port in ears if port in taken.values())
        if twice:
            look.problems.append(
                f"jack.connect_monitor: {', '.join(twice)} takes a loudspeaker already: the monitor is not connected"
            )
        wanted = look.without_echo(wanted if twice else wanted | ears)
        self.problems, self.notes = tuple(look.problems), tuple(look.notes)
        return wanted

    def rename(self, names: Mapping[str, str]) -> None:
        """Ports were renamed, from keys to values: they keep their places, and stay the channels that they are."""
        self._channels |= {new: self._channels[old] for old, new in names.items() if old in self._channels}
        for places in self._known.values():
            places[:] = [names.get(place, place) for place in places]


def _sides(ports: Sequence[str]) -> Sequence[Speaker]:
    """A pair of ports as what it is: left and right."""
    if len(ports) != 2:
        return ()
    left, right = ports
    return Speaker(left, 30.0, 0.0, 1.0, channel=1), Speaker(right, -30.0, 0.0, 1.0, channel=2)


class _Look:
    """One pass over the configuration."""

    def __init__(self, known: dict[tuple[str, str], list[str]], channels: Mapping[str, str]) -> None:
        self._known = known
        self._channels = channels
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.heard: frozenset[str] = frozenset()
        """Ports of sinks whose monitors are the music."""

    def without_echo(self, wanted: set[Connection]) -> set[Connection]:
        """Without what would play into the music."""
        if echoes := sorted(port for _, port in wanted if port in self.heard):
            self.problems.append(f"jack: {_some(echoes)} would come back in by connect_inputs: not connected")
        return {connection for connection in wanted if connection[1] not in self.heard}

    def singles(self, wanted: Mapping[str, str], labels: Sequence[str], peers: Sequence[Peer]) -> dict[str, str]:
        """The full name of the port of each loudspeaker that has one of its own, there or not."""
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
        """Ports of ours that are no loudspeakers, with the places of some patterns."""
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
        """The channel of each place, whether its port is there or not."""
        return [self._channels.get(place) or channel_of(place) for place in places]

    def _places(self, key: str, patterns: Sequence[str], peers: Sequence[Peer]) -> tuple[list[str], bool]:
        """The ports of each place, and whether a person has put them into an order of his own."""
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
    """Names of ports in their order; brackets are letters like others, unless only a set of letters makes sense."""
    glob = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
    found = [peer.name for peer in peers if any(map(glob.fullmatch, (peer.name, *peer.aliases)))]
    return found or [peer.name for peer in peers if "[" in pattern and fnmatchcase(peer.name, pattern)]


def _hint(pattern: str, names: Sequence[str]) -> str:
    near = get_close_matches(pattern, names, 1)
    return f", did you mean {near[0]}?" if near else ""


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:SHOWN]) + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")
