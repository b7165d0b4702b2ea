"""ADM-OSC 1.0: messages to commands, and objects to messages. Pure, and no message makes it raise.

Most of the dialect is a table of its own (`control/parameters/adm_rows.py`); this is the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stemfield.control.dialects.osc import Message, encode
from stemfield.control.parameters.actions import LoadScene, Ping
from stemfield.control.parameters.adm_rows import ADM_ROWS
from stemfield.control.parameters.commands import Ask, Command, Problem, SetParameter, Touch
from stemfield.control.parameters.rows import Parameter
from stemfield.layouts.problems import shown
from stemfield.renderer.scene.gains import object_level
from stemfield.renderer.scene.scene import Scene

CHANGE_FADE_S = 1.0
_HOLDS = {"touch": True, "release": False}
_ROWS: Mapping[str, Parameter] = {row.address.rpartition("/")[2]: row for row in ADM_ROWS if row.variable}
_SENT = ("dmax", "dref", "aed", "w", "mute", "name")
"""Addresses of an object in the order of sending, before its gain: a new `dmax` moves an object."""


def commands(message: Message) -> Sequence[Command | Problem]:
    """The meaning of a message under `/adm/`.

    Nuendo sends `touch` and `release` of a fader as a string after the values or in their place: they take hold of the
    object and release it.
    """
    return (_command(message),)


def encode_objects(scene: Scene, ids: Collection[int]) -> list[bytes]:
    """Messages about the objects with these ids."""
    packets = []
    for item in scene.objects:
        if item.id not in ids:
            continue
        for name in (*_SENT, "gain"):
            row = _ROWS[name]
            assert row.read is not None
            values = (object_level(scene, item),) if name == "gain" else row.read(scene, item.id)
            packets.append(encode(f"/adm/obj/{item.id + 1}/{name}", row.tags, values))
    return packets


def _command(message: Message) -> Command | Problem:
    address, arguments = message.address, message.arguments
    if address == "/adm/ping":
        return Ping(message.raw_arguments, "/adm/pong")
    if address == "/adm/env/change" and arguments:
        match arguments:
            case [str() as name, *_]:
                return LoadScene(name, CHANGE_FADE_S, address=address)
        return Problem(address, f"expected the name of a scene, got {shown(arguments[0])}")
    head, _, last = address.rpartition("/")
    if last in _HOLDS:
        return Touch(head, _HOLDS[last], "adm")
    if arguments and isinstance(word := arguments[-1], str) and word in _HOLDS and last != "name":
        if len(arguments) == 1:
            return Touch(head, _HOLDS[word], "adm")
        return SetParameter(address, arguments[:-1], "adm", _HOLDS[word])
    return SetParameter(address, arguments, "adm") if arguments else Ask(address)
