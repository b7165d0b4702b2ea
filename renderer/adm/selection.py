"""Selects what a programme plays: its tracks and their blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NoReturn

from stemfield.layouts.problems import did_you_mean, shown
from stemfield.renderer.adm.blocks import MAX_GAIN
from stemfield.renderer.adm.labels import is_lfe, place_of
from stemfield.renderer.adm.model import (
    KINDS,
    AdmError,
    AudioObject,
    Block,
    Channel,
    Document,
    Programme,
    SpeakerBlock,
    same_id,
)
from stemfield.renderer.files.bw64 import TrackEntry

MAX_VISITS: Final = 4096
"""An object within two others is visited twice; without a bound twenty of two parts each would be a million."""
MAX_DEPTH: Final = 64
MAX_ITEMS: Final = 1024
_PLAYED: Final = ("Objects", "DirectSpeakers")
_ID: Final = re.compile(r"AC_([0-9A-F]{4})([0-9A-F]{4})")
# fmt: off
_COMMON_LABELS: Final = (
    "M+030", "M-030", "M+000", "LFE", "M+110", "M-110", "M+022", "M-022", "M+180", "M+090",
    "M-090", "T+000", "U+030", "U+000", "U-030", "U+110", "U+180", "U-110", "U+090", "U-090",
    "B+000", "B+045", "B-045", "M+060", "M-060", "M+135_Diff", "M-135_Diff", "M+135", "M-135", "U+135",
    "U-135", "LFEL", "LFER", "U+045", "U-045", "M+SC", "M-SC", "M+045", "M-045", "UH+180",
)
# fmt: on
"""Labels of the common definitions of channels (ITU-R BS.2094), which documents need not describe, from 1 on."""
_LOW_FREQUENCY_PLACE: Final = (0.0, -30.0)


@dataclass(frozen=True, slots=True)
class Item:
    """One channel to play from one track."""

    track: int
    """0-based track of the file."""
    name: str
    blocks: tuple[Block, ...] | tuple[SpeakerBlock, ...]
    lfe: bool = False
    gain: float = 1.0
    """Gain of the objects that it belongs to, linear."""
    start_s: Fraction = Fraction(0)
    """Start of its object, from which its blocks count."""
    end_s: Fraction | None = None
    """End of its object, if before the end of the file."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A programme and its items."""

    programme: Programme | None
    """None in a file without programmes, which is played as a whole."""
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    """Features that are not rendered as the document asks for."""


def select(document: Document, entries: Sequence[TrackEntry], wanted: str | None = None) -> Selection:
    """The tracks of a programme, with every object in its default version, not its alternatives.

    Args:
        document: document of the file.
        entries: entries of its chna chunk.
        wanted: ID or name of a programme; default: the first.

    Raises:
        AdmError: no such programme, nothing to play, or references to nothing, all of which are listed.
    """
    return _Selector(document, entries).select(wanted)


