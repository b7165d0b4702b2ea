"""Reads documents from XML with any wrapper (EBU Core or ITU) and any namespace.

Blocks, of which there may be very many, are converted while parsing, and their elements discarded.
"""

from __future__ import annotations

import codecs
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from stemfield.layouts.problems import shown
from stemfield.renderer.adm.blocks import Fields, local, object_block, speaker_block
from stemfield.renderer.adm.labels import is_lfe
from stemfield.renderer.adm.model import (
    KINDS,
    SILENT_UID,
    AdmError,
    AudioObject,
    Channel,
    Content,
    Document,
    Kind,
    Programme,
    SpeakerBlock,
    Track,
    same_id,
)

MAX_BLOCKS: Final = 2_000_000
MAX_ELEMENTS: Final = 200_000
"""Maximum number of elements with an ID."""
MAX_DEPTH: Final = 64
MAX_PROBLEMS: Final = 20
_LFE_HZ: Final = 200.0
_KEPT: Final = (
    "audioProgramme",
    "audioContent",
    "audioObject",
    "audioChannelFormat",
    "audioTrackFormat",
    "audioStreamFormat",
    "audioTrackUID",
)
_PIECE_BYTES: Final = 1 << 20
_WIDE: Final = (
    (re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"), "utf-32", 4),
    (re.compile(rb"\xff\xfe|\xfe\xff"), "utf-16", 2),
    (re.compile(rb"[<\s]\0\0\0"), "utf-32-le", 4),
    (re.compile(rb"\0\0\0[<\s]\0"), "utf-32-be", 4),
    (re.compile(rb"[<\s]\0[^\0]\0"), "utf-16-le", 2),
    (re.compile(rb"\0[<\s]\0"), "utf-16-be", 2),
)
"""Beginnings of texts in multi-byte encodings: the encoding, and the bytes of a character."""
_DECLARED_WIDE: Final = re.compile(
    rb"""<\?xml[^>]{0,100}encoding\s*=\s*["'](?:utf-?16|utf-?32|ucs-?[24])""", re.IGNORECASE
)


def read_document(xml: bytes) -> Document:
    """The document in an axml chunk.

    Raises:
        AdmError: not XML, no document, too large, or invalid values, all of which are listed.
    """
    builder = _Builder()
    parser = ET.XMLParser(target=builder)  # noqa: S314 - a document type, without which no entity grows, is refused
    try:
        for piece in _pieces(xml):
            parser.feed(piece)
        parser.close()
    except ET.ParseError as error:
        raise AdmError((f"axml, line {error.position[0]}: not XML: {error}",)) from error
    except AdmError:
        raise
    except (LookupError, ValueError) as error:  # an unknown or multi-byte encoding
        why = " ".join(str(error).split())
        raise AdmError((f"axml: not XML: {why}: expected UTF-8, UTF-16 or an encoding of single bytes",)) from error
    if not builder.found:
        raise AdmError(("axml: holds no audioFormatExtended: nothing in it describes the tracks",))
    return builder.document()


def _pieces(xml: bytes) -> Iterator[bytes | str]:
    """Pieces for a parser: text if the bytes tell the encoding, else bytes, whose declaration counts.

    Padding at the end and white space before the declaration, neither of which is XML, are removed.

    Raises:
        UnicodeDecodeError: bytes that are invalid in the encoding with which the text begins.
    """
    name, width = next(((name, width) for start, name, width in _WIDE if start.match(xml)), ("", 1))
    used = len(xml.rstrip(b"\0"))
    xml = xml[: used + -used % width]
    if not name:
        xml = xml.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n\0")
        # Programs with UTF-16 strings declare that encoding and then write UTF-8.
        name = "utf-8" if _DECLARED_WIDE.match(xml) else ""
    pieces = (xml[at : at + _PIECE_BYTES] for at in range(0, len(xml), _PIECE_BYTES))
    if not name:
        yield from pieces
        return
    text = codecs.iterdecode(pieces, name)
    yield next(text, "").lstrip("\ufeff \t\r\n\0")
    yield from text


class _Builder(ET.TreeBuilder):
    """Builds the document while the XML is parsed."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False
        self._path: list[ET.Element] = []
        self._blocks: list[Any] = []
        self._count = self._elements = 0
        self._problems: list[str] = []
        self._more = 0
        self._notes: dict[str, None] = {}
        self._programmes: dict[str, Programme] = {}
        self._contents: dict[str, Content] = {}
        self._objects: dict[str, AudioObject] = {}
        self._channels: dict[str, Channel] = {}
        self._unknown: dict[str, str] = {}
        self._streams: dict[str, str] = {}
        self._formats: dict[str, str] = {}
        self._tracks: dict[str, Track] = {}

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        """Refuses document types, whose entities could grow without bounds."""
        raise AdmError(("axml: XML with a document type (<!DOCTYPE) is not read",))

    def start(self, tag: str, attrs: dict[str, str]) -> ET.Element:
        """Handles the start of an element."""
        if len(self._path) >= MAX_DEPTH:
            raise AdmError((f"axml: elements within one another more than {MAX_DEPTH} deep are not read",))
        element = super().start(tag, attrs)
        self._path.append(element)
        return element

    def end(self, tag: str) -> ET.Element:
        """Handles the end of an element."""
        element = super().end(tag)
        self._path.pop()
        name = local(tag)
        if name == "audioBlockFormat":
            self._take_block(element)
        elif name in _KEPT:
            self._take(name, element)
        elif name == "audioFormatExtended":
            self.found = True
        if (name == "audioBlockFormat" or name in _KEPT) and self._path:
            del self._path[-1][-1:]
        return element

    def document(self) -> Document:
        """The document, if everything in it is valid."""
        if self._more:
            self._problems.append(f"and {self._more} more")
        if self._problems:
            raise AdmError(tuple(self._problems))
        notes = tuple(f"not played: {name}" for name in self._notes)
        formats = {ref: self._streams.get(stream, "") for ref, stream in self._formats.items()}
        return Document(
            self._programmes,
            self._contents,
            self._objects,
            self._channels,
            self._tracks,
            formats,
            self._unknown,
            notes,
        )

    def _take_block(self, element: ET.Element) -> None:
        self._count += 1
        if self._count > MAX_BLOCKS:
            raise AdmError((f"axml: more than {MAX_BLOCKS} blocks are not read",))
        parent = self._path[-1] if self._path else element
        name = element.get("audioBlockFormatID") or f"block {len(self._blocks) + 1} of {_id(parent)}"
        kind = _kind(parent, _id(parent))
        if kind == "Objects":
            self._blocks.append(object_block(self._fields(element, name)))
        elif kind == "DirectSpeakers":
            self._blocks.append(speaker_block(self._fields(element, name)))

    def _take(self, name: str, element: ET.Element) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise AdmError((f"axml: more than {MAX_ELEMENTS} elements are not read",))
        ident = _id(element)
        fields = self._fields(element, ident or name)
        if not ident:
            self._problem(f"{name} without an ID")
            return
        match name:
            case "audioProgramme":
                self._programmes[ident] = _programme(ident, fields)
            case "audioContent":
                names = element.get("audioContentName", "")
                self._contents[ident] = Content(ident, names, _refs(fields, "audioObjectIDRef"))
            case "audioObject":
                self._objects[ident] = _object(ident, fields)
            case "audioChannelFormat":
                self._take_channel(ident, fields)
            case "audioTrackFormat":
                if stream := _ref(fields, "audioStreamFormatIDRef"):
                    self._formats[ident] = stream
            case "audioStreamFormat":
                self._streams[ident] = _ref(fields, "audioChannelFormatIDRef")
                for track in _refs(fields, "audioTrackFormatIDRef"):
                    self._formats.setdefault(track, ident)
            case "audioTrackUID":
                ref = _ref(fields, "audioTrackFormatIDRef") or _ref(fields, "audioChannelFormatIDRef")
                self._tracks[ident] = Track(ident, ref, _ref(fields, "audioPackFormatIDRef"))

    def _take_channel(self, ident: str, fields: Fields) -> None:
        blocks, self._blocks = self._blocks, []
        kind = _kind(fields.element, ident)
        if kind is None:
            given = fields.element.get("typeDefinition") or fields.element.get("typeLabel") or ident[3:7]
            self._unknown[ident] = f"type {shown(given)}"
            return
        if not blocks and kind in ("Objects", "DirectSpeakers"):
            self._problem(f"{ident}: has no audioBlockFormat")
        low_hz = [
            fields.number("lowPass", child.text, 0.0, 1e6, 1e6)
            for child in fields.children("frequency")
            if child.get("typeDefinition") == "lowPass"
        ]
        labels = [label for block in blocks if isinstance(block, SpeakerBlock) for label in block.labels]
        name = fields.element.get("audioChannelFormatName", "")
        lfe = kind == "DirectSpeakers" and (min(low_hz, default=1e6) <= _LFE_HZ or is_lfe(labels or [name]))
        in_order = tuple(sorted(blocks, key=lambda block: block.start_s))
        self._channels[ident] = Channel(ident, name, kind, in_order, lfe)

    def _fields(self, element: ET.Element, name: str) -> Fields:
        return Fields(element, name, self._problem, self._note)

    def _problem(self, text: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(text)
        else:
            self._more += 1

    def _note(self, name: str) -> None:
        self._notes[name] = None


def _id(element: ET.Element) -> str:
    return same_id(element.get(f"{local(element.tag)}ID") or element.get("UID") or "")


def _refs(fields: Fields, name: str) -> tuple[str, ...]:
    return tuple(same_id(text) for text in fields.texts(name))


def _ref(fields: Fields, name: str) -> str:
    return same_id(fields.text(name) or "")


def _kind(element: ET.Element, ident: str) -> Kind | None:
    """The type of a channel, by its name, its number, or its ID."""
    given = element.get("typeDefinition")
    if given in KINDS:
        return given
    known: Mapping[str, Kind] = {f"{place:04d}": kind for place, kind in enumerate(KINDS, start=1)}
    return known.get(element.get("typeLabel") or ident[3:7])


def _programme(ident: str, fields: Fields) -> Programme:
    element = fields.element
    loudness = None
    for child in fields.children("loudnessMetadata"):
        text = next((part.text for part in child if local(part.tag) == "integratedLoudness"), None)
        loudness = None if text is None else fields.number("integratedLoudness", text, -200.0, 100.0, 0.0)
    start_s, end_s = fields.time("start", element.get("start")), fields.time("end", element.get("end"))
    return Programme(
        ident,
        element.get("audioProgrammeName", ""),
        _refs(fields, "audioContentIDRef"),
        loudness,
        None if end_s is None else end_s - (start_s or Fraction(0)),
    )


def _object(ident: str, fields: Fields) -> AudioObject:
    element = fields.element
    if next(fields.children("positionOffset"), None) is not None:
        fields.note("positionOffset")
    return AudioObject(
        ident,
        element.get("audioObjectName", ""),
        fields.time("start", element.get("start")) or Fraction(0),
        fields.time("duration", element.get("duration")),
        tuple(uid for uid in _refs(fields, "audioTrackUIDRef") if uid != SILENT_UID),
        _refs(fields, "audioObjectIDRef"),
        _refs(fields, "audioComplementaryObjectIDRef"),
        fields.gain(),
        fields.flag("mute"),
    )
