"""Distance, extent, diffuseness, locks, exclusions and the listener, from scene to gains."""

from dataclasses import replace

import numpy as np
import pytest
from scene_gains import band_gains, diffuse_gains, source_gains

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.renderer.panning.extent import extent_gains
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.scene import STEMS, DistanceLaw, Scene, SceneObject, Sector, default_scene

LAYOUT = load_layout("22.2")
PANNER = Panner(LAYOUT)


def at(azimuth_deg, elevation_deg=0.0, distance_m=1.0):
    return tuple(cartesian(azimuth_deg, elevation_deg, distance_m).tolist())


def mic(**changes):
    return SceneObject(5, "mic", "input", (0,), **changes)


def pair(**changes):
    return SceneObject(0, "vocals", "stem", (), **changes)


def gains(*objects, layout=LAYOUT, **scene):
    return source_gains(Scene(objects, **scene), layout, PANNER if layout is LAYOUT else Panner(layout))


def heard(row, layout=LAYOUT):
    return {layout.labels[i]: pytest.approx(float(row[i]), abs=1e-6) for i in np.flatnonzero(row)}


def power_of(item, **scene):
    direct = source_gains(Scene((item,), **scene), LAYOUT, PANNER).astype(float)
    send = diffuse_gains(Scene((item,), **scene), LAYOUT, PANNER).astype(float)
    return (direct**2).sum(axis=1) + (send**2).sum(axis=1)


