from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import (
    ROWS,
    apply,
    every_route,
    is_trigger,
    readable,
    routes,
    suggestion,
    value_of,
)
from stemfield.control.parameters.table import TABLE
from stemfield.control.status import idle_status
from stemfield.layouts.coordinates import cartesian, polar
from stemfield.layouts.model import EqBand
from stemfield.renderer.scene.scene import MAX_LEVEL, DistanceLaw, Scene, Sector
from stemfield.renderer.scene.units import aed_of, position_of

NUMBERS = {p.address: p for p in ROWS if p.read and all(a.tag in "fi" for a in p.arguments)}


def do(scene: Scene, context: Context, address: str, *values: object) -> Scene:
    changed, problems = apply(scene, SetParameter(address, values), context)
    assert not problems
    return changed


def value(scene: Scene, context: Context, address: str) -> tuple[object, ...]:
    (route,) = readable(address, scene, context)
    values = value_of(route, scene, context)
    assert values is not None
    return values


def refused(scene: Scene, context: Context, address: str, *values: object) -> str:
    changed, problems = apply(scene, SetParameter(address, values), context)
    assert changed == scene
    (problem,) = problems
    assert problem.address == address
    return problem.reason


def test_every_row_is_documented_and_has_its_own_address() -> None:
    assert len({p.address for p in TABLE}) == len(TABLE)
    assert all(p.description.endswith(".") for p in TABLE)


def test_every_route_leads_back_to_itself(context: Context) -> None:
    every = list(every_route(context.defaults, context))
    assert len(every) > 150
    for route in every:
        assert list(routes(route.address, context.defaults, context)) == [route]


def test_defaults_in_the_table_are_those_of_the_scene(context: Context) -> None:
    for route in every_route(context.defaults, context):
        parameter = route.parameter
        if parameter.read and parameter.default and parameter.address != "/object/{o}/width":
            assert parameter.read(context.defaults, route.key) == parameter.default, route.address


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0.01, 1000))
def test_polar_is_that_of_the_one_convention(azimuth: float, elevation: float, distance: float) -> None:
    position = position_of(azimuth, elevation, distance)
    np.testing.assert_allclose(position, cartesian(azimuth, elevation, distance), atol=1e-12 * distance)
    if abs(elevation) < 89.9:
        np.testing.assert_allclose(aed_of(position), polar(position), atol=1e-9)


@pytest.mark.parametrize("address", NUMBERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "three", None, b"x", [1.0], 10**400])
def test_what_is_no_number_leaves_the_value_alone(context: Context, address: str, bad: object) -> None:
    concrete = address.format(o="guitar", n=6, group=3, label="M+030", stem="bass")
    arguments = NUMBERS[address].arguments
    if bad == -math.inf and arguments[-1].unit == "gain.db":
        return  # silence, as sound programs write it
    reason = refused(context.defaults, context, concrete, *(1.0 for _ in arguments[1:]), bad)
    assert "expected a" in reason


@pytest.mark.parametrize("address", NUMBERS)
@pytest.mark.parametrize("far", [-1e30, 1e30])
def test_out_of_range_is_clamped(context: Context, address: str, far: float) -> None:
    arguments = NUMBERS[address].arguments
    if address.endswith(("/channels", "/exclude_sector")):
        return
    concrete = address.format(o="guitar", n=6, group=3, label="M+030", stem="bass")
    scene = do(context.defaults, context, concrete, *(far for _ in arguments))
    for got, argument in zip(value(scene, context, concrete), arguments, strict=True):
        assert isinstance(got, float | int)
        if argument.cyclic:
            assert -180.0 <= got <= 180.0
        else:
            assert got == pytest.approx(argument.high if far > 0 else argument.low)


@pytest.mark.parametrize("one", [1, 1.0, True])
def test_numbers_and_truth_values_stand_for_one_another(context: Context, one: object) -> None:
    for address in ("mute", "solo", "level", "group", "priority", "smooth"):
        scene = do(context.defaults, context, f"/object/vocals/{address}", one)
        assert value(scene, context, f"/object/vocals/{address}") == (1,)


