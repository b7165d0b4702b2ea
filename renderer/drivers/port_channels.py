"""Which channel of a sound card a port of a JACK server is, as far as anything says so.

An alias comes first, which a person may have given it, then its name, then the title among its metadata, and then the
channel map of the card that it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import jack

from stemfield.layouts.channels import channel_of
from stemfield.renderer.drivers.alsa_channels import channels_by_alias


def channels_of_ports(ports: Sequence[Any], titles: dict[str, str | None]) -> list[str | None]:
    """The channels of JACK-Client's `Port`s, such as `FL`; None where nothing says which.

    Args:
        ports: of anybody; all that play on a card, or none of them.
        titles: what titles have said, by names of ports: the server keeps them in a data base, which is slow to ask.
    """
    aliases = [port.aliases for port in ports]
    found: list[str | None] = []
    for port, others, by_card in zip(ports, aliases, channels_by_alias(aliases), strict=True):
        said = next((channel for name in (*others, port.name) if (channel := channel_of(name))), None)
        if said is None and port.name not in titles:
            titles[port.name] = channel_of(_title(port))
        found.append(said or titles.get(port.name) or by_card)
    return found


def _title(port: Any) -> str:
    with suppress(jack.JackError, UnicodeDecodeError):
        found = jack.get_property(port.uuid, jack.METADATA_PRETTY_NAME)
        if found is not None:
            text: str = found[0].decode()
            return text
    return ""