def of_power_1(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_width_of_one_channel_is_its_extent():
    expected = extent_gains(PANNER, [at(40, 10)], 70, 20)
    np.testing.assert_allclose(gains(mic(position=at(40, 10), width_deg=70, height_deg=20)), expected, atol=1e-6)


def test_the_sides_of_a_stereo_object_have_height_but_no_width():
    found = gains(pair(position=at(0), width_deg=90, height_deg=30))
    np.testing.assert_allclose(of_power_1(found), extent_gains(PANNER, [at(45), at(-45)], 0, 30), atol=1e-6)


def test_beyond_180_degrees_the_sides_of_a_stereo_object_stay_and_grow():
    found = gains(pair(position=at(0), width_deg=260))
    np.testing.assert_allclose(of_power_1(found), extent_gains(PANNER, [at(90), at(-90)], 80, 0), atol=1e-6)
    close = gains(pair(position=at(0), width_deg=180.001))
    np.testing.assert_allclose(close, gains(pair(position=at(0), width_deg=180)), atol=1e-3)


@pytest.mark.parametrize(
    ("law", "distance_m", "gain"),
    [
        (DistanceLaw(), 50.0, 1.0),
        (DistanceLaw("inverse", 2.0), 1.0, 1.0),
        (DistanceLaw("inverse", 2.0), 2.0, 1.0),
        (DistanceLaw("inverse", 2.0), 4.0, 0.5),
        (DistanceLaw("inverse", 2.0), 0.0, 1.0),
        (DistanceLaw("inverse", 1.0, -20.0), 1000.0, 0.1),
        (DistanceLaw("adm"), 7.0, 1.0),
    ],
)
def test_distance_laws(law, distance_m, gain):
    np.testing.assert_allclose(np.linalg.norm(gains(mic(position=(0, distance_m, 0)), distance=law)), gain, rtol=1e-6)


@pytest.mark.parametrize(
    ("dref", "dmax_m", "distance_m", "gain"),
    [(0.5, 10, 4, 1), (0.5, 10, 8, 0.625), (0.5, 10, 99, 0.5), (0.2, 5, 5, 0.2), (0, 10, 10, 0.01), (0, 10, 0, 1)],
)
def test_adm_distance(dref, dmax_m, distance_m, gain):
    item = mic(position=(-distance_m, 0, 0), dref=dref, dmax_m=dmax_m)
    np.testing.assert_allclose(np.linalg.norm(gains(item, distance=DistanceLaw("adm"))), gain, rtol=1e-6)


@pytest.mark.parametrize("kind", ["plane", "diffuse", "channel"])
def test_no_distance_law_for_what_has_no_distance(kind):
    law = DistanceLaw("inverse")
    near, far = (mic(type=kind, position=(metres, 0, 0), outputs=(("M+000",),)) for metres in (1, 100))
    assert power_of(far, distance=law) == pytest.approx(power_of(near, distance=law))
    assert power_of(far, distance=law) == pytest.approx([1], abs=1e-6)


def test_distance_is_that_from_the_listener():
    law = DistanceLaw("inverse")
    found = gains(mic(position=(0, 4, 0)), distance=law, listener=(0, 2, 0))
    assert np.linalg.norm(found) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("diffuseness", [0.0, 0.25, 1.0])
def test_the_diffuse_part_of_the_power_is_the_same_from_everywhere(diffuseness):
    item = mic(position=at(60), diffuseness=diffuseness, level=0.5)
    scene = Scene((item,))
    send = diffuse_gains(scene, LAYOUT, PANNER)
    lfe = np.array([speaker.lfe for speaker in LAYOUT.speakers])
    assert send.shape == (1, 24)
    assert send.dtype == np.float32
    np.testing.assert_allclose(send[0, ~lfe], 0.5 * (diffuseness / 22) ** 0.5, rtol=1e-6)
    assert not send[:, lfe].any()
    assert np.linalg.norm(gains(item)) == pytest.approx(0.5 * (1 - diffuseness) ** 0.5, abs=1e-6)
    assert power_of(item) == pytest.approx([0.25], abs=1e-6)


def test_a_diffuse_object_has_no_direction():
    item = mic(type="diffuse", position=at(60))
    assert not gains(item).any()
    assert power_of(item) == pytest.approx([1], abs=1e-6)


def test_what_is_silent_is_not_diffuse_either():
    silent, soloed = mic(type="diffuse", mute=True), replace(pair(solo=True), diffuseness=0.5)
    send = diffuse_gains(Scene((silent, soloed)), LAYOUT, PANNER)
    assert not send[0].any()
    assert send[1:].all(axis=1).sum() == 0  # LFE columns
    assert (send[1:] != 0).sum() == 2 * 22
    assert not diffuse_gains(Scene((mic(diffuseness=0.5), pair(solo=True))), LAYOUT, PANNER)[0].any()


def test_the_recording_as_it_was_mixed_is_not_diffuse():
    item = pair(position=at(180), diffuseness=0.5)
    assert not diffuse_gains(Scene((item,), amount=0.0), LAYOUT, PANNER).any()
    for amount in (0.0, 0.3, 1.0):
        assert power_of(item, amount=amount) == pytest.approx([1, 1], abs=1e-6)


def test_a_lock_plays_the_nearest_loudspeaker_if_it_is_near_enough():
    assert heard(gains(mic(position=at(38, 4), channel_lock_deg=10))[0]) == {"M+030": 1}
    assert len(heard(gains(mic(position=at(42, 4), channel_lock_deg=10))[0])) > 1
    assert heard(gains(mic(position=at(41, 20, 3), channel_lock_deg=180))[0]) == {"U+045": 1}
    assert heard(gains(mic(position=at(41, 20), channel_lock_deg=180, exclude=("U+*",)))[0]) == {"M+030": 1}


@pytest.mark.parametrize("azimuth_deg", [0.0, 1e-9, -1e-9])
def test_of_loudspeakers_that_are_as_near_rounding_chooses_none(azimuth_deg):
    quad = load_layout("quad")
    played = gains(mic(position=at(azimuth_deg), channel_lock_deg=180), layout=quad)[0]
    assert np.flatnonzero(played).tolist() == [quad.labels.index("M-045")]


def test_an_object_without_channels_may_be_locked():
    assert gains(replace(mic(channel_lock_deg=10), channels=())).shape == (0, 24)


def test_a_lock_never_chooses_an_lfe():
    assert heard(gains(mic(position=at(90, -45), channel_lock_deg=180))[0]) == {"B+045": 1}


@pytest.mark.parametrize("name", [entry.name for entry in available_layouts()])
def test_every_loudspeaker_can_be_locked_to(name):
    layout = load_layout(name)
    for index, speaker in enumerate(layout.speakers):
        if not speaker.lfe:
            near = mic(position=at(speaker.azimuth_deg + 0.3, min(speaker.elevation_deg + 0.2, 90)), channel_lock_deg=1)
            np.testing.assert_allclose(gains(near, layout=layout)[0], np.eye(len(layout.speakers))[index], atol=1e-6)


def test_loudspeakers_are_left_out_by_label_pattern_and_sector():
    overhead = mic(position=at(0, 60), exclude=("T+000", "U*"))
    assert {label[0] for label in heard(gains(overhead)[0])} == {"M"}
    behind = mic(position=at(180), exclude_sector=Sector(100, -100))
    assert not {label for label in heard(gains(behind)[0]) if int(label[1:]) in (135, -135, 180)}
    assert power_of(behind) == pytest.approx([1], abs=1e-6)
    low = mic(position=at(0, -30), exclude_sector=Sector(-180, 180, -90, -10))
    assert {label[0] for label in heard(gains(low)[0])} == {"M"}
    np.testing.assert_allclose(gains(mic(exclude=("*",))), gains(mic()))


def test_a_diffuse_object_leaves_out_what_it_shall():
    send = diffuse_gains(Scene((mic(type="diffuse", exclude=("M*",)),)), LAYOUT, PANNER)[0]
    assert {label[0] for label in heard(send)} == {"U", "T", "B"}
    assert np.linalg.norm(send) == pytest.approx(1, abs=1e-6)


def test_others_are_not_affected_by_what_one_leaves_out():
    both = gains(mic(position=at(50), exclude=("M+060",)), replace(mic(position=at(50)), id=6, name="two"))
    np.testing.assert_allclose(both[1], gains(mic(position=at(50)))[0])
    assert both[0, LAYOUT.labels.index("M+060")] == 0


def test_a_point_source_moves_against_the_listener_and_a_plane_wave_does_not():
    listener = (0.0, 1.0, 0.0)
    speakers = {s.label: cartesian(s.azimuth_deg, s.elevation_deg, s.radius_m) for s in LAYOUT.speakers}
    there = tuple(speakers["M-060"].tolist())
    assert heard(gains(mic(position=there), listener=listener)[0]) == {"M-060": 1}
    direction = speakers["M-060"] - listener
    assert heard(gains(mic(type="plane", position=tuple(direction.tolist())), listener=listener)[0]) == {"M-060": 1}
    assert "M-060" not in heard(gains(mic(type="plane", position=(5.0, 0.0, 0.0)), listener=listener)[0])


def test_both_bands_have_the_source_at_its_level():
    scene = replace(default_scene([("mic", (0,))]), amount=0.8)
    low, high = band_gains(scene, LAYOUT, PANNER)
    np.testing.assert_array_equal(high, source_gains(scene, LAYOUT, PANNER))
    np.testing.assert_allclose(low.sum(axis=1), np.linalg.norm(high, axis=1), rtol=1e-5)
    assert low.dtype == high.dtype == np.float32
    single = Scene((mic(position=at(30)), mic(mute=True)))
    low, high = band_gains(single, LAYOUT, PANNER)
    np.testing.assert_allclose(low, high, atol=1e-7)


def test_s3a_words_for_points_are_points():
    for kind in ("pointdiffuse", "pointextent"):
        item = mic(position=at(20, 20), diffuseness=0.3, width_deg=40)
        np.testing.assert_array_equal(gains(replace(item, type=kind)), gains(item))
    assert [o.name for o in default_scene().objects[:4]] == list(STEMS)
