"""The one table of everything that can be controlled.

Routes, validation, answers, scene files and the manual are made from these rows; an address that is not here does not
exist.
"""

from __future__ import annotations

from stemfield.control.parameters.actions import METER_ACTIONS, PEER_ACTIONS, SCENE_ACTIONS
from stemfield.control.parameters.argument import Argument, parse_words
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.group_rows import GROUP_ROWS
from stemfield.control.parameters.object_rows import OBJECT_ROWS
from stemfield.control.parameters.recall import KINDS, parse_left_out, recalled
from stemfield.control.parameters.rows import Parameter, scene_field, trigger
from stemfield.control.parameters.scene_rows import ROOM_ROWS, SCENE_ROWS
from stemfield.control.parameters.status_rows import STATUS_ROWS
from stemfield.renderer.scene.scene import Recall, Scene


def _reset(scene: Scene, _: None, context: Context) -> Scene:
    return recalled(scene, context.defaults, Recall())


TABLE: tuple[Parameter, ...] = (
    *OBJECT_ROWS,
    *GROUP_ROWS,
    *SCENE_ROWS,
    trigger(
        "/scene/reset",
        "Reset to the layout's default scene. Master, loudspeakers, listener and monitor do not change.",
        _reset,
    ),
    *SCENE_ACTIONS,
    scene_field(
        "/scene/recall/scope",
        "recall.scope",
        Argument("s", "scope"),
        f"What loading a scene changes: some of {', '.join(KINDS)}, separated by commas. Everything else stays.",
        show=", ".join,
        parse=lambda text: parse_words(text, KINDS),
        recall=None,
    ),
    scene_field(
        "/scene/recall/without",
        "recall.without",
        Argument("s", "without"),
        "Objects that loading a scene does not change: names, ids or patterns, separated by commas, such as "
        '`"vocals, input*"`.',
        show=", ".join,
        parse=parse_left_out,
        recall=None,
    ),
    scene_field(
        "/scene/follow",
        "recall.follow",
        Argument("T", "follow"),
        "Load the scene that belongs to the music (`/scene/belongs`), whenever music of another scene begins.",
        recall=None,
    ),
    *ROOM_ROWS,
    *PEER_ACTIONS,
    *STATUS_ROWS,
    *METER_ACTIONS,
)
"""Every parameter, in the order of the manual."""
