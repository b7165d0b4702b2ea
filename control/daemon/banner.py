"""The lines printed at the start: what plays, and how to control it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from stemfield.control.config.configuration import Config
from stemfield.layouts.model import Layout
from stemfield.renderer.scene.scene import Scene


def banner(config: Config, layout: Layout, scene: Scene, audio: str, model: str, access: Sequence[str]) -> list[str]:
    """The lines for one running daemon.

    Args:
        config: configuration of the daemon.
        layout: loudspeaker layout.
        scene: scene with the objects to control.
        audio: description of the running audio.
        model: model in use, or an empty string.
        access: how to reach the daemon.
    """
    where = f"layout   {layout.name}, {len(layout.labels)} loudspeakers: {layout.title}"
    if config.role == "separation":
        where = "role     separation: sends stems to the machine that has the loudspeakers"
    if config.role == "renderer":
        model = f"on {config.peer.host or 'another machine, which is not controlled from here (peer.host)'}"
    inputs = str(config.input or ("none" if config.driver == "clock" else "the input ports"))
    send = f"stemfield send --port {config.osc.port}"
    return [
        f"stemfield {version('stemfield')} is ready",
        f"  {where}",
        f"  audio    {audio}",
        f"  input    {inputs}",
        f"  model    {model or 'none: the recording plays unseparated'}",
        f"  control  {'; '.join(access)}; objects: {', '.join(item.name for item in scene.objects)}",
        f"           {send} /object/vocals/aed 180 0 1    # vocals behind you",
        f"           {send} /scene/reset                  # back to the default scene",
    ]
