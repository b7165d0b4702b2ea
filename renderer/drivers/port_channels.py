"""Channels of JACK ports, as far as they are known.

Sources in order: an alias, which a person may have set, the name, the title in the metadata, and the channel map of the
sound card.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from stemfield.layouts.channels import channel_of
from stemfield.renderer.drivers.alsa_channels import channels_by_alias
from stemfield.renderer.drivers.libjack import jack


def channels_of_ports(ports: Sequence[Any], titles: dict[str, str | None]) -> list[str | None]:
    """The channels of JACK-Client's `Port`s, such as `FL`; None if unknown.

    Args:
        ports: ports of any client; all outputs of a card, or none of them.
        titles: cache of channels by titles, by port names: the server keeps titles in a database that is slow to read.
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
