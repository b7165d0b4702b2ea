"""Plain data from files and from the network: bounded in size and depth, with text that can be encoded."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

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
    """The content of a regular file.

    Args:
        path: of the file, as for `open_file`.
        most: bytes allowed.

    Raises:
        PlainDataError, OSError: as `open_file`.
    """
    with open_file(path, most) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise PlainDataError(f"larger than {most} bytes")
    return content


def open_file(path: Path, most: int) -> BinaryIO:
    """A regular file, opened to be read; one that is none (a FIFO, a device) could keep its reader waiting for ever.

    Args:
        path: of the file; a pipe that a shell handed over (`/dev/stdin`, `<(...)`) is read too.
        most: bytes allowed.

    Raises:
        PlainDataError: too large, or no regular file.
        OSError: it cannot be opened.
    """
    handed = str(path).startswith(_HANDED)
    try:
        file = open(path, "rb", opener=None if handed else without_waiting)  # noqa: SIM115 - handed to the caller
    except ValueError as error:  # a NUL byte in the path
        raise PlainDataError(f"no path: {error}") from error
    found = os.fstat(file.fileno())
    if not (handed or stat.S_ISREG(found.st_mode)):
        file.close()
        raise PlainDataError("is no regular file")
    if found.st_size > most:
        file.close()
        raise PlainDataError(f"larger than {most} bytes")
    return file


def without_waiting(path: str, flags: int) -> int:
    """An opener for `open` that fails where a FIFO without another end would make it wait."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)


def decode(content: bytes) -> str:
    """UTF-8 text, with or without a byte-order mark.

    Raises:
        PlainDataError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlainDataError(f"not UTF-8: byte {error.start}") from error


def parse_json(text: str | bytes, *, finite: bool = False) -> Any:
    """The data of a JSON text, at most 16 deep.

    Args:
        text: of the document.
        finite: whether all of it is refused for a NaN or Infinity, which Python's writers know and JSON does not.

    Raises:
        PlainDataError: why it is no JSON that is read here, such as a key that appears twice or deep nesting.
    """
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number if finite else None)
    except PlainDataError:
        raise
    except RecursionError as error:
        raise PlainDataError(f"nested too deeply: {error}") from error
    except UnicodeDecodeError as error:
        raise PlainDataError(f"not UTF-8: byte {error.start}") from error
    except ValueError as error:
        raise PlainDataError(str(error)) from error
    if _deeper_than(data, MAX_DEPTH):
        raise PlainDataError(f"nested too deeply: allowed {MAX_DEPTH} levels")
    return data


def json_line(data: object) -> str:
    """JSON on one line; bytes of file names that are not UTF-8 are escaped, so that it can be encoded."""
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


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


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


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
