"""Drawings for the page on the loudspeaker chain: the order of its blocks, and the crossover of bass management."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.crossover import linkwitz_riley

_WIDE, _HIGH, _GAP = 92.0, 44.0, 22.0
_LEFT, _SUM = 20.0, 14.0
_RATE_HZ, _CROSSOVER_HZ = 48_000, 80.0
_FLOOR_DB, _TOP_DB = -36.0, 6.0
_CHART = (70.0, 40.0, 560.0, 260.0)

_OBJECT = ("object", "EQ", "meter")
_DIRECT = ("direct gains", "delay 4 ms")
_DIFFUSE = ("diffuse gains", "decorrelator")
_LOUDSPEAKER = ("bass management", "filters, EQ", "FIR", "delay", "trim, mute", "identify")
_MONITOR = ("trim, mute", "identify", "head")
_END = ("limiter", "meter")


def chain_svg() -> str:
    """Blocks between an object and a loudspeaker, and between the loudspeakers and headphones."""
    upper, lower, loudspeaker, ears = 40.0, 116.0, 216.0, 296.0
    middle = (upper + lower) / 2
    begin, parts = _row(_LEFT, middle, _OBJECT)
    for line, names in ((upper, _DIRECT), (lower, _DIFFUSE)):
        fork, start = begin + _GAP, begin + 2 * _GAP
        parts.append(_arrow((begin, middle), (fork, middle), (fork, line), (start, line)))
        end, drawn = _row(start, line, names)
        join = end + 2 * _GAP
        rim = middle + _SUM * (1 if line > middle else -1)
        parts += [*drawn, _arrow((end, line), (join, line), (join, rim))]
    parts.append(f'<circle cx="{join}" cy="{middle}" r="{_SUM}" fill="white" stroke="#333"/>')
    parts.append(_text(join, middle + 5, "+", 16))
    parts.append(_text(join + 24, middle - 8, "for each loudspeaker", anchor="start"))
    right, left, between = join + 40, _LEFT - 8, (lower + loudspeaker) / 2
    turn = ((join + _SUM, middle), (right, middle), (right, between), (left, between))
    for line, blocks, name in ((loudspeaker, _LOUDSPEAKER, "loudspeaker"), (ears, _MONITOR, "headphones")):
        parts.append(_arrow(*turn, (left, line), (_LEFT, line)))
        end, drawn = _row(_LEFT, line, (*blocks, *_END))
        parts += [*drawn, _arrow((end, line), (end + 40, line)), _text(end + 46, line + 5, name, anchor="start")]
    return _svg(1060, 336, parts)


def bass_svg() -> str:
    """Crossover of a small loudspeaker: both bands and their flat sum."""
    left, top, wide, high = _CHART
    f_hz = np.geomspace(10.0, 1000.0, 181)
    z = np.exp(-2j * np.pi * f_hz / _RATE_HZ)
    crossover = linkwitz_riley(_CROSSOVER_HZ, _RATE_HZ)
    low, high_band = (_response(sections, z) for sections in (crossover.low, crossover.high))

    def across(frequency: float) -> float:
        return left + wide * float(np.log10(frequency / 10.0)) / 2.0

    def down(level_db: float) -> float:
        return top + high * (_TOP_DB - level_db) / (_TOP_DB - _FLOOR_DB)

    parts = [f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#999"/>']
    for frequency in (10, 20, 40, 80, 160, 320, 640):
        parts.append(f'<path d="M{across(frequency):.1f} {top}v{high}" stroke="#e5e5e5"/>')
        parts.append(_text(across(frequency), top + high + 18, f"{frequency}"))
    for level in range(int(_FLOOR_DB), int(_TOP_DB) + 1, 6):
        parts.append(f'<path d="M{left} {down(level):.1f}h{wide}" stroke="#e5e5e5"/>')
        parts.append(_text(left - 8, down(level) + 4, f"{level}", anchor="end"))
    parts.append(_text(left + wide, top + high + 36, "Hz", anchor="end"))
    parts.append(_text(left - 8, top - 12, "dB", anchor="end"))
    for spectrum, colour, name, at in (
        (low, "#b30000", "to the subwoofer", 14.0),
        (high_band, "#08519c", "to the loudspeaker", 330.0),
        (low + high_band, "#222", "sum", 60.0),
    ):
        levels = 20 * np.log10(np.abs(spectrum))
        shown = [(across(f), down(v)) for f, v in zip(f_hz.tolist(), levels.tolist(), strict=True) if v >= _FLOOR_DB]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in shown)
        dash = ' stroke-dasharray="6 4"' if name == "sum" else ""
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        lift = 12.0 if name == "sum" else -22.0
        parts.append(_text(across(at), down(0.0) - lift, name, anchor="start", colour=colour))
    return _svg(660, 350, parts)


def _response(sections: NDArray[np.float64], z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Complex response of sections b0 b1 b2 a1 a2; `z` is the unit delay at each frequency."""
    found = np.ones_like(z)
    for b0, b1, b2, a1, a2 in sections:
        found = found * (b0 + b1 * z + b2 * z**2) / (1 + a1 * z + a2 * z**2)
    return found


def _row(x: float, y: float, names: Sequence[str]) -> tuple[float, list[str]]:
    """Draw boxes from left to right with arrows between them; return also the x where the last one ends."""
    parts: list[str] = []
    for index, name in enumerate(names):
        if index:
            parts.append(_arrow((x, y), (x + _GAP, y)))
            x += _GAP
        parts.extend(_box(x, y, name))
        x += _WIDE
    return x, parts


def _box(x: float, y: float, name: str) -> Iterator[str]:
    fill = "#deebf7" if name in ("meter", "identify") else "#f7fbff"
    yield f'<rect x="{x}" y="{y - _HIGH / 2}" width="{_WIDE}" height="{_HIGH}" rx="4" fill="{fill}" stroke="#333"/>'
    lines = name.split(" ") if len(name) > 13 else [name]
    for index, line in enumerate(lines):
        yield _text(x + _WIDE / 2, y + 4 + 15 * (index - (len(lines) - 1) / 2), line)


def _arrow(*points: tuple[float, float]) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="#333" marker-end="url(#tip)"/>'


def _text(x: float, y: float, words: str, size: int = 12, anchor: str = "middle", colour: str = "#222") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} font-size="{size}" fill="{colour}">{escape(words)}</text>'


def _svg(wide: int, high: int, parts: Sequence[str]) -> str:
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
            'font-family="DejaVu Sans, Arial, sans-serif">',
            f'<defs>{tip}<path d="M0 0L8 4L0 8z" fill="#333"/></marker></defs>',
            '<rect width="100%" height="100%" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )
