"""Which channel of a sound card a port of a JACK server is, as far as anything says so.

An alias comes first, which a person may have given it, then its name, then the title among its metadata.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import jack

from stemfield.layouts.channels import channel_of


def channel_of_port(port: Any, titles: dict[str, str | None]) -> str | None:
    """The channel of JACK-Client's `Port`, such as `FL`; None where nothing says which.

    Args:
        port: of anybody.
        titles: what titles have said, by names of ports: the server keeps them in a data base, which is slow to ask.
    """
    for name in (*port.aliases, port.name):
        if channel := channel_of(name):
            return channel
    if port.name not in titles:
        titles[port.name] = channel_of(_title(port))
    return titles[port.name]


def _title(port: Any) -> str:
    with suppress(jack.JackError, UnicodeDecodeError):
        found = jack.get_property(port.uuid, jack.METADATA_PRETTY_NAME)
        if found is not None:
            text: str = found[0].decode()
            return text
    return ""
