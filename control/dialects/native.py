"""Our own dialect of OSC: messages to commands. Pure, and no message makes it raise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stemfield.control.dialects.osc import Message
from stemfield.control.parameters.argument import accept_all
from stemfield.control.parameters.commands import (
    Ask,
    Capture,
    Command,
    DeleteRecording,
    DeleteScene,
    LoadScene,
    Ping,
    Play,
    Problem,
    Record,
    Redo,
    Renew,
    SaveScene,
    SetParameter,
    Stop,
    Subscribe,
    Touch,
    Undo,
    Unsubscribe,
)
from stemfield.control.parameters.routes import is_trigger
from stemfield.control.parameters.table import TABLE
from stemfield.control.problems import RefusedError

_ARGUMENTS = {p.address: p.arguments for p in TABLE if p.access == "action"}
_COMMANDS: dict[str, Callable[..., Command]] = {
    "/scene/save": SaveScene,
    "/scene/load": LoadScene,
    "/subscribe": Subscribe,
    "/unsubscribe": Unsubscribe,
    "/renew": Renew,
    "/scene/delete": DeleteScene,
    "/scene/undo": Undo,
    "/scene/redo": Redo,
    "/recorder/record": Record,
    "/recorder/capture": Capture,
    "/recorder/play": Play,
    "/recorder/delete": DeleteRecording,
    "/recorder/stop": Stop,
}
TOUCH = "/touch"


def command(message: Message) -> Command | Problem:
    """The meaning of a message."""
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
    if address.endswith(TOUCH):
        return _touch(address, arguments)
    if not arguments and not is_trigger(address):
        return Ask(address)
    return SetParameter(address, arguments)


def _touch(address: str, arguments: Sequence[object]) -> Command | Problem:
    try:
        values = accept_all(_ARGUMENTS[f"/object/{{o}}{TOUCH}"], arguments)
    except RefusedError as refused:
        return Problem(address, str(refused))
    return Touch(address.removesuffix(TOUCH), held=bool(values[0]))
