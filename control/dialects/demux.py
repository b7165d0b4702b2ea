"""OSC of all dialects: each message goes to the codec of its prefix. Pure, and no bytes make it raise."""

from __future__ import annotations

from collections.abc import Sequence

from stemfield.control.dialects.osc import Message, parse
from stemfield.control.dialects.registry import DIALECTS
from stemfield.control.parameters.actions import Ping
from stemfield.control.parameters.commands import Command, Problem, Timed

_CODECS = sorted(((d.prefix, d.commands) for d in DIALECTS if d.commands), key=lambda codec: -len(codec[0]))
"""The longest prefixes first; native OSC has none and takes the rest."""


def decode(packet: bytes, now_s: float) -> list[Timed]:
    """The commands of one datagram in order, with a problem in place of each that is not understood.

    Args:
        packet: any bytes.
        now_s: seconds since the epoch, to which time tags are compared.
    """
    return [Timed(at_s, command) for at_s, message in parse(packet, now_s) for command in commands(message)]


def commands(message: Message | Problem) -> Sequence[Command | Problem]:
    """The commands of one message."""
    if isinstance(message, Problem):
        return (message,)
    return next(codec for prefix, codec in _CODECS if message.address.startswith(prefix))(message)


def encode_pong(ping: Ping) -> bytes:
    """The answer to a ping."""
    return ping.answer.encode() + bytes(4 - len(ping.answer) % 4) + ping.arguments
