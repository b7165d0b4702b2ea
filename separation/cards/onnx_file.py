"""Which other files an ONNX file would have read.

ONNX lets weights lie in files beside the graph (`external_data`), which the checksum of the graph does not cover, and
old runtimes follow their paths anywhere. The format is Protocol Buffers (protobuf.dev/programming-guides/encoding); the
field numbers are those of `onnx.proto`. Only what can hold a tensor is looked into, so that weights are skipped.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES: Final = 10
_MAX_DEPTH: Final = 100
"""Of messages in one another, as for Protocol Buffers' own readers."""

_Kind = Literal["model", "graph", "function", "training", "node", "attribute", "sparse", "tensor"]
_INNER: Final[Mapping[_Kind, Mapping[int, _Kind]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Fields of each kind of message that can hold a tensor, at any depth."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of a tensor."""
_KEY, _VALUE = 1, 2
_UNNAMED = "?"


class OnnxFileError(ValueError):
    """A file that is no ONNX graph."""


def external_files(path: Path) -> tuple[str, ...]:
    """The other files that a graph's weights lie in, sorted, as the graph names them; `?` where it names none.

    Raises:
        OnnxFileError: it is no ONNX graph.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise OnnxFileError("it is empty") from error
        with content:
            found = set(_files(content, 0, len(content), "model", 0))
    return tuple(sorted(found - {_UNNAMED} or found))


def external_weights_problem(path: Path) -> str:
    """Why a graph is refused whose weights lie in other files, or nothing.

    Raises:
        OnnxFileError, OSError: as `external_files`.
    """
    if not (found := external_files(path)):
        return ""
    return (
        f"{path.name} has weights in {', '.join(found)!r:.200}: allowed none outside the file, because its checksum "
        f"does not cover them; onnx.save(onnx.load({path.name!r}), {path.name!r}) puts them into it"
    )


def _files(content: mmap.mmap, at: int, end: int, kind: _Kind, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise OnnxFileError("it is nested too deeply")
    inner = _INNER[kind]
    for field, wire, start, stop in _fields(content, at, end):
        if wire == _BYTES and field in inner:
            yield from _files(content, start, stop, inner[field], depth + 1)
        elif kind == "tensor" and field == _EXTERNAL_DATA and wire == _BYTES:
            entry = {n: content[a:b] for n, w, a, b in _fields(content, start, stop) if w == _BYTES}
            if entry.get(_KEY) == b"location":
                yield entry.get(_VALUE, _UNNAMED.encode()).decode(errors="backslashreplace")
        elif kind == "tensor" and field == _DATA_LOCATION and wire == _VARINT and content[start:stop].strip(b"\0\x80"):
            yield _UNNAMED


def _fields(content: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field of a message: number, wire type, and where its value begins and ends."""
    while at < end:
        tag, at = _varint(content, at, end)
        wire, start = tag & 7, at
        if wire == _VARINT:
            _, at = _varint(content, at, end)
        elif wire == _BYTES:
            size, start = _varint(content, at, end)
            at = start + size
        elif wire in _FIXED:
            at += _FIXED[wire]
        else:
            raise OnnxFileError(f"byte {start - 1} begins nothing that ONNX has")
        if at > end:
            raise OnnxFileError("it is cut off")
        yield tag >> 3, wire, start, at


def _varint(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(content[at : min(at + _MAX_VARINT_BYTES, end)]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise OnnxFileError("it is cut off")
