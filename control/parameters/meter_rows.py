"""Rows of the meters, which can be queried and subscribed to."""

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
        "Input level of an object re full scale: the louder of its channels, after its equaliser, before its level. "
        "Peaks fall by 20 dB in 1.7 s; the RMS covers 0.3 s.",
        lambda levels, key: levels.objects.get(key, _SILENT_PAIR),
    ),
    _meter(
        "/meter/speaker/{label}",
        (_PEAK, _RMS, Argument("f", "reduction", "gain.db", 0.0, -SILENCE_DB)),
        "Output level of a loudspeaker after all processing, and the gain reduction of its limiter.",
        lambda levels, key: levels.speakers.get(key, (*_SILENT_PAIR, 0.0)),
    ),
    _meter("/meter/mixture", _SIDES, "Input level of the mixture.", lambda levels, _: levels.mixture),
    _meter(
        "/meter/monitor",
        _SIDES,
        "Output level of the binaural monitor.",
        lambda levels, _: levels.monitor,
    ),
)
"""Every meter, in the order of the manual."""
