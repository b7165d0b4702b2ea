"""Our own dialect of OSC: bytes to commands. Pure, and no bytes make it raise."""

from __future__ import annotations

from collections.abc import Callable

from stemfield.control.arguments import accept_all
from stemfield.control.codecs.osc import Message, parse
from stemfield.control.commands import (
    Ask,
    Command,
    LoadScene,
    Ping,
    Problem,
    RefusedError,
    Renew,
    SaveScene,
    SetParameter,
    Subscribe,
    Timed,
    Unsubscribe,
)
from stemfield.control.parameters import TABLE
from stemfield.control.routes import is_trigger

_ARGUMENTS = {p.address: p.arguments for p in TABLE if p.access == "action"}
_COMMANDS: dict[str, Callable[..., Command]] = {
    "/scene/save": SaveScene,
    "/scene/load": LoadScene,
    "/subscribe": Subscribe,
    "/unsubscribe": Unsubscribe,
    "/renew": Renew,
}


def decode(packet: bytes, now_s: float) -> list[Timed]:
    """The commands of one datagram in their order, with a problem in the place of each that cannot be understood.

    Args:
        packet: any bytes.
        now_s: seconds since the epoch, against which time tags are held.
    """
    return [
        Timed(at_s, message if isinstance(message, Problem) else _command(message))
        for at_s, message in parse(packet, now_s)
    ]


def encode_pong(ping: Ping) -> bytes:
    """The answer to a ping."""
    return b"/pong\0\0\0" + ping.arguments


def _command(message: Message) -> Command | Problem:
    address, arguments = message.address, message.arguments
    if address == "/ping":
        return Ping(message.raw_arguments)
    if make := _COMMANDS.get(address):
        try:
            # Checked here, so that each class gets the number and types of arguments that it declares.
            values: list[object] = list(accept_all(_ARGUMENTS[address], arguments))
        except RefusedError as refused:
            return Problem(address, str(refused))
        return make(*values)
    if not arguments and not is_trigger(address):
        return Ask(address)
    return SetParameter(address, arguments)
