"""The configuration of the desktop's sound devices that play into the daemon, by PipeWire or by ALSA and jackd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from stemfield.control.config.schema import LIVE
from stemfield.layouts.problems import RefusedError, shown
from stemfield.layouts.schema import Strict

STEREO: Final = ("FL", "FR")
_FRONT: Final = {"FL": 30.0, "FR": -30.0, "FC": 0.0, "LFE": 0.0}
SURROUND_DEG: Final = {
    6: _FRONT | {"SL": 110.0, "SR": -110.0},
    8: _FRONT | {"SL": 90.0, "SR": -90.0, "RL": 135.0, "RR": -135.0},
}
"""Azimuths of the channels of 5.1 and 7.1 (ITU-R BS.2051, systems B and I); positive to the left."""
LFE: Final = "LFE"
SURROUND: Final = "surround"
MAX_TITLE_BYTES: Final = 48
"""With a port's name behind it, it is below JACK's limit."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A sound device of the desktop. What programs play into it comes out of its monitor ports.

    Attributes:
        node: name of PipeWire's node.
        title: displayed name, by which JACK clients find its ports.
        channels: positions of its channels, as PipeWire names them.
    """

    node: str
    title: str
    channels: tuple[str, ...]

    def monitor(self, channel: str) -> str:
        """Full JACK name of the port with the sound of a channel."""
        return f"{self.title}:monitor_{channel}"

    def capture(self, channel: str) -> str:
        """Full JACK name of the same port where zita-a2j has the device: with jackd, and in stereo only."""
        return f"{self.title}:capture_{self.channels.index(channel) + 1}"


def _title(text: str) -> str:
    expected = f"1 to {MAX_TITLE_BYTES} bytes of text without : * ? and control characters"
    if not text.strip() or len(text.encode()) > MAX_TITLE_BYTES or not text.isprintable() or set(text) & set(":*?"):
        raise RefusedError(f"expected {expected}, got {shown(text)}")
    return text.strip()


class DeviceConfig(Strict):
    """The sound devices of the desktop, which `stemfield device install` makes."""

    title: Annotated[str, AfterValidator(_title)] | None = Field(
        "stemfield music",
        json_schema_extra=LIVE,
        description="Name in the desktop's sound settings; the daemon connects its inputs to the device of this name; "
        "null for none. After a change: `stemfield device install`.",
    )
    surround: Literal[6, 8] | None = Field(
        None,
        description="Channels of a second device, for films: 6 (5.1) or 8 (7.1). They are not separated, but are "
        "objects of their own, surround_FL and so on, in time with the instruments. After a change: "
        "`stemfield device install`.",
    )

    @property
    def surround_deg(self) -> Mapping[str, float]:
        """Azimuths of the second device's channels."""
        return SURROUND_DEG[self.surround] if self.surround else {}

    def sinks(self, client_name: str) -> tuple[Sink, ...]:
        """The devices that belong to the daemon of this JACK client name."""
        if self.title is None:
            return ()
        music = Sink(f"{client_name}-device", self.title, STEREO)
        films = Sink(surround_node(client_name), f"{self.title} {SURROUND}", tuple(self.surround_deg))
        return (music, films) if films.channels else (music,)

    def connections(self, inputs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """Own port and port of a device, for the names of the mixture's input ports."""
        own = dict(zip(STEREO, inputs if len(inputs) > 1 else inputs * len(STEREO), strict=False))
        found = []
        for sink in self.sinks(""):
            ports = own if sink.channels == STEREO else {channel: object_name(channel) for channel in sink.channels}
            found += [(port, sink.monitor(channel)) for channel, port in ports.items()]
            if sink.channels == STEREO:
                found += [(port, sink.capture(channel)) for channel, port in ports.items()]
        return tuple(found)


def surround_node(client_name: str) -> str:
    """Name of the second device's node."""
    return f"{client_name}-{SURROUND}"


def object_name(channel: str) -> str:
    """Name of the object, and of its input port, for a channel of the second device."""
    return f"{SURROUND}_{channel}"
