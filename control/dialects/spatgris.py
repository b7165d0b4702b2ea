"""SpatGRIS: `/spat/serv` messages to commands. Pure, and no message makes it raise.

Sources count from 1. Azimuths are clockwise; the Cartesian axes are x right, y front, z up. Distances have no unit: 1
is the distance of the loudspeakers, here the object's `dmax`, and the cube extends beyond it. Spans range from 0 to 1,
where 1 is all around and from top to bottom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from stemfield.control.dialects.osc import Message
from stemfield.control.parameters.argument import Argument, accept_all
from stemfield.control.parameters.commands import Command, Problem, SetParameter
from stemfield.layouts.problems import RefusedError, shown

SPAT_PREFIX = "/spat/"
ADDRESS = "/spat/serv"
MAX_SOURCE = 10_000

_SOURCE = Argument("i", "source", "", 1, MAX_SOURCE, exact=True)
"""Never clamped, which would move another source."""

_SPANS = (Argument("f", "horizontal span", "", 0.0, 1.0), Argument("f", "vertical span", "", 0.0, 1.0))
_POLAR = (Argument("f", "azimuth"), Argument("f", "elevation"), Argument("f", "distance", "", 0.01))
_CARTESIAN = tuple(Argument("f", axis) for axis in "xyz")
_ARGUMENTS = {
    "deg": (_SOURCE, *_POLAR, *_SPANS),
    "pol": (_SOURCE, *_POLAR, *_SPANS),
    "car": (_SOURCE, *_CARTESIAN, *_SPANS),
    "clr": (_SOURCE,),
    "alg": (_SOURCE, Argument("s", "algorithm", values=("dome", "cube", "hybrid"))),
}
_FULL_WIDTH_DEG, _FULL_HEIGHT_DEG = 360.0, 180.0


def commands(message: Message) -> Sequence[Command | Problem]:
    """The commands of a message under `/spat/`.

    `clr` resets a source. `alg` selects a panning algorithm; there is only one here, so it is checked and ignored.
    """
    if message.address != ADDRESS:
        return (Problem(message.address, f"unknown address: SpatGRIS has only {ADDRESS}", unknown=True),)
    kind, *arguments = message.arguments or [""]
    if not isinstance(kind, str) or kind not in _ARGUMENTS:
        return (Problem(ADDRESS, f"expected {', '.join(_ARGUMENTS)}, got {shown(kind)}"),)
    try:
        source = _SOURCE.accept(arguments[0], strict=True) if arguments else 0
        _, *values = accept_all(_ARGUMENTS[kind], arguments)
    except RefusedError as refused:
        return (Problem(ADDRESS, f"{kind}: {refused}"),)
    return _about(kind, f"/object/{int(source) - 1}", [float(v) for v in values if not isinstance(v, str)])


def _about(kind: str, item: str, values: Sequence[float]) -> Sequence[Command]:
    if kind == "alg":
        return ()
    if kind == "clr":
        return (SetParameter(f"{item}/remove", (), "spatgris"),)
    a, b, c, horizontal, vertical = values
    if kind == "car":
        place = SetParameter(f"{item}/position", (b, -a, c), "spatgris", in_dmax=True)
    else:
        azimuth, elevation = (math.degrees(a), math.degrees(b)) if kind == "pol" else (a, b)
        place = SetParameter(f"{item}/aed", (-azimuth, elevation, c), "spatgris", in_dmax=True)
    return (
        place,
        SetParameter(f"{item}/width", (horizontal * _FULL_WIDTH_DEG,), "spatgris"),
        SetParameter(f"{item}/height", (vertical * _FULL_HEIGHT_DEG,), "spatgris"),
    )