def test_one_component_leaves_the_others(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/aed", 30, 20, 3)
    scene = do(scene, context, "/object/vocals/azimuth", -100)
    assert value(scene, context, "/object/vocals/aed") == pytest.approx((-100, 20, 3))
    scene = do(scene, context, "/object/vocals/elevation", -10)
    scene = do(scene, context, "/object/vocals/distance", 2)
    assert value(scene, context, "/object/vocals/aed") == pytest.approx((-100, -10, 2))
    scene = do(scene, context, "/object/vocals/z", 1.5)
    x, y, z = value(scene, context, "/object/vocals/position")
    assert (x, y, z) == pytest.approx((*position_of(-100, -10, 2)[:2], 1.5))


def test_azimuth_is_wrapped_not_clamped(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/azimuth", 270)
    assert value(scene, context, "/object/vocals/azimuth") == pytest.approx((-90,))


def test_an_object_that_passes_the_zenith_knows_where_it_came_from(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/aed", 40, 90, 2)
    scene = do(scene, context, "/object/vocals/elevation", 10)
    assert value(scene, context, "/object/vocals/aed") == pytest.approx((40, 10, 2))
    scene = do(scene, context, "/object/vocals/elevation", 90)
    scene = do(scene, context, "/object/vocals/azimuth", -75)
    scene = do(scene, context, "/object/vocals/elevation", 0)
    assert value(scene, context, "/object/vocals/aed") == pytest.approx((-75, 0, 2))


def test_an_object_at_the_origin_can_leave_it_in_any_direction(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/position", 0, 0, 0)
    scene = do(scene, context, "/object/vocals/azimuth", 120)
    scene = do(scene, context, "/object/vocals/distance", 3)
    assert value(scene, context, "/object/vocals/aed") == pytest.approx((120, 0, 3))
    scene = do(scene, context, "/object/vocals/distance", -5)
    scene = do(scene, context, "/object/vocals/distance", 3)
    assert value(scene, context, "/object/vocals/aed") == pytest.approx((120, 0, 3))


def test_gain_is_the_level_in_db(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/gain", -6)
    assert value(scene, context, "/object/vocals/level") == pytest.approx((10 ** (-6 / 20),))
    scene = do(scene, context, "/object/vocals/gain", -120)
    assert value(scene, context, "/object/vocals/level") == (0.0,)
    assert value(scene, context, "/object/vocals/gain") == (-120.0,)
    scene = do(scene, context, "/object/vocals/gain", 20)
    assert value(scene, context, "/object/vocals/level") == (MAX_LEVEL,)


def test_by_id_by_name_and_by_pattern(context: Context) -> None:
    scene = do(context.defaults, context, "/object/1/level", 0.5)
    assert value(scene, context, "/object/bass/level") == (0.5,)
    scene = do(scene, context, "/object/{vocals,[2-3]}/level", 0.25)
    levels = {r.address: value_of(r, scene, context) for r in readable("/object/*/level", scene, context)}
    assert levels == {
        "/object/vocals/level": (0.25,),
        "/object/bass/level": (0.5,),
        "/object/drums/level": (0.25,),
        "/object/other/level": (0.25,),
        "/object/residual/level": (1.0,),
        "/object/guitar/level": (1.0,),
        "/object/piano/level": (1.0,),
    }
    assert [r.address for r in readable("/object/[0-1]/level", scene, context)] == [
        "/object/0/level",
        "/object/1/level",
    ]
    scene = do(scene, context, "/speaker/M?110/gain", -3)
    assert value(scene, context, "/speaker/M-110/gain") == (-3.0,)
    assert value(scene, context, "/speaker/M+030/gain") == (0.0,)


def test_names(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/name", " Ünal & friends ")
    assert value(scene, context, "/object/Ünal & friends/aed")
    assert value(scene, context, "/object/vocals/aed")  # for good
    assert value(scene, context, "/object/0/name") == ("Ünal & friends",)
    assert "is the name of object 1" in refused(scene, context, "/object/0/name", "bass")
    for bad in ("", "  ", "12", "a/b", "a*", "x" * 129, "a\nb", "\ud800"):
        assert "1 to 128 characters" in refused(scene, context, "/object/0/name", bad)


def test_channels_belong_to_direct_inputs(context: Context) -> None:
    scene = do(context.defaults, context, "/object/guitar/channels", 2)
    assert value(scene, context, "/object/guitar/channels") == (2,)
    scene = do(scene, context, "/object/guitar/channels", 2, 0.0)
    assert value(scene, context, "/object/guitar/channels") == (2, 0)
    assert "from 0 to 2" in refused(scene, context, "/object/guitar/channels", 3)
    assert "different" in refused(scene, context, "/object/guitar/channels", 1, 1)
    assert "1 or 2" in refused(scene, context, "/object/guitar/channels", 0, 1, 2)
    assert "is a stem" in refused(scene, context, "/object/vocals/channels", 0)


def test_outputs_are_loudspeakers(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/outputs", "M+110,M-110")
    assert scene.objects[0].outputs == (("M+110",), ("M-110",))
    assert value(scene, context, "/object/vocals/outputs") == ("M+110, M-110",)
    assert "did you mean M+030?" in refused(scene, context, "/object/vocals/outputs", "M+30")
    assert "at most 1" in refused(scene, context, "/object/guitar/outputs", "M+110,M-110")
    both = do(scene, context, "/object/guitar/outputs", "[M+110, M-110]")
    assert value(both, context, "/object/guitar/outputs") == ("[M+110, M-110]",)
    assert do(scene, context, "/object/vocals/outputs", "").objects[0].outputs == ()


def test_type_and_model_are_words_of_a_list(context: Context) -> None:
    allowed = "expected point, plane, channel, diffuse, pointdiffuse, pointextent, got 'pointt', did you mean point?"
    assert allowed in refused(context.defaults, context, "/object/vocals/type", "pointt")
    assert do(context.defaults, context, "/separation/model", "second").separation.model == "second"
    assert "did you mean first?" in refused(context.defaults, context, "/separation/model", "firts")
    anything = Context(context.labels, context.defaults, status=idle_status())
    for path in ("../../etc/passwd", "/etc/passwd", ".hidden", "a\0b", "x" * 65):
        assert "name of a model card" in refused(context.defaults, anything, "/separation/model", path)


def test_an_equaliser_is_groups_of_four(context: Context) -> None:
    address = "/object/vocals/eq"
    assert value(context.defaults, context, address) == ("",)
    scene = do(context.defaults, context, address, "peak", 1000, 1, -3, "lowshelf", 0.1, 1e9, 99)
    assert scene.objects[0].eq == (EqBand("peak", 1000.0, 1.0, -3.0), EqBand("lowshelf", 1.0, 100.0, 20.0))
    assert value(scene, context, address) == ("peak", 1000.0, 1.0, -3.0, "lowshelf", 1.0, 100.0, 20.0)
    assert do(context.defaults, context, address, *value(scene, context, address)) == scene
    assert do(scene, context, address, "") == context.defaults
    assert "did you mean peak?" in refused(scene, context, address, "peek", 1000, 1, -3)
    assert "frequency: expected a number" in refused(scene, context, address, "peak", math.nan, 1, -3)
    assert 'or one "" for none' in refused(scene, context, address, "peak", 1000)
    assert 'or one "" for none' in refused(scene, context, address, "", 1000, 1, 0)
    assert "expected type" in refused(scene, context, address, "peak", 1000, 1, -3, "peak")
    assert "expected at most 16 bands, got 17" in refused(scene, context, address, *(["peak", 1000, 1, -3] * 17))


def test_loudspeakers_are_left_out_by_label_by_pattern_or_by_where_they_stand(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/exclude", " M-0* ,LFE1")
    assert scene.objects[0].exclude == ("M-0*", "LFE1")
    assert value(scene, context, "/object/vocals/exclude") == ("M-0*, LFE1",)
    assert do(scene, context, "/object/vocals/exclude", "") == context.defaults
    assert do(scene, context, "/object/vocals/exclude", "U*").objects[0].exclude == ("U*",)
    assert "did you mean M+030?" in refused(scene, context, "/object/vocals/exclude", "M+03")
    assert "at most 256" in refused(scene, context, "/object/vocals/exclude", ",".join(["M*"] * 257))
    address = "/object/vocals/exclude_sector"
    assert value(context.defaults, context, address) == (0, 0, -90, 90)
    scene = do(context.defaults, context, address, 120, -120)
    assert value(scene, context, address) == (120, -120, -90, 90)
    assert scene.objects[0].exclude_sector == Sector(120, -120)
    assert do(scene, context, address, 0, 0, -90, 90) == context.defaults
    assert do(scene, context, address, -1e9, 1e9, -1e9, 1e9).objects[0].exclude_sector == Sector(-360, 360, -90, 90)
    assert "expected at most highest" in refused(scene, context, address, 0, 90, 30, 20)


def test_distance_law_and_listener(context: Context) -> None:
    scene = do(context.defaults, context, "/scene/distance/law", "inverse")
    scene = do(scene, context, "/scene/distance/reference", 2)
    scene = do(scene, context, "/scene/distance/floor", -30)
    assert scene.distance == DistanceLaw("inverse", 2.0, -30.0)
    assert "expected none, inverse, adm" in refused(scene, context, "/scene/distance/law", "invers")
    scene = do(scene, context, "/listener/position", 1, 2, 3)
    scene = do(scene, context, "/listener/ypr", 190, 10, -20)
    assert (scene.listener, scene.head) == ((1.0, 2.0, 3.0), (-170.0, 10.0, -20.0))
    reset = do(scene, context, "/scene/reset")
    assert reset.distance == DistanceLaw()
    assert (reset.listener, reset.head) == (scene.listener, scene.head)


def test_a_loudspeaker_is_found_as_often_as_it_is_asked_for(context: Context) -> None:
    scene = do(context.defaults, context, "/speaker/M-030/identify")
    again = do(scene, context, "/speaker/M-030/identify", True)
    assert scene.speakers["M-030"].identify.sound == again.speakers["M-030"].identify.sound == "spoken"
    assert scene.speakers["M-030"].identify != again.speakers["M-030"].identify
    for sound in ("noise", "sweep"):
        assert do(again, context, f"/speaker/M-030/{sound}").speakers["M-030"].identify.sound == sound
    assert do(again, context, "/speaker/M-030/identify", 0).speakers["M-030"].identify.sound == "none"


def test_remove_and_reset_go_back_to_the_default(context: Context) -> None:
    scene = do(context.defaults, context, "/object/*/aed", 90, 0, 1)
    scene = do(scene, context, "/object/vocals/name", "lead")
    scene = do(scene, context, "/master/gain", -10)
    scene = do(scene, context, "/speaker/M+030/mute", True)
    removed = do(scene, context, "/object/lead/remove")
    assert removed.objects[0] == context.defaults.objects[0]
    assert removed.objects[1] == scene.objects[1]
    reset = do(scene, context, "/scene/reset")
    assert reset.objects == context.defaults.objects
    assert reset.master_gain_db == -10.0
    assert reset.speakers["M+030"].mute


def test_a_button_triggers_when_pressed_only(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/level", 0.5)
    assert do(scene, context, "/scene/reset", 0.0) == scene
    assert do(scene, context, "/scene/reset", 1.0) == context.defaults


def test_a_pattern_in_the_last_part_triggers_nothing(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/level", 0.5)
    assert not is_trigger("/object/vocals/*")
    assert not is_trigger("/scene/res*")
    changed, _ = apply(scene, SetParameter("/scene/re*", (1.0,)), context)
    assert changed == scene


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/objct/vocals/aed", "no 'objct' here, did you mean object?"),
        ("/object/vocal/aed", "no object 'vocal', did you mean vocals?"),
        ("/object/99/aed", "no object '99'"),
        ("/object/vocals/azimut", "no 'azimut' here, did you mean azimuth?"),
        ("/speaker/M+03/gain", "no loudspeaker 'M+03', did you mean M+030?"),
        ("/separation/bas/gain", "no instrument 'bas', did you mean bass?"),
        ("/scene/amout", "matches nothing, did you mean /scene/amount?"),
        ("/", "no '' here"),
    ],
)
def test_unknown_addresses_are_explained(context: Context, address: str, expected: str) -> None:
    scene, (problem,) = apply(context.defaults, SetParameter(address, (1.0,)), context)
    assert scene is context.defaults
    assert problem.unknown
    assert suggestion(address, scene, context) == expected


def test_the_residual_is_no_instrument(context: Context) -> None:
    assert not routes("/separation/residual/gain", context.defaults, context)
    assert [r.key for r in readable("/separation/*/gain", context.defaults, context)] == [
        "vocals",
        "bass",
        "drums",
        "other",
    ]
