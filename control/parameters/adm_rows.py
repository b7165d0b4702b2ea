"""ADM-OSC 1.0 as a table of its own over the same scene.

Its axes are x right, y front, z up, and its distances range from 0 to 1, where 1 is the object's `dmax` in metres.
Positions are stored in metres, in double precision, and never lose their direction: a distance of 0 is stored as a
billionth, so that a single component changes the representation set last, polar or Cartesian.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.object_rows import MAX_LABEL
from stemfield.control.parameters.rows import Parameter, Values, component, object_row
from stemfield.control.parameters.scene_rows import YPR
from stemfield.renderer.scene.scene import MAX_LEVEL, Scene, SceneObject
from stemfield.renderer.scene.units import FARTHEST_M, NEAREST_M, aed_of, position_of, reachable

ADM_PREFIX = "/adm/"
TINY = 1e-9
"""The distance stored for 0."""

FULL_TURN_DEG = 360.0
"""Extent of `w` 1."""

_AZIM = Argument("f", "azim", "angle.degree", -180.0, 180.0, cyclic=True)
_ELEV = Argument("f", "elev", "angle.degree", -90.0, 90.0)
_DIST = Argument("f", "dist", "", 0.0, 1.0)
_X, _Y, _Z = (Argument("f", axis, "", -1.0, 1.0) for axis in "xyz")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Numbers = tuple[float, float, float]


def _polar(o: SceneObject) -> Numbers:
    """Azimuth and elevation in degrees, and the distance as a part of `dmax`."""
    azimuth, elevation, distance_m = aed_of(o.position)
    distance = distance_m / o.dmax_m
    return azimuth, elevation, distance if distance > 2.0 * TINY else 0.0


def _cartesian(o: SceneObject) -> Numbers:
    """X right, y front, z up, as parts of `dmax`."""
    x, y, z = o.position
    return -y / o.dmax_m, x / o.dmax_m, z / o.dmax_m


def _with_polar(o: SceneObject, azimuth: float, elevation: float, distance: float) -> SceneObject:
    return replace(o, position=reachable(position_of(azimuth, elevation, max(distance, TINY) * o.dmax_m)))


def _with_cartesian(o: SceneObject, x: float, y: float, z: float) -> SceneObject:
    return replace(o, position=reachable((y * o.dmax_m, -x * o.dmax_m, z * o.dmax_m)))


def _within(arguments: Sequence[Argument], values: Values) -> Values:
    """Values in ADM's range: objects may be farther away than it can express."""
    return tuple(a.accept(v) for a, v in zip(arguments, values, strict=True))


def _row(
    name: str,
    arguments: tuple[Argument, ...],
    description: str,
    read: Callable[[SceneObject], Values],
    change: Callable[..., SceneObject],
) -> Parameter:
    row = object_row(name, arguments, description, lambda o: _within(arguments, read(o)), change)
    return replace(row, address=f"/adm/obj/{{n}}/{name}")


def _listener_row(
    name: str,
    arguments: tuple[Argument, ...],
    description: str,
    read: Callable[[Scene], Values],
    change: Callable[..., Scene],
) -> Parameter:
    return Parameter(
        f"/adm/lis/{name}",
        arguments,
        description,
        read=lambda scene, _: _within(arguments, read(scene)),
        write=lambda scene, _, values, __: change(scene, *values),
    )


def _listener(
    name: str,
    arguments: tuple[Argument, ...],
    description: str,
    read: Callable[[Scene], Values],
    change: Callable[..., Scene],
) -> Iterator[Parameter]:
    """A row for each of three numbers about the listener, and the row of all three."""
    for index, one in enumerate(arguments):
        yield _listener_row(one.name, (one,), f"{one.name} of `{name}`.", *component(index, read, change))
    yield _listener_row(name, arguments, description, read, change)


def _with_label(o: SceneObject, name: str) -> SceneObject:
    """ADM allows any name: the name of a track is for display and never becomes part of an address."""
    label = " ".join(_CONTROL.sub(" ", name).split())[:MAX_LABEL].strip()
    return replace(o, label="" if label == o.name else label)


