"""Checks the loudspeaker chain of a layout: equalisers, filters, limits, bass management."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from stemfield.layouts.model import EqType, Polarity
from stemfield.layouts.problems import (
    choice_problems,
    did_you_mean,
    is_number,
    kind,
    mapping_problems,
    number_problems,
    text_problems,
    truth_problems,
)

MAX_BANDS = 32
MAX_PATH = 1024

CHAIN_NUMBERS = {
    "delay_ms": (0.0, 1000.0),
    "gain_db": (-60.0, 20.0),
    "highpass_hz": (1.0, 24_000.0),
    "lowpass_hz": (1.0, 24_000.0),
    "max_level_db": (-60.0, 0.0),
}
CHAIN_KEYS = (*CHAIN_NUMBERS, "polarity", "eq", "fir")
ROOM_KEYS = ("compensate", "dual_band", "bass_management")

_BAND_NUMBERS = {"f_hz": (1.0, 96_000.0), "q": (0.01, 100.0), "gain_db": (-60.0, 20.0)}
_COMPENSATE_KEYS = ("delay", "gain")
_BASS_KEYS = ("crossover_hz", "lfe_gain_db", "subwoofers")


def chain_problems(path: str, speaker: Mapping[Any, Any]) -> Iterator[str]:
    """Problems of the chain of one loudspeaker, except its numbers (`CHAIN_NUMBERS`)."""
    if "polarity" in speaker:
        yield from choice_problems(f"{path}.polarity", speaker["polarity"], get_args(Polarity))
    if "fir" in speaker:
        yield from text_problems(f"{path}.fir", speaker["fir"], MAX_PATH)
    low, high = speaker.get("highpass_hz"), speaker.get("lowpass_hz")
    if is_number(low) and is_number(high) and low >= high:
        yield f"{path}.highpass_hz: expected less than lowpass_hz {high}, got {low}: there would be no sound"
    bands = speaker.get("eq", [])
    if not isinstance(bands, list):
        yield f"{path}.eq: expected a list of bands, got {kind(bands)}"
        return
    if len(bands) > MAX_BANDS:
        yield f"{path}.eq: expected at most {MAX_BANDS} bands, got {len(bands)}"
        return
    for index, band in enumerate(bands):
        yield from _band_problems(f"{path}.eq[{index}]", band)


def _band_problems(path: str, band: object) -> Iterator[str]:
    yield from mapping_problems(path, band, ("type", *_BAND_NUMBERS), ("type", "f_hz"))
    if not isinstance(band, Mapping):
        return
    if "type" in band:
        yield from choice_problems(f"{path}.type", band["type"], get_args(EqType))
    for key, (low, high) in _BAND_NUMBERS.items():
        if key in band:
            yield from number_problems(f"{path}.{key}", band[key], low, high)


def room_problems(data: Mapping[Any, Any], labels: Mapping[str, bool]) -> Iterator[str]:
    """Problems of the settings for all loudspeakers.

    Args:
        data: data of the layout.
        labels: labels of the loudspeakers, and whether each is an LFE.
    """
    if "compensate" in data:
        compensate = data["compensate"]
        yield from mapping_problems("compensate", compensate, _COMPENSATE_KEYS)
        if isinstance(compensate, Mapping):
            for key in _COMPENSATE_KEYS:
                yield from truth_problems(f"compensate.{key}", compensate.get(key, False))
    if "dual_band" in data:
        yield from truth_problems("dual_band", data["dual_band"])
    if "bass_management" in data:
        yield from _bass_problems("bass_management", data["bass_management"], labels)


def _bass_problems(path: str, bass: object, labels: Mapping[str, bool]) -> Iterator[str]:
    yield from mapping_problems(path, bass, _BASS_KEYS)
    if not isinstance(bass, Mapping):
        return
    for key, low, high in (("crossover_hz", 20.0, 500.0), ("lfe_gain_db", -60.0, 20.0)):
        if key in bass:
            yield from number_problems(f"{path}.{key}", bass[key], low, high)
    lfes = [label for label, lfe in labels.items() if lfe]
    if not lfes:
        yield f"{path}: expected a loudspeaker with lfe: true to play the bass, got none"
    subwoofers = bass.get("subwoofers", {})
    if not isinstance(subwoofers, Mapping):
        yield f"{path}.subwoofers: expected a mapping of labels, got {kind(subwoofers)}"
        return
    for label, weights in subwoofers.items():
        here = f"{path}.subwoofers.{label}"
        if label not in lfes:
            yield f"{here}: expected a loudspeaker with lfe: true{did_you_mean(str(label), lfes)}"
        if not isinstance(weights, Mapping):
            yield f"{here}: expected a mapping of labels to weights, got {kind(weights)}"
            continue
        for target, weight in weights.items():
            if labels.get(target, True):
                panned = [name for name, lfe in labels.items() if not lfe]
                yield f"{here}.{target}: expected a loudspeaker without lfe{did_you_mean(str(target), panned)}"
            yield from number_problems(f"{here}.{target}", weight, -10.0, 10.0)
