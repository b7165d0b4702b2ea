"""The dialects, and the codec of each OSC message. A new dialect is a module of this room and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stemfield.control.dialects import adm, native, s3a, s3a_listener, spatgris
from stemfield.control.dialects.osc import Message, parse
from stemfield.control.parameters.adm_rows import ADM_PREFIX
from stemfield.control.parameters.commands import Command, Problem, Timed
from stemfield.renderer.scene.scene import Scene


@dataclass(frozen=True, slots=True)
class UdpPort:
    """A UDP port that the daemon listens on."""

    setting: str
    """Key of the configuration, such as `s3a.port`; closed where the same block has `enabled: false`."""
    default: int
    """Port number where the configuration has no such block."""
    decode: Callable[[bytes, float], Sequence[Timed]] | None = None
    """Makes commands of a datagram, given the time since the epoch; None decodes OSC of all dialects."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of messages."""

    name: str
    ports: tuple[UdpPort, ...] = ()
    prefix: str = ""
    """Beginning of its addresses on an OSC port."""
    commands: Callable[[Message], Sequence[Command | Problem]] | None = None
    """Makes commands of an OSC message with this prefix."""
    has_errors: bool = True
    """Whether senders understand an answer that reports a problem."""
    encode_problem: Callable[[str, str], bytes] | None = None
    """Encodes address and reason of a problem; None sends `/error`."""
    encode_objects: Callable[[Scene, Collection[int]], list[bytes]] | None = None
    """Encodes the objects with these ids, for a mirror; None where it cannot be mirrored to."""
    mirror_port: int = 0
    """Default UDP port of a mirror."""
    has_time_tags: bool = False
    """Whether a mirror understands time tags."""


DIALECTS: Final = (
    Dialect("osc", (UdpPort("osc.port", 4001),), commands=native.commands),
    Dialect(
        "adm",
        prefix=ADM_PREFIX,
        commands=adm.commands,
        has_errors=False,
        encode_objects=adm.encode_objects,
        mirror_port=4001,
        has_time_tags=True,
    ),
    Dialect(
        "spatgris",
        (UdpPort("spatgris.port", 18_032),),
        prefix=spatgris.SPAT_PREFIX,
        commands=spatgris.commands,
    ),
    Dialect(
        "s3a",
        (UdpPort("s3a.port", 4242, s3a.decode), UdpPort("s3a.listener_port", 8888, s3a_listener.decode)),
        encode_problem=s3a.encode_problem,
        encode_objects=s3a.encode_objects,
        mirror_port=4242,
    ),
)

BY_NAME: Final[Mapping[str, Dialect]] = {dialect.name: dialect for dialect in DIALECTS}

_CODECS: Final = sorted(((d.prefix, d.commands) for d in DIALECTS if d.commands), key=lambda codec: -len(codec[0]))
"""The longest prefixes first; native OSC has none and takes the rest."""


def decode(packet: bytes, now_s: float) -> list[Timed]:
    """The commands of one OSC datagram in order, with a problem in place of each that is not understood.

    Args:
        packet: any bytes.
        now_s: seconds since the epoch, to which time tags are compared.
    """
    return [Timed(at_s, command) for at_s, message in parse(packet, now_s) for command in _commands(message)]


def _commands(message: Message | Problem) -> Sequence[Command | Problem]:
    if isinstance(message, Problem):
        return (message,)
    return next(codec for prefix, codec in _CODECS if message.address.startswith(prefix))(message)
