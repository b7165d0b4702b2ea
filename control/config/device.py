"""The configuration of the desktop's sound devices that play into the daemon, by PipeWire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from stemfield.control.config.schema import LIVE
from stemfield.layouts.problems import RefusedError, shown
from stemfield.layouts.schema import Strict

STEREO: Final = ("FL", "FR")
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


def _title(text: str) -> str:
    expected = f"1 to {MAX_TITLE_BYTES} bytes of text without : * ? and control characters"
    if not text.strip() or len(text.encode()) > MAX_TITLE_BYTES or not text.isprintable() or set(text) & set(":*?"):
        raise RefusedError(f"expected {expected}, got {shown(text)}")
    return text.strip()


class DeviceConfig(Strict):
    """The sound device of the desktop, which `stemfield device install` makes."""

    title: Annotated[str, AfterValidator(_title)] = Field(
        "stemfield music",
        json_schema_extra=LIVE,
        description="Name in the desktop's sound settings; the daemon connects its inputs to the device of this name. "
        "After a change: `stemfield device install`.",
    )

    def sinks(self, client_name: str) -> tuple[Sink, ...]:
        """The devices that belong to the daemon of this JACK client name."""
        return (Sink(f"{client_name}-device", self.title, STEREO),)

    def connections(self, inputs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """Own port and port of a device, for the names of the mixture's input ports."""
        (sink,) = self.sinks("")
        ports = inputs if len(inputs) > 1 else inputs * len(STEREO)
        return tuple((port, sink.monitor(channel)) for port, channel in zip(ports, STEREO, strict=False))
