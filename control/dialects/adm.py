"""ADM-OSC 1.0: messages to commands. Pure, and no message makes it raise.

Most of the dialect is a table of its own (`control/parameters/adm_rows.py`); here is what its senders do besides.
"""

from __future__ import annotations

from stemfield.control.dialects.osc import Message
from stemfield.control.parameters.actions import LoadScene, Ping
from stemfield.control.parameters.commands import Ask, Command, Problem, SetParameter, Touch

CHANGE_FADE_S = 1.0
_HANDS = {"touch": True, "release": False}


def command(message: Message) -> Command | Problem:
    """The meaning of a message under `/adm/`.

    A fader's `touch` and `release`, which Nuendo sends as a string behind the values or in their place, hold the
    object and let it go.
    """
    address, arguments = message.address, message.arguments
    if address == "/adm/ping":
        return Ping(message.raw_arguments, "/adm/pong")
    if address == "/adm/env/change" and arguments:
        match arguments:
            case [str() as name, *_]:
                return LoadScene(name, CHANGE_FADE_S, address=address)
        return Problem(address, f"{len(arguments)} arguments: allowed the name of a scene")
    head, _, last = address.rpartition("/")
    if last in _HANDS:
        return Touch(head, _HANDS[last], "adm")
    if arguments and isinstance(word := arguments[-1], str) and word in _HANDS and last != "name":
        if len(arguments) == 1:
            return Touch(head, _HANDS[word], "adm")
        return SetParameter(address, arguments[:-1], "adm", _HANDS[word])
    return SetParameter(address, arguments, "adm") if arguments else Ask(address)
