"""Drawings of rooms."""

import importlib.util
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.renderer.panning.plot import PlotError, layout_svg, plot_layout

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", [entry.name for entry in available_layouts()])
def test_every_room_can_be_drawn(name):
    layout = load_layout(name)
    root = ET.fromstring(layout_svg(layout))
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert layout.title in words
    for speaker in layout.speakers:
        assert words.count(speaker.label) == (2 if speaker.lfe else 3)


def test_the_map_is_where_it_says_and_its_worst_colour_is_below_a_flat_room():
    root = ET.fromstring(layout_svg(load_layout("quad")))
    cells = [element for element in root.iter(f"{SVG}rect") if element.get("shape-rendering")]
    covered = sum(float(cell.get("width")) * float(cell.get("height")) for cell in cells)
    assert covered == pytest.approx(900 * 450)
    # The row of cells at ear height is better than the one over the head.
    by_row = {}
    for cell in cells:
        by_row.setdefault(float(cell.get("y")), set()).add(cell.get("fill"))
    rows = [by_row[y] for y in sorted(by_row)]
    assert len(rows) == 36
    assert "#b30000" in rows[0]
    assert "#b30000" not in rows[17]


def test_what_is_written_in_a_layout_cannot_break_the_drawing():
    layout = replace(load_layout("quad"), title='<script>"&')
    assert '<script>"&' in [element.text for element in ET.fromstring(layout_svg(layout)).iter(f"{SVG}text")]


def test_files(tmp_path):
    plot_layout(load_layout("quad"), tmp_path / "quad.svg")
    assert ET.parse(tmp_path / "quad.svg").getroot().tag == f"{SVG}svg"
    with pytest.raises(PlotError, match=r"quad.gif: a drawing ends in .svg or .png"):
        plot_layout(load_layout("quad"), tmp_path / "quad.gif")


def test_png_is_drawn_or_it_is_said_what_is_missing(tmp_path):
    picture = tmp_path / "quad.png"
    if importlib.util.find_spec("resvg_py"):
        plot_layout(load_layout("quad"), picture)
        assert picture.read_bytes().startswith(b"\x89PNG")
    else:
        with pytest.raises(PlotError, match=r"for PNG install stemfield\[plot\], or draw to a .svg"):
            plot_layout(load_layout("quad"), picture)
