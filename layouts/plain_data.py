"""Plain data from files and from the network: bounded in size and depth, with text that can be encoded."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

MAX_FILE_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 16
"""Far below what Python's own recursion allows, so that a value can be shown and compared at any depth of the stack."""
MAX_INTEGER: Final = 2**64
"""Python refuses to print integers of more than 4300 digits."""
_HANDED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Where a shell hands over the end of a pipe, which a person then means."""


class PlainDataError(ValueError):
    """A file that cannot be read, or data that cannot be used."""


def read_file(path: Path, most: int = MAX_FILE_BYTES) -> bytes:
    """The content of a regular file; one that is none (a FIFO, a device) could keep its reader waiting for ever.

    Args:
        path: of the file; a pipe that a shell handed over (`/dev/stdin`, `<(...)`) is read too.
        most: bytes allowed.

    Raises:
        PlainDataError: too large, or no regular file.
        OSError: it cannot be read.
    """
    handed = str(path).startswith(_HANDED)
    try:
        with open(path, "rb", opener=None if handed else _without_waiting) as file:
            if not (handed or stat.S_ISREG(os.fstat(file.fileno()).st_mode)):
                raise PlainDataError("is no regular file")
            content = file.read(most + 1)
    except PlainDataError:
        raise
    except ValueError as error:  # a NUL byte in the path
        raise PlainDataError(f"no path: {error}") from error
    if len(content) > most:
        raise PlainDataError(f"larger than {most} bytes")
    return content


def decode(content: bytes) -> str:
    """UTF-8 text, with or without a byte-order mark.

    Raises:
        PlainDataError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlainDataError(f"not UTF-8: byte {error.start}") from error


def parse_json(text: str | bytes) -> Any:
    """The data of a JSON text, at most 16 deep.

    Raises:
        PlainDataError: no JSON, a key that appears twice in one object, or nested too deeply.
    """
    try:
        data = json.loads(text, object_pairs_hook=_object)
    except PlainDataError:
        raise
    except RecursionError as error:
        raise PlainDataError(_TOO_DEEP) from error
    except UnicodeDecodeError as error:
        raise PlainDataError(f"not UTF-8: byte {error.start}") from error
    except ValueError as error:
        raise PlainDataError(f"no JSON: {error}") from error
    if _deeper_than(data, MAX_DEPTH):
        raise PlainDataError(_TOO_DEEP)
    return data


def is_encodable(text: str) -> bool:
    """Whether UTF-8 can hold a text: half a surrogate pair, which JSON and YAML can escape, it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unusable(data: object, path: str = "") -> Iterator[str]:
    """What no file may hold, wherever it stands: text that cannot be encoded or holds NUL, huge whole numbers.

    Args:
        data: plain data of bounded depth.
        path: of the data, such as `speakers[3]`.
    """
    if isinstance(data, Mapping):
        for key, value in data.items():
            if (problem := _problem(key)) is not None:
                yield f"{path or 'a key'}: {problem}"
            else:
                yield from unusable(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from unusable(value, f"{path}[{index}]")
    elif (problem := _problem(data)) is not None:
        yield f"{path}: {problem}" if path else problem


_TOO_DEEP = f"nested more than {MAX_DEPTH} deep"


def _problem(value: object) -> str | None:
    if isinstance(value, str):
        if not is_encodable(value):
            return f"{value!a:.60} is no text: UTF-8 cannot hold half a surrogate pair"
        if "\0" in value:
            return f"{value!a:.60} holds a NUL character"
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "the whole number is too large"
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise PlainDataError(f"the key {twice!r:.60} appears twice")
    return found


def _deeper_than(data: object, depth: int) -> bool:
    level: list[Any] = [data]
    for _ in range(depth + 1):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
