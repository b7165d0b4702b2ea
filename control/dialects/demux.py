"""What comes in by an OSC door: each message goes to the codec of its dialect. Pure, and no bytes make it raise."""

from __future__ import annotations

from collections.abc import Iterator

from stemfield.control.dialects import adm, native, spatgris
from stemfield.control.dialects.osc import Message, parse
from stemfield.control.parameters.actions import Ping
from stemfield.control.parameters.adm_rows import ADM_PREFIX
from stemfield.control.parameters.commands import Command, Problem, Timed


def decode(packet: bytes, now_s: float) -> list[Timed]:
    """The commands of one datagram in their order, with a problem in the place of each that cannot be understood.

    Args:
        packet: any bytes.
        now_s: seconds since the epoch, against which time tags are held.
    """
    return [Timed(at_s, command) for at_s, message in parse(packet, now_s) for command in _commands(message)]


def encode_pong(ping: Ping) -> bytes:
    """The answer to a ping."""
    return ping.answer.encode() + bytes(4 - len(ping.answer) % 4) + ping.arguments


def _commands(message: Message | Problem) -> Iterator[Command | Problem]:
    if isinstance(message, Problem):
        yield message
    elif message.address.startswith(ADM_PREFIX):
        yield adm.command(message)
    elif message.address.startswith(spatgris.SPAT_PREFIX):
        yield from spatgris.commands(message)
    else:
        yield native.command(message)
