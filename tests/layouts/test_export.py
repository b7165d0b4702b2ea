"""Layouts written as files and read again."""

from dataclasses import replace

import pytest

from stemfield.layouts.export import layout_yaml
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.layouts.model import EqBand


@pytest.mark.parametrize("name", [entry.name for entry in available_layouts()])
def test_every_shipped_room_comes_back(tmp_path, name):
    layout = load_layout(name)
    (tmp_path / "room.yaml").write_text(layout_yaml(layout))
    assert load_layout(str(tmp_path / "room.yaml")) == layout


def test_the_whole_chain_comes_back_wherever_the_file_is(tmp_path):
    layout = load_layout("living-room")
    first = replace(
        layout.speakers[0],
        delay_ms=0.0,
        gain_db=-1.5,
        polarity="inverted",
        eq=(EqBand("peak", 100.0, 2.0, -3.0), EqBand("allpass", 50.0)),
        fir=tmp_path / "filters" / "left.wav",
        highpass_hz=40.0,
        max_level_db=0.0,
    )
    changed = replace(layout, speakers=(first, *layout.speakers[1:]), dual_band=True, notes=("left out: a screen",))
    text = layout_yaml(changed, tmp_path)
    assert text.startswith("# left out: a screen\n")
    assert "fir: filters/left.wav" in text
    for folder in (tmp_path, tmp_path / "elsewhere"):
        folder.mkdir(exist_ok=True)
        (folder / "room.yaml").write_text(layout_yaml(changed, folder))
        found = load_layout(str(folder / "room.yaml"))
        path = found.speakers[0].fir
        assert path is not None
        assert path.resolve() == first.fir
        assert replace(found, speakers=(replace(found.speakers[0], fir=first.fir), *found.speakers[1:])) == replace(
            changed, notes=()
        )
