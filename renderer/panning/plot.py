"""Drawings of a room: where its loudspeakers stand, how the panner divides it, and how true its sources are heard.

The energy vector's error is drawn over the whole sphere, seen from the listener: front in the middle, left on the
left. Loudspeakers are full dots, imaginary ones rings.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.chain import speaker_positions
from stemfield.layouts.coordinates import cartesian, polar
from stemfield.layouts.model import Layout, Speaker
from stemfield.layouts.problems import UserError
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.panning.vectors import energy_vectors, errors_deg, speaker_directions

Floats = NDArray[np.float64]

_CELL_DEG = 5
_STEPS_DEG = (2, 5, 10, 15, 20, 30, 45, 90)
_COLOURS = ("#f7fbff", "#deebf7", "#c6dbef", "#fee8a8", "#fdc86b", "#f88d3c", "#e34a33", "#b30000", "#660000")
_SCALE = 2.5
_MAP_LEFT, _MAP_TOP = 60.0, 480.0
_WIDTH, _HEIGHT = 1020, 1030


class PlotError(UserError):
    """A drawing that cannot be made."""


def plot_layout(layout: Layout, path: Path) -> None:
    """Draws a room into a file.

    Args:
        layout: the room.
        path: ends in `.svg`, or in `.png`, which needs the extra `stemfield[plot]` and a font on the machine.

    Raises:
        PlotError: another ending, or no means of drawing PNG.
        OSError: the file cannot be written.
    """
    if path.suffix not in (".svg", ".png"):
        raise PlotError(f"{path}: a drawing ends in .svg or .png")
    text = layout_svg(layout)
    if path.suffix == ".svg":
        path.write_text(text, encoding="utf-8")
        return
    try:
        painter = importlib.import_module("resvg_py")
    except ImportError as error:
        raise PlotError("for PNG install stemfield[plot], or draw to a .svg") from error
    path.write_bytes(bytes(painter.svg_to_bytes(svg_string=text)))


def layout_svg(layout: Layout) -> str:
    """The drawing of a room as SVG."""
    body = [
        _text(_WIDTH / 2, 34, layout.title, "middle", 22),
        *_view(layout, 250.0, "from above", (-1, 0), "front", "left"),
        *_view(layout, 760.0, "from the left", (0, 2), "up", "front"),
        *_sphere(layout, Panner(layout)),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="DejaVu Sans, Arial, sans-serif">',
            '<rect width="100%" height="100%" fill="white"/>',
            *body,
            "</svg>\n",
        ]
    )


def _view(
    layout: Layout, middle: float, title: str, axes: tuple[int, int], upwards: str, leftwards: str
) -> Iterator[str]:
    """The room seen along an axis, to scale."""
    positions = speaker_positions(layout)
    if axes == (-1, 0):
        points = np.column_stack([-positions[:, 1], -positions[:, 0]])
    else:
        points = np.column_stack([-positions[:, 0], -positions[:, 2]])
    top, half = 250.0, 165.0
    reach = math.ceil(max(float(np.abs(positions).max()), 0.5) * 2) / 2
    scale = half / reach
    yield _text(middle, top - half - 24, f"{title}, circles {reach / 2:g} m apart", "middle")
    for radius in (half / 2, half):
        yield f'<circle cx="{middle}" cy="{top}" r="{radius:.1f}" fill="none" stroke="#ccc"/>'
    yield f'<path d="M{middle - half} {top}h{2 * half}M{middle} {top - half}v{2 * half}" stroke="#ddd"/>'
    yield _text(middle + 4, top - half + 12, upwards, "start", 10, "#888")
    yield _text(middle - half, top - 4, leftwards, "start", 10, "#888")
    yield f'<circle cx="{middle}" cy="{top}" r="7" fill="none" stroke="#333"/>'
    taken: list[tuple[float, float]] = []
    placed = zip(layout.speakers, (points * scale + [middle, top]).tolist(), strict=True)
    for speaker, (right, down) in sorted(placed, key=lambda entry: not entry[0].lfe):
        yield from _dot(right, down, speaker, taken)


def _sphere(layout: Layout, panner: Panner) -> Iterator[str]:
    """The map of the sphere with the error, the regions and the loudspeakers."""
    yield _text(_WIDTH / 2, _MAP_TOP - 12, "angle between source and energy vector, and the panner's regions", "middle")
    wide, high = 360.0 * _SCALE, 180.0 * _SCALE
    frame = f'<rect x="{_MAP_LEFT}" y="{_MAP_TOP}" width="{wide}" height="{high}"/>'
    yield f'<clipPath id="map">{frame}</clipPath>'
    yield from _errors(layout, panner)
    for azimuth in range(-180, 181, 45):
        x, y = _on_map(azimuth, -90.0)
        yield _text(x, y + 16, f"{azimuth}°", "middle")
    for elevation in range(-90, 91, 30):
        x, y = _on_map(180.0, elevation)
        yield _text(x - 6, y + 4, f"{elevation}°", "end")
    regions = panner.triangulation
    edges = "".join(_edges(regions.positions, (*regions.triangles, *regions.quads)))
    yield f'<path d="{edges}" fill="none" stroke="#555" stroke-width="0.8" clip-path="url(#map)"/>'
    real = 0 if panner.is_pair else len(panner.together)
    for azimuth, elevation, _ in polar(regions.positions[real:]).tolist():
        x, y = _on_map(azimuth, elevation)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="white" stroke="#555"/>'
    taken: list[tuple[float, float]] = []
    for speaker in layout.speakers:
        if not speaker.lfe:
            yield from _dot(*_on_map(speaker.azimuth_deg, speaker.elevation_deg), speaker, taken)
    yield from _legend()


def _errors(layout: Layout, panner: Panner) -> Iterator[str]:
    azimuths = np.arange(180 - _CELL_DEG / 2, -180, -_CELL_DEG)
    elevations = np.arange(90 - _CELL_DEG / 2, -90, -_CELL_DEG)
    directions = cartesian(*np.meshgrid(azimuths, elevations)).reshape(-1, 3)
    errors = errors_deg(energy_vectors(panner.gains(directions), speaker_directions(layout)), directions)
    steps = np.searchsorted(_STEPS_DEG, errors).reshape(len(elevations), len(azimuths))
    size = _CELL_DEG * _SCALE
    for row, line in enumerate(steps.tolist()):
        starts = [i for i in range(len(line)) if i == 0 or line[i] != line[i - 1]]
        for start, end in zip(starts, [*starts[1:], len(line)], strict=True):
            where = f'x="{_MAP_LEFT + start * size:g}" y="{_MAP_TOP + row * size:g}" width="{(end - start) * size:g}"'
            yield f'<rect {where} height="{size:g}" fill="{_COLOURS[line[start]]}" shape-rendering="crispEdges"/>'


def _edges(positions: Floats, faces: Sequence[Sequence[int]]) -> Iterator[str]:
    """Great circles between the corners of the regions, as path commands."""
    pairs = {tuple(sorted(edge)) for face in faces for edge in zip(face, (*face[1:], face[0]), strict=True)}
    part = np.linspace(0.0, 1.0, 49)[:, None]
    for a, b in sorted(pairs):
        walk = polar((1.0 - part) * positions[a] + part * positions[b])
        # At a pole every azimuth is right: keep that of the neighbour.
        pole = np.abs(walk[:, 1]) > 89.99
        walk[pole, 0] = walk[~pole, 0][[0 if pole[0] else -1]] if (~pole).any() else 0.0
        walk[:, 0] = np.unwrap(walk[:, 0], period=360.0)
        for turn in (-360.0, 0.0, 360.0):
            if (np.abs(walk[:, 0] + turn) <= 180.0).any():
                points = [_on_map(azimuth + turn, elevation) for azimuth, elevation, _ in walk.tolist()]
                yield "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _dot(x: float, y: float, speaker: Speaker, taken: list[tuple[float, float]]) -> Iterator[str]:
    """A loudspeaker with its label, below those whose place is taken."""
    fill = "#999" if speaker.lfe else "#111"
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="white"/>'
    below = y + 4.0
    while any(abs(x - other) < 42 and abs(below - line) < 11 for other, line in taken):
        below += 11.0
    taken.append((x, below))
    yield _text(x + 7, below, speaker.label, "start", 11, fill)


def _legend() -> Iterator[str]:
    top, wide = _MAP_TOP + 180 * _SCALE + 42, 90.0
    for index, colour in enumerate(_COLOURS):
        x = _MAP_LEFT + index * wide
        limit = f"to {_STEPS_DEG[index]}°" if index < len(_STEPS_DEG) else f"over {_STEPS_DEG[-1]}°"
        yield f'<rect x="{x}" y="{top}" width="{wide}" height="14" fill="{colour}" stroke="#999" stroke-width="0.5"/>'
        yield _text(x + wide / 2, top + 30, limit, "middle")


def _on_map(azimuth_deg: float, elevation_deg: float) -> tuple[float, float]:
    return _MAP_LEFT + (180.0 - azimuth_deg) * _SCALE, _MAP_TOP + (90.0 - elevation_deg) * _SCALE


def _text(x: float, y: float, words: str, anchor: str, size: int = 12, colour: str = "#222") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    halo = 'paint-order="stroke" stroke="white" stroke-width="3" stroke-opacity="0.7"'
    return f'<text {where} font-size="{size}" fill="{colour}" {halo}>{escape(words)}</text>'
