"""An instrument's own name leads to it for good; what people read stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stemfield.control.page_facts import object_facts
from stemfield.control.scene_file import scene_from_dict, scene_to_dict
from stemfield.control.venue import Venue


def test_a_track_s_name_by_adm_breaks_no_fader(control: Any, peer: Any) -> None:
    peer.send("/subscribe", "/object/*/gain")
    peer.received()
    peer.send("/adm/obj/1/name", "Lead Vox / 2")
    peer.send("/object/vocals/gain", -6.0)
    assert peer.receive() == ("/object/vocals/gain", [pytest.approx(-6.0)])
    assert peer.ask("/object/vocals/label") == ["Lead Vox / 2"]
    assert peer.ask("/object/vocals/name") == ["vocals"]
    assert object_facts(control.hub.scene)[0][1::4] == ["vocals", "Lead Vox / 2"]


@pytest.mark.parametrize("given", ["lead", "Lead Vox"])
def test_the_own_name_is_an_alias_of_another_name(
    control: Any, peer: Any, given: str, serve: Callable[..., Any]
) -> None:
    peer.send("/object/vocals/name", given)
    peer.send("/object/vocals/gain", -6.0)
    assert peer.received() == []
    assert peer.ask("/object/vocals/gain") == [pytest.approx(-6.0)]
    peer.send("/object/voc*/gain")
    assert peer.received() == [("/object/vocals/gain", [pytest.approx(-6.0)])]
    peer.send("/object/{vocals,bass}/mute", 1)
    peer.received()
    assert [o.mute for o in control.hub.scene.objects[:3]] == [True, True, False]
    status, node = serve().get("/object/vocals")
    assert (status, node["CONTENTS"]["gain"]["VALUE"]) == (200, [pytest.approx(-6.0)])


def test_a_pattern_that_describes_both_names_leads_there_once(control: Any, peer: Any) -> None:
    peer.send("/object/vocals/name", "voice")
    peer.received()
    peer.send("/object/vo*/gain")
    assert peer.received() == [("/object/voice/gain", [0.0])]


def test_a_name_comes_before_an_own_name(control: Any, peer: Any) -> None:
    """Whoever exchanges two names means it."""
    for ident, name in ((0, "x"), (1, "vocals"), (0, "bass")):
        peer.send(f"/object/{ident}/name", name)
    peer.send("/object/vocals/gain", -6.0)
    assert peer.received() == []
    assert [round(o.level, 2) for o in control.hub.scene.objects[:2]] == [1.0, 0.5]


def test_scenes_leave_out_by_the_own_name_too(control: Any, peer: Any) -> None:
    peer.send("/scene/save", "before")
    peer.send("/object/vocals/name", "lead")
    peer.send("/object/vocals/gain", -6.0)
    peer.send("/scene/load", "before", 0.0, "", "vocals")
    peer.received()
    assert peer.ask("/object/lead/gain") == [pytest.approx(-6.0)]


def test_labels_are_kept(venue: Venue, control: Any, peer: Any) -> None:
    peer.send("/object/vocals/label", "Élodie ✶")
    peer.send("/object/bass/name", "low end")
    peer.received()
    again, problems = scene_from_dict(scene_to_dict(control.hub.scene, venue), venue)
    assert not problems
    assert [(o.name, o.label, o.own_name) for o in again.objects[:2]] == [
        ("vocals", "Élodie ✶", "vocals"),
        ("low end", "", "bass"),
    ]


def test_what_is_no_label(control: Any, peer: Any) -> None:
    for wrong in ("x" * 129, "a\nb"):
        peer.send("/object/vocals/label", wrong)
        ((address, (_, reason)),) = peer.received()
        assert address == "/error"
        assert "expected up to 128 characters" in reason
    peer.send("/adm/obj/1/name", "a\nb" + 200 * "x")  # ADM-OSC knows no errors
    assert peer.received() == []
    assert peer.ask("/object/0/label") == ["a b" + 125 * "x"]
    peer.send("/adm/obj/1/name", "vocals")
    assert peer.received() == []
    assert peer.ask("/object/0/label") == [""]
