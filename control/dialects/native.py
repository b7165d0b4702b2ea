"""Native OSC: messages to commands. Pure, and no message makes it raise."""

from __future__ import annotations

from collections.abc import Sequence

from stemfield.control.dialects.osc import Message
from stemfield.control.parameters.actions import ACTIONS, Ping
from stemfield.control.parameters.argument import accept_all
from stemfield.control.parameters.commands import Ask, Command, Problem, SetParameter, Touch
from stemfield.control.parameters.routes import is_trigger
from stemfield.layouts.problems import RefusedError

_ACTIONS = {row.address: row for row in ACTIONS}
_TOUCH = _ACTIONS["/object/{o}/touch"]
_TOUCH_SUFFIX = "/touch"


def commands(message: Message) -> Sequence[Command | Problem]:
    """The meaning of a message."""
    return (_command(message),)


def _command(message: Message) -> Command | Problem:
    address, arguments = message.address, message.arguments
    if address == "/ping":
        return Ping(message.raw_arguments)
    is_touch = address.endswith(_TOUCH_SUFFIX)
    row = _TOUCH if is_touch else _ACTIONS.get(address)
    if row is not None and row.command is not None:
        try:
            # Checked here, so that each class gets the number and types of arguments that it declares.
            values = accept_all(row.arguments, arguments)
        except RefusedError as refused:
            return Problem(address, str(refused))
        return Touch(address.removesuffix(_TOUCH_SUFFIX), bool(values[0])) if is_touch else row.command(*values)
    if not arguments and not is_trigger(address):
        return Ask(address)
    return SetParameter(address, arguments)


def encode_pong(ping: Ping) -> bytes:
    """The answer to a ping."""
    return ping.answer.encode() + bytes(4 - len(ping.answer) % 4) + ping.arguments
