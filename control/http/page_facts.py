"""What is sent to the panner page when it connects: loudspeakers, parameter table, addresses of the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from stemfield.control.network.addresses import reachable_addresses
from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.rows import Parameter
from stemfield.control.parameters.table import TABLE
from stemfield.control.scenes.presets import DESCRIPTIONS
from stemfield.layouts.model import Layout
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.scene import Scene
from stemfield.renderer.scene.units import aed_of

Facts = dict[str, Any]

OBJECT_VALUES: Final = tuple(row.parts[-1] for row in TABLE if row.page)

WATCHED: Final = (
    f"/object/*/{{{','.join(OBJECT_VALUES)}}}",
    "/group/*/*",
    "/scene/*",
    "/scene/distance/*",
    "/scene/recall/*",
    "/speaker/*/{gain,mute,solo,sounding}",
    "/listener/*",
    "/monitor/*",
    "/master/*",
    "/separation/*",
    "/separation/*/gain",
    "/recorder/*",
    "/meter/loudness/*",
    "/loudness/*",
)
"""Addresses whose changes are sent to the page at once."""

POLLED: Final = ("/status/*", "/playing/*", "/heartbeat")
"""Addresses whose changes are sent twice a second."""


def room_facts(layout: Layout) -> Facts:
    """The loudspeakers in layout order, which telemetry has too, and the edges of the panner's regions."""
    found = Panner(layout).triangulation
    faces = (*found.triangles, *found.quads)
    # Edges to virtual loudspeakers are included: the regions cover every direction.
    edges = sorted({tuple(sorted(edge)) for face in faces for edge in zip(face, (*face[1:], face[0]), strict=True)})
    return {
        "edges": [np.round(found.positions[list(edge)], 3).tolist() for edge in edges],
        "name": layout.name,
        "title": layout.title,
        "speakers": [
            {
                "label": s.label,
                "azimuth": s.azimuth_deg,
                "elevation": s.elevation_deg,
                "radius": s.radius_m,
                "lfe": s.lfe,
                "channel": s.channel,
            }
            for s in layout.speakers
        ],
    }


def daemon_facts(name: str, addresses: Sequence[str], osc_port: int, http_port: int, context: Context) -> Facts:
    """Name, version, addresses and ports of the daemon, its models and presets, and the parameter table."""
    return {
        "name": name,
        "version": version("stemfield"),
        "role": context.role,
        "addresses": reachable_addresses(addresses),
        "oscPort": osc_port,
        "httpPort": http_port,
        "models": list(context.models),
        "stems": list(context.stems),
        "presets": {name: DESCRIPTIONS.get(name, "") for name in context.presets},
        "defaults": {o.id: aed_of(o.position) for o in context.defaults.objects},
        "table": {row.address: _row(row) for row in TABLE if row.access != "status"},
    }


def object_facts(scene: Scene) -> list[list[object]]:
    """Id, name, kind, number of channels, direct inputs and title of every object, in the order of telemetry."""
    return [[o.id, o.name, o.kind, len(o.channels) or 2, list(o.channels), o.title] for o in scene.objects]


def _row(row: Parameter) -> Facts:
    return {"text": row.description, "arguments": [_argument(a) for a in row.arguments], "default": list(row.default)}


def _argument(argument: Argument) -> Facts:
    found: Facts = {"name": argument.name, "tag": argument.tag, "unit": argument.unit}
    if argument.tag in "fi":
        # JSON has no infinity.
        found |= {"low": max(argument.low, -1e9), "high": min(argument.high, 1e9)}
    if argument.values:
        found["values"] = list(argument.values)
    return found
