"""Commands with an address of their own, each with its row of the parameter table.

A new command is a class and a row here, and a handler where it is carried out (`Hub.on`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.commands import Action, Command, Problem, SetParameter, Touch, UpsertObject
from stemfield.control.parameters.names import ALLOWED
from stemfield.control.parameters.object_rows import MAX_SMOOTH_S
from stemfield.control.parameters.rows import Parameter

_NAME = Argument("s", "name")
_PRESSED = Argument("T", "pressed", optional=True)
_PATTERN = Argument("s", "pattern", optional=True)


@dataclass(frozen=True, slots=True)
class _NamedAction(Action):
    name: str


@dataclass(frozen=True, slots=True)
class _ButtonAction(Action):
    pressed: bool = True


@dataclass(frozen=True, slots=True)
class _PatternAction(Action):
    pattern: str | None = None


class SaveScene(_NamedAction):
    """Save the current scene under a name."""


@dataclass(frozen=True, slots=True)
class LoadScene(Action):
    """Load a saved scene, cross-faded over `fade_s` seconds."""

    name: str
    fade_s: float = 0.0
    scope: str | None = None
    """Comma-separated kinds; None is the scope set in the scene."""
    without: str | None = None
    """Comma-separated objects; None is the list set in the scene."""
    address: str = "/scene/load"
    """Where it was requested."""


class DeleteScene(_NamedAction):
    """Delete a saved scene."""


@dataclass(frozen=True, slots=True)
class AssignScene(Action):
    """Let the loaded scene belong to the album, the artist or the player of the music that plays."""

    kind: str


class Undo(_ButtonAction):
    """Undo the last step."""


class Redo(_ButtonAction):
    """Redo the step that was undone last."""


class Record(_NamedAction):
    """Start recording every change."""


class Capture(_NamedAction):
    """Start recording every change and the audio of every object."""


class Play(_NamedAction):
    """Play a recording."""


class DeleteRecording(_NamedAction):
    """Delete a recording."""


class Stop(_ButtonAction):
    """Stop recording or playing."""


class RestartLoudness(_ButtonAction):
    """Begin integrated loudness, loudness range and maxima anew."""


@dataclass(frozen=True, slots=True)
class Subscribe(Action):
    """Send changes of the parameters that the pattern matches, at most `rate_hz` times a second.

    `port` is the port they are sent to; None is the sender's own.
    """

    pattern: str
    rate_hz: int = 20
    port: int | None = None


class Unsubscribe(_PatternAction):
    """End the sender's subscription to this pattern, or all of them without one."""


class Renew(_PatternAction):
    """Extend the sender's subscription to this pattern, or all of them without one."""


@dataclass(frozen=True, slots=True)
class Ping(Action):
    """Reply with `/pong` and the same arguments, which stay as received (type tags and data)."""

    arguments: bytes
    answer: str = "/pong"


def _action(
    address: str,
    command: Callable[..., Command],
    arguments: tuple[Argument, ...],
    description: str,
    *,
    changes: bool = True,
) -> Parameter:
    return Parameter(address, arguments, description, "action", command=command, changes=changes)


SCENE_ACTIONS: Final = (
    _action(
        "/scene/save",
        SaveScene,
        (_NAME,),
        f"Save the scene under a name, {ALLOWED}. Undo brings back the scene that it replaced.",
    ),
    _action(
        "/scene/load",
        LoadScene,
        (
            _NAME,
            Argument("f", "fade", "time.second", 0.0, MAX_SMOOTH_S, optional=True),
            Argument("s", "scope", optional=True),
            Argument("s", "without", optional=True),
        ),
        "Load a saved scene, cross-faded if a time is given. `/scene/recall/scope` and `/scene/recall/without` "
        'determine what changes, unless another scope (`""` is the same one) and other objects are given.',
    ),
    _action("/scene/delete", DeleteScene, (_NAME,), "Delete a saved scene; undo brings it back."),
    _action(
        "/scene/belongs",
        AssignScene,
        (Argument("s", "kind"),),
        "Let the loaded scene belong to the music that plays: to its `album`, its `artist`, or its `source`, the "
        "player. With `/scene/follow` it is loaded whenever such music begins.",
    ),
    _action(
        "/scene/undo",
        Undo,
        (_PRESSED,),
        "Undo the last change; changes less than 0.7 s apart are one change. "
        "Overwriting or deleting a saved scene is one too.",
    ),
    _action("/scene/redo", Redo, (_PRESSED,), "Redo a change that was undone."),
    _action(
        "/recorder/record",
        Record,
        (_NAME,),
        "Record every change under a name until stop, replacing a recording of that name.",
    ),
    _action(
        "/recorder/capture",
        Capture,
        (_NAME,),
        "Record every change and the audio of every object until stop, for `stemfield record`.",
    ),
    _action("/recorder/play", Play, (_NAME,), "Play a recording, beginning with the scene it started with."),
    _action("/recorder/stop", Stop, (_PRESSED,), "Stop recording, capturing or playing."),
    _action("/recorder/delete", DeleteRecording, (_NAME,), "Delete a recording that is not being made or played."),
)

PEER_ACTIONS: Final = (
    _action(
        "/subscribe",
        Subscribe,
        (
            replace(_PATTERN, optional=False),
            Argument("i", "rate", "frequency.hz", 1, 60, optional=True),
            Argument("i", "port", "", 1, 65535, optional=True, exact=True),
        ),
        "Receive changes of the matching addresses, at most `rate` times a second (default 20), at the sender's port "
        "or another one; changes of the same time come as a bundle. Ends 30 s after the last `/renew`.",
        changes=False,
    ),
    _action("/unsubscribe", Unsubscribe, (_PATTERN,), "End one subscription of the sender, or all.", changes=False),
    _action("/renew", Renew, (_PATTERN,), "Extend one subscription of the sender, or all.", changes=False),
    _action(
        "/object/{o}/touch",
        Touch,
        (Argument("T", "held"),),
        "Take hold of the object: until it is released, or for 30 s after the last message of its holder, no sender "
        "of the same or a lower rank can move it.",
    ),
    _action("/ping", Ping, (), "Answered with `/pong` and the same arguments, whatever they are.", changes=False),
)

METER_ACTIONS: Final = (
    _action(
        "/meter/loudness/reset",
        RestartLoudness,
        (_PRESSED,),
        "Begin integrated loudness, loudness range and the maxima anew, of the mixture and the room.",
    ),
)

ACTIONS: Final = (*SCENE_ACTIONS, *PEER_ACTIONS, *METER_ACTIONS)

_ROWS: Mapping[object, Parameter] = {row.command: row for row in ACTIONS}


def address_of(command: Command | Problem) -> str:
    """The address that errors about a command name."""
    return command.address if hasattr(command, "address") else _ROWS[type(command)].address


def changes_something(command: Command | Problem) -> bool:
    """Whether a peer with read-only access may not send it."""
    row = _ROWS.get(type(command))
    return isinstance(command, SetParameter | UpsertObject) if row is None else row.changes
