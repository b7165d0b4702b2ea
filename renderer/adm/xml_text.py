"""The XML of an axml chunk in pieces, in any encoding, without the padding of some programs."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

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


def xml_pieces(xml: bytes) -> Iterator[bytes | str]:
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