def _with_dmax(o: SceneObject, dmax_m: float) -> SceneObject:
    scale = dmax_m / o.dmax_m
    x, y, z = o.position
    return replace(o, dmax_m=dmax_m, position=reachable((x * scale, y * scale, z * scale)))


ADM_ROWS: tuple[Parameter, ...] = (
    _row("azim", (_AZIM,), "Azimuth, left positive.", *component(0, _polar, _with_polar)),
    _row("elev", (_ELEV,), "Elevation, up positive.", *component(1, _polar, _with_polar)),
    _row("dist", (_DIST,), "Distance; 1 is `dmax`.", *component(2, _polar, _with_polar)),
    _row("aed", (_AZIM, _ELEV, _DIST), "All three at once.", _polar, _with_polar),
    _row("x", (_X,), "Right.", *component(0, _cartesian, _with_cartesian)),
    _row("y", (_Y,), "Front.", *component(1, _cartesian, _with_cartesian)),
    _row("z", (_Z,), "Up.", *component(2, _cartesian, _with_cartesian)),
    _row(
        "xy",
        (_X, _Y),
        "Right and front at once.",
        lambda o: _cartesian(o)[:2],
        lambda o, x, y: _with_cartesian(o, x, y, _cartesian(o)[2]),
    ),
    _row("xyz", (_X, _Y, _Z), "All three at once.", _cartesian, _with_cartesian),
    _row(
        "w",
        (Argument("f", "w", "", 0.0, 1.0),),
        "Extent: 1 is 360 degrees of `width`.",
        lambda o: (o.width_deg / FULL_TURN_DEG,),
        lambda o, w: replace(o, width_deg=w * FULL_TURN_DEG),
    ),
    _row(
        "gain",
        (Argument("f", "gain", "gain.linear", 0.0, MAX_LEVEL),),
        "Linear gain; the same as `level`.",
        lambda o: (o.level,),
        lambda o, gain: replace(o, level=gain),
    ),
    _row(
        "dref",
        (Argument("f", "dref", "", 0.0, 1.0),),
        "Part of `dmax` within which the distance law has no effect.",
        lambda o: (o.dref,),
        lambda o, dref: replace(o, dref=dref),
    ),
    _row(
        "dmax",
        (Argument("f", "dmax", "distance.m", NEAREST_M, FARTHEST_M),),
        "Distance 1 in metres. The object moves with it.",
        lambda o: (o.dmax_m,),
        _with_dmax,
    ),
    _row(
        "mute",
        (Argument("i", "mute", "", 0, 1),),
        "1 mutes it.",
        lambda o: (int(o.mute),),
        lambda o, mute: replace(o, mute=bool(mute)),
    ),
    _row(
        "name",
        (Argument("s", "name"),),
        "Display name, up to 128 characters; the same as `label`. Addresses do not change.",
        lambda o: (o.title,),
        _with_label,
    ),
    *_listener(
        "xyz",
        (_X, _Y, _Z),
        "Position of the listener: right, front and up, in metres.",
        lambda scene: (-scene.listener[1], scene.listener[0], scene.listener[2]),
        lambda scene, x, y, z: replace(scene, listener=(y, -x, z)),
    ),
    *_listener(
        "ypr",
        YPR,
        "Head rotation of the listener: to the left, up, to the right shoulder.",
        lambda scene: scene.head,
        lambda scene, yaw, pitch, roll: replace(scene, head=(yaw, pitch, roll)),
    ),
    Parameter(
        "/adm/env/change",
        (Argument("s", "name"),),
        "Load a saved scene or a preset with a cross-fade of one second. A query returns the one that was loaded last.",
        "status",
        watch=lambda status, _: (status.scene_name(),),
    ),
    Parameter("/adm/ping", (), "Answered with `/adm/pong` and the same arguments.", "action"),
)
"""Every address of ADM-OSC, in the order of its specification."""
