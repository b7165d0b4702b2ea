"""Reads plain data of files and the network: bounded in size and depth, with text that can be encoded."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

MAX_FILE_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 16
"""Maximum nesting, far below Python's recursion limit, so that a value can be shown and compared anywhere."""
MAX_INTEGER: Final = 2**64
"""Python refuses to print integers of more than 4300 digits."""
_HANDED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Paths by which a shell passes the end of a pipe, which are allowed."""


class PlainDataError(ValueError):
    """A file that cannot be read, or data that cannot be used."""


def read_file(path: Path, most: int = MAX_FILE_BYTES) -> bytes:
    """The content of a file as for `open_file`.

    Raises:
        PlainDataError, OSError: as `open_file`.
    """
    with open_file(path, most) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise PlainDataError(f"larger than {most} bytes")
    return content


def open_file(path: Path, most: int) -> BinaryIO:
    """Open a regular file for reading; anything else (a FIFO, a device) could block for ever.

    Args:
        path: path of the file; a pipe passed by a shell (`/dev/stdin`, `<(...)`) is allowed.
        most: maximum size, bytes.

    Raises:
        PlainDataError: too large, or no regular file.
        OSError: it cannot be opened.
    """
    handed = str(path).startswith(_HANDED)
    try:
        file = open(path, "rb", opener=None if handed else without_waiting)  # noqa: SIM115 - handed to the caller
    except ValueError as error:  # a NUL byte in the path
        raise PlainDataError(f"not a path: {error}") from error
    found = os.fstat(file.fileno())
    if not (handed or stat.S_ISREG(found.st_mode)):
        file.close()
        raise PlainDataError("expected a regular file")
    if found.st_size > most:
        file.close()
        raise PlainDataError(f"larger than {most} bytes")
    return file


def without_waiting(path: str, flags: int) -> int:
    """An opener for `open` that fails instead of waiting for the other end of a FIFO."""
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
    """The data of a JSON text, at most 16 deep; `finite` refuses NaN and Infinity, which Python writes but JSON lacks.

    Raises:
        PlainDataError: not JSON, a key that appears twice, or nested too deeply.
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
        raise PlainDataError(f"nested too deeply: expected at most {MAX_DEPTH} levels")
    return data


def json_line(data: object) -> str:
    """JSON on one line; bytes of file names that are not UTF-8 are escaped, so that it can be encoded."""
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def unusable(data: object, path: str = "") -> Iterator[str]:
    """Problems of data of bounded depth: text that cannot be encoded or contains NUL, huge whole numbers.

    Each is named by its path, such as `speakers[3].label`, which begins with that of the data.
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
        try:
            value.encode()
        except UnicodeEncodeError:  # JSON and YAML can escape one
            return f"{value!a:.60} is not text: half a surrogate pair cannot be encoded"
        if "\0" in value:
            return f"{value!a:.60} contains a NUL character"
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
    raise ValueError(f"expected a number, got {text}")


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
