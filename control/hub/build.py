"""Puts the hub together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stemfield.control.dialects.registry import RANKS
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.scene_commands import SceneCommands
from stemfield.control.hub.value_commands import ValueCommands
from stemfield.control.parameters.context import Context
from stemfield.control.scenes.store import SceneStore
from stemfield.renderer.scene.scene import Scene

ADM_ANSWER_PORT: Final = 4002
HOLD_S: Final = 1.0


def build_hub(
    scene: Scene,
    context: Context,
    store: SceneStore | None = None,
    *,
    ranks: Mapping[str, int] | None = None,
    hold_s: float = HOLD_S,
    adm_answer_port: int = ADM_ANSWER_PORT,
) -> Hub:
    """A hub with all commands except those of the recorder.

    Args:
        scene: initial scene.
        context: fixed surroundings.
        store: where scenes are saved; None refuses to save any.
        ranks: ranks of dialects that differ from the default, for objects that several peers move at once.
        hold_s: how long a change holds an object against lower ranks.
        adm_answer_port: port at which senders of ADM-OSC expect replies.
    """
    hub = Hub(scene, context, store, ranks={**RANKS, **(ranks or {})}, hold_s=hold_s)
    ValueCommands(hub, adm_answer_port)
    SceneCommands(hub)
    return hub
