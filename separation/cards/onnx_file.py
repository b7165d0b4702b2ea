"""Detection of external data in ONNX files.

ONNX allows weights in separate files (`external_data`), which the graph's checksum does not cover, and old runtimes
follow their paths anywhere. The format is Protocol Buffers (protobuf.dev/programming-guides/encoding) with the field
numbers of `onnx.proto`. Only messages that can contain a tensor are parsed; the weights themselves are skipped.
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
"""Maximum nesting of messages, as in the Protocol Buffers libraries."""

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
"""Fields of each kind of message that can contain a tensor at any depth."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Field numbers in a tensor."""
_KEY, _VALUE = 1, 2
_UNNAMED = "?"


class OnnxFileError(ValueError):
    """A file that is not an ONNX graph."""


def external_files(path: Path) -> tuple[str, ...]:
    """External weight files of a graph, sorted, as named in the graph; `?` for external data without a file name.

    Raises:
        OnnxFileError: not an ONNX graph.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise OnnxFileError("the file is empty") from error
        with content:
            found = set(_files(content, 0, len(content), "model", 0))
    return tuple(sorted(found - {_UNNAMED} or found))


def external_weights_problem(path: Path) -> str:
    """Problem of a graph with external weights; empty if it has none.

    Raises:
        OnnxFileError, OSError: as `external_files`.
    """
    if not (found := external_files(path)):
        return ""
    return (
        f"{path.name}: expected all weights inside the file, which its checksum covers, got weights in "
        f"{', '.join(found)!r:.200}; onnx.save(onnx.load({path.name!r}), {path.name!r}) moves them into it"
    )


def _files(content: mmap.mmap, at: int, end: int, kind: _Kind, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise OnnxFileError("messages are nested too deeply")
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
    """Fields of a message: number, wire type, start and end of the value."""
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
            raise OnnxFileError(f"byte {start - 1}: unknown wire type")
        if at > end:
            raise OnnxFileError("the file is truncated")
        yield tag >> 3, wire, start, at


def _varint(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(content[at : min(at + _MAX_VARINT_BYTES, end)]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise OnnxFileError("the file is truncated")
