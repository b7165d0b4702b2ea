"""The file by which PipeWire makes the devices whenever it starts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stemfield.control.config.device import Sink
from stemfield.systemd.files import ServiceFile, marked

_PREVIOUS: Final = "# default before: "
_PRIORITY: Final = 10
"""Below those of sound cards, so that the device becomes the default only if that is asked for."""


def properties(sink: Sink) -> dict[str, object]:
    """Properties of PipeWire's node for a device.

    The monitor has the sound before the volume of the device: the daemon applies that, as its master gain.
    """
    return {
        "factory.name": "support.null-audio-sink",
        "node.name": sink.node,
        "node.description": sink.title,
        "media.class": "Audio/Sink",
        "audio.position": ",".join(sink.channels),
        "monitor.channel-volumes": False,
        "monitor.passthrough": True,
        "object.linger": True,
        "priority.session": _PRIORITY,
    }


def sink_file(client_name: str, sinks: Sequence[Sink], previous: str) -> ServiceFile:
    """The file of a daemon's devices.

    Args:
        client_name: JACK client name of the daemon.
        sinks: its devices.
        previous: name of the default sink before, to be restored when they are removed; empty for none.
    """
    made = [{"factory": "adapter", "args": properties(sink)} for sink in sinks]
    text = f"{_PREVIOUS}{previous}\n" if previous else ""
    text += f"context.objects = {json.dumps(made, indent=2, ensure_ascii=False)}\n"
    name = re.sub(r"[^A-Za-z0-9._-]", "_", client_name).lstrip(".") or "stemfield"
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = home / "pipewire" / "pipewire.conf.d" / f"{name}.conf"
    return ServiceFile(path, marked(text, "device install"))


def previous_default(text: str) -> str:
    """Name of the default sink before the installation, from the content of the file."""
    return next((line.removeprefix(_PREVIOUS) for line in text.splitlines() if line.startswith(_PREVIOUS)), "")
