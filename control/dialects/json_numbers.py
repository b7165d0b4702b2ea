"""JSON of S3A's programs: documents of bounded size whose numbers may be quoted. No bytes make it crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemfield.layouts.plain_data import PlainDataError, parse_json
from stemfield.layouts.problems import RefusedError, shown

MAX_BYTES = 65_536


def read_document(packet: bytes) -> Mapping[str, Any]:
    """The JSON object of a datagram.

    Raises:
        RefusedError: too large, not UTF-8, not JSON, nested too deeply, or not an object.
    """
    if len(packet) > MAX_BYTES:
        raise RefusedError(f"expected at most {MAX_BYTES} bytes, got {len(packet)}")
    try:
        return mapping(parse_json(packet.decode(), finite=True))
    except UnicodeDecodeError as error:
        raise RefusedError("not UTF-8") from error
    except PlainDataError as error:
        raise RefusedError(f"not JSON: {error!s:.80}") from error


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        RefusedError: it is not.
    """
    if not isinstance(value, Mapping):
        raise RefusedError(f"expected an object, got {shown(value)}")
    return value
