"""Puts the hub together."""

from __future__ import annotations

from typing import Final

from stemfield.control.config.network import HandsConfig, OscConfig
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.scene_commands import SceneCommands
from stemfield.control.hub.value_commands import ValueCommands
from stemfield.control.parameters.context import Context
from stemfield.control.scenes.store import SceneStore
from stemfield.renderer.scene.scene import Scene

_HANDS: Final = HandsConfig()
_ADM_ANSWER_PORT: Final = OscConfig().adm_answer_port


def build_hub(
    scene: Scene,
    context: Context,
    store: SceneStore | None = None,
    *,
    hands: HandsConfig = _HANDS,
    adm_answer_port: int = _ADM_ANSWER_PORT,
) -> Hub:
    """A hub with all commands except those of the recorder.

    Args:
        scene: initial scene.
        context: fixed surroundings.
        store: where scenes are saved; None refuses to save any.
        hands: precedence for objects that several peers move at once.
        adm_answer_port: port at which senders of ADM-OSC expect replies.
    """
    hub = Hub(scene, context, store, ranks=hands.ranks, hold_s=hands.hold_s)
    ValueCommands(hub, adm_answer_port)
    SceneCommands(hub)
    return hub