class _Selector:
    def __init__(self, document: Document, entries: Sequence[TrackEntry]) -> None:
        self._document = document
        self._entries = {same_id(entry.uid): entry for entry in entries}
        self._problems: dict[str, None] = {}
        self._left_out: dict[str, dict[str, None]] = {}
        self._visits = self._tracks = 0
        self._instead = {ident for item in document.objects.values() for ident in item.instead}

    def select(self, wanted: str | None) -> Selection:
        document = self._document
        if not document.objects:
            raise AdmError(("axml: holds no audioObject: nothing says what is to be played",))
        programme = self._programme(wanted)
        roots = self._roots() if programme is None else self._of_contents(programme)
        items = [item for root in roots for item in self._items(root, 1.0, ())]
        left_out = [f"{kind} ({', '.join(names)})" for kind, names in self._left_out.items()]
        if not items and left_out and not self._problems:
            self._problems[f"holds nothing that is played here, only {' and '.join(left_out)}"] = None
        if not items and not self._problems:
            self._problems["nothing to play: no object of the programme has a track"] = None
        if self._problems:
            raise AdmError(tuple(self._problems))
        notes = [f"{kind} is left out: {', '.join(names)}" for kind, names in self._left_out.items()]
        return Selection(programme, tuple(items), (*document.notes, *notes))

    def _programme(self, wanted: str | None) -> Programme | None:
        programmes = self._document.programmes
        if wanted is None:
            return next(iter(sorted(programmes.values(), key=lambda found: found.id)), None)
        for found in programmes.values():
            if wanted == found.name or same_id(wanted) == found.id:
                return found
        known = (
            ", ".join(f"{found.name} ({found.id})" for found in programmes.values()) or "none, because there is none"
        )
        hint = did_you_mean(wanted, [name for found in programmes.values() for name in (found.name, found.id)])
        raise AdmError((f"programme: expected {known}, got {shown(wanted)}{hint}",))

    def _roots(self) -> Iterator[AudioObject]:
        """Every object that is not part of another one."""
        parts = {ident for item in self._document.objects.values() for ident in item.objects}
        return (item for ident, item in self._document.objects.items() if ident not in parts)

    def _of_contents(self, programme: Programme) -> Iterator[AudioObject]:
        for ident in programme.contents:
            content = self._document.contents.get(ident)
            if content is None:
                self._problems[f"{programme.id}: there is no audioContent {shown(ident)}"] = None
            else:
                yield from self._objects(content.id, content.objects)

    def _objects(self, owner: str, idents: Iterable[str]) -> Iterator[AudioObject]:
        for ident in idents:
            found = self._document.objects.get(ident)
            if found is None:
                self._count_visit()
                self._problems[f"{owner}: there is no audioObject {shown(ident)}"] = None
            else:
                yield found

    def _items(self, item: AudioObject, gain: float, above: tuple[str, ...]) -> Iterator[Item]:
        self._count_visit()
        if item.id in above:
            self._problems[f"{item.id}: is a part of itself"] = None
            return
        if len(above) >= MAX_DEPTH:
            self._stop(f"{item.id}: audioObjects within one another more than {MAX_DEPTH} deep are not played")
        if item.id in self._instead:
            return
        gain *= 0.0 if item.mute else item.gain
        if abs(gain) > MAX_GAIN:
            self._problems[f"{item.id}: gain with those around it: expected up to {MAX_GAIN:g}, got {gain:g}"] = None
            return
        for part in self._objects(item.id, item.objects):
            yield from self._items(part, gain, (*above, item.id))
        end_s = None if item.duration_s is None else item.start_s + item.duration_s
        for uid in item.tracks:
            self._tracks += 1
            if self._tracks > MAX_ITEMS:
                self._stop(f"more than {MAX_ITEMS} tracks of audioObjects, each as often as it is heard, are not read")
            if (found := self._track(item, uid)) is not None:
                entry, channel = found
                name = item.name or channel.name or uid
                yield Item(entry.index, name, channel.blocks, channel.lfe, gain, item.start_s, end_s)

    def _count_visit(self) -> None:
        self._visits += 1
        if self._visits > MAX_VISITS:
            self._stop(f"more than {MAX_VISITS} audioObjects, each as often as others refer to it, are not played")

    def _stop(self, problem: str) -> NoReturn:
        raise AdmError((*self._problems, problem))

    def _track(self, item: AudioObject, uid: str) -> tuple[TrackEntry, Channel] | None:
        """Track and channel of a UID; None if it cannot be played, with the reason among the problems."""
        entry, track = self._entries.get(uid), self._document.tracks.get(uid)
        if entry is None:
            self._problems[f"{item.id}: its track {shown(uid)} is not in the chna chunk"] = None
            return None
        reference = (track.format if track else "") or same_id(entry.track_ref)
        ident = self._document.channel_of(reference)
        channel = self._document.channels.get(ident) or _common_channel(ident)
        kind = channel.kind if channel else self._document.unknown.get(ident) or _kind_of(ident)
        if kind is not None and kind not in _PLAYED:
            self._left_out.setdefault(kind, {})[item.name or item.id] = None
        elif channel is None:
            self._problems[f"{item.id}: the channel {shown(ident)} of its track {uid} is not described"] = None
        else:
            return entry, channel
        return None


def _kind_of(ident: str) -> str | None:
    """The type of a channel that the document does not describe, by its ID.

    Numbers below 1000 (hexadecimal) are the common definitions of BS.2094, of which later versions have more.

    >>> _kind_of("AC_00040001"), _kind_of("AC_00070001"), _kind_of("AC_00030001"), _kind_of("AC_00031001")
    ('HOA', 'type 0007', 'common definition AC_00030001', None)
    """
    ident = ident.upper()
    found = _ID.fullmatch(ident)
    if found is None or found[1] == "0000":
        return None
    place = int(found[1], 16)
    kind = KINDS[place - 1] if place <= len(KINDS) else f"type {found[1]}"
    is_common = found[2].startswith("0") and found[2] != "0000"
    return f"common definition {ident}" if is_common and kind in _PLAYED else kind if kind not in _PLAYED else None


def _common_channel(ident: str) -> Channel | None:
    """The channel of an ID, or None if it is not a common definition.

    >>> _common_channel("AC_00010005").blocks[0].labels
    ('M+110',)
    """
    if not re.fullmatch(r"AC_0001[0-9a-fA-F]{4}", ident):
        return None
    number = int(ident[7:], 16)
    if not 1 <= number <= len(_COMMON_LABELS):
        return None
    label = _COMMON_LABELS[number - 1]
    block = SpeakerBlock(labels=(label,), position=(*(place_of(label) or _LOW_FREQUENCY_PLACE), 1.0))
    return Channel(ident, label, "DirectSpeakers", (block,), lfe=is_lfe((label,)))
