"""What an expert says about a room."""

from dataclasses import replace

import pytest

from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Compensation, Layout, Speaker
from stemfield.renderer.panning.review import review_layout


def room(*places, **changes):
    speakers = tuple(
        Speaker(f"S{index}", azimuth, elevation, radius, index + 1)
        for index, (azimuth, elevation, radius) in enumerate(places)
    )
    return replace(Layout("room", "A room", speakers), **changes)


def said(layout, severity="problem"):
    return [note.text for note in review_layout(layout) if note.severity == severity]


CUBE = [(azimuth, elevation, 2.0) for azimuth in (45, -45, 135, -135) for elevation in (35, -35)]


def test_a_cube_is_nearly_perfect():
    assert not said(room(*CUBE))
    notes = said(room(*CUBE), "note")
    assert len(notes) == 4
    assert notes[0] == "nothing overhead: the highest is S0 at 35 degrees"
    assert notes[1].startswith("2 imaginary loudspeakers, played by their neighbours, fill (azimuth 0, elevation -90)")
    assert notes[2].startswith("energy vector at ear height: worst error 13 degrees for a source at azimuth ")
    assert notes[3].startswith("energy vector anywhere: worst error ")


def test_loudspeakers_close_together():
    assert said(room(*CUBE, (48, 35, 2)), "advice") == ["S0 and S8 stand only 2.5 degrees apart"]
    together = "S0 and S8 stand in one direction: they share what is panned there"
    assert said(room(*CUBE, (45.3, 35, 2)), "advice") == [together]
    assert not said(room(*CUBE, (45.3, 35, 2)))


def test_unequal_distances_that_nothing_compensates_are_advice_with_the_key_to_add():
    layout = room(*CUBE, (0, 0, 3.0))
    assert said(layout, "advice") == [
        "S0 stands at 2 m, S8 at 3 m: nearer loudspeakers are heard first and louder; add to the layout "
        "compensate: {delay: true, gain: true}"
    ]
    assert not said(layout)
    (louder,) = said(replace(layout, compensate=Compensation(delay=True)), "advice")
    assert louder.endswith("are heard louder; add to the layout compensate: {gain: true}")
    assert not said(replace(layout, compensate=Compensation(delay=True, gain=True)), "advice")
    measured = tuple(replace(speaker, delay_ms=1.0) for speaker in layout.speakers)
    assert not said(replace(layout, speakers=measured, compensate=Compensation(gain=True)), "advice")
    trimmed = (replace(layout.speakers[0], gain_db=-3.5, delay_ms=2.9), *layout.speakers[1:])
    assert not said(replace(layout, speakers=trimmed), "advice")


def test_a_filter_that_is_not_there(tmp_path):
    layout = room(*CUBE)
    first = replace(layout.speakers[0], fir=tmp_path / "absent.wav")
    changed = replace(layout, speakers=(first, *layout.speakers[1:]))
    assert said(changed) == [f"S0: there is no file {tmp_path / 'absent.wav'}"]
    (tmp_path / "absent.wav").touch()
    assert not said(changed)


def test_all_on_one_side():
    (problem,) = said(room((30, 0, 2), (-30, 0, 2), (0, 25, 2), (0, -25, 2)), "advice")
    assert problem.startswith("the listener is outside the hull of the loudspeakers: none stand about azimuth ")
    azimuth = abs(int(problem.split("azimuth ")[1].split(",")[0]))
    assert azimuth > 150 or "elevation 90" in problem or "elevation -90" in problem


def test_a_flat_room_with_a_gap():
    notes = said(load_layout("5.1"), "note")
    assert any(note.startswith("flat: ") for note in notes)
    assert "a gap of 140 degrees between M+110 and M-110: sources in it are vague" in notes


def test_asymmetry_and_distance_from_the_nominal_places():
    layout = load_layout("7.1.4")
    moved = replace(layout.speakers[0], azimuth_deg=42.0)
    notes = said(replace(layout, speakers=(moved, *layout.speakers[1:])), "note")
    assert "left and right differ: 2 miss their mirror image, M+030 by 12, M-030 by 12 degrees" in notes
    assert "M+030 stands 12 degrees from its nominal place" in notes
    assert not any("differ" in note or "nominal" in note for note in said(layout, "note"))


def test_a_stereo_pair_is_told_how_it_is_panned():
    notes = said(load_layout("stereo"), "note")
    assert notes[0] == "a stereo pair: sources are panned to 5.1 and mixed down, at half power behind"
    assert notes[1].startswith("energy vector at ear height: worst error 180 degrees for a source at azimuth 180")


def test_what_an_import_left_out_is_repeated():
    assert "left out: the screen" in said(room(*CUBE, notes=("left out: the screen",)), "note")


@pytest.mark.parametrize("places", [[(0, 0, 1), (180, 0, 1)], [(0, 90, 1), (0, -90, 1)], [(10, 5, 1), (14, 5, 1)]])
def test_two_loudspeakers_are_enough_for_a_review(places):
    assert any("energy vector anywhere" in note for note in said(room(*places), "note"))
