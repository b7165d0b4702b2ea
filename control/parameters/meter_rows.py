"""The rows of the meters: they can be asked for and subscribed to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.rows import Parameter, Values
from stemfield.renderer.engine.levels import HIGHEST_DB, Levels
from stemfield.renderer.scene.scene import SILENCE_DB

_PEAK, _RMS = (Argument("f", name, "gain.db", SILENCE_DB, HIGHEST_DB) for name in ("peak", "rms"))
_SIDES = tuple(
    Argument("f", f"{side}_{what}", "gain.db", SILENCE_DB, HIGHEST_DB)
    for side in ("left", "right")
    for what in ("peak", "rms")
)
_SILENT_PAIR = (SILENCE_DB, SILENCE_DB)


def _meter(
    address: str, arguments: tuple[Argument, ...], description: str, show: Callable[[Levels, Any], Values]
) -> Parameter:
    return Parameter(address, arguments, description, "status", watch=lambda status, key: show(status.levels(), key))


METER_ROWS = (
    _meter(
        "/meter/object/{o}",
        (_PEAK, _RMS),
        "How loud an object comes in, re full scale: the louder of its channels, after its equaliser, before its "
        "level. Peaks fall by 20 dB in 1.7 s; the RMS is that of 0.3 s.",
        lambda levels, key: levels.objects.get(key, _SILENT_PAIR),
    ),
    _meter(
        "/meter/speaker/{label}",
        (_PEAK, _RMS, Argument("f", "reduction", "gain.db", 0.0, -SILENCE_DB)),
        "How loud a loudspeaker plays, after everything, and by how much its limiter has turned it down.",
        lambda levels, key: levels.speakers.get(key, (*_SILENT_PAIR, 0.0)),
    ),
    _meter("/meter/mixture", _SIDES, "How loud the mixture comes in.", lambda levels, _: levels.mixture),
    _meter(
        "/meter/monitor",
        _SIDES,
        "How loud the binaural monitor plays.",
        lambda levels, _: levels.monitor,
    ),
)
"""Every meter, in the order of the manual."""
