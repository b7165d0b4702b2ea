"""From a scene to the engine's gain matrices."""

from dataclasses import replace

import numpy as np
import pytest
from scene_gains import source_gains

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.gains import ramp_frames, speaker_gains
from stemfield.renderer.scene.rows import Source, sources_of
from stemfield.renderer.scene.scene import RESIDUAL, STEMS, Scene, SceneObject, Separation, SpeakerTrim, default_scene

LAYOUT = load_layout("22.2")
PANNER = Panner(LAYOUT)
INPUTS = [("mic", (0,)), ("keys", (4, 2)), ("strings", (5, 6, 7))]


def at(azimuth_deg, elevation_deg=0.0, distance_m=1.0):
    return tuple(cartesian(azimuth_deg, elevation_deg, distance_m).tolist())


def stem(number=0, **changes):
    return SceneObject(number, (*STEMS, RESIDUAL)[number], "stem", (), **changes)


def heard(scene, row=0, layout=LAYOUT):
    """Label -> gain of one source, where it is heard."""
    gains = source_gains(scene, layout, Panner(layout))[row]
    return {layout.labels[i]: pytest.approx(float(gains[i]), abs=1e-6) for i in np.flatnonzero(gains)}


def test_sources_follow_the_objects():
    scene = default_scene(INPUTS)
    assert sources_of(scene)[:2] == (Source(0, "left", 0), Source(0, "right", 1))
    assert sources_of(scene)[8:] == (
        Source(4, "left", 0),
        Source(4, "right", 1),
        Source(5, "mono", 0),
        Source(6, "left", 4),
        Source(6, "right", 2),
        Source(7, "mono", 5),
        Source(7, "mono", 6),
        Source(7, "mono", 7),
    )
    assert source_gains(scene, LAYOUT, PANNER).shape == (16, 24)


def test_a_scene_of_nothing_has_no_rows():
    assert source_gains(Scene(()), LAYOUT, PANNER).shape == (0, 24)
    assert sources_of(Scene(())) == ()


def test_both_sides_of_a_collapsed_stem_have_the_full_gains_of_its_position():
    gains = source_gains(Scene((stem(position=at(70, 10)),)), LAYOUT, PANNER)
    expected = PANNER.gains([at(70, 10)])[0]
    np.testing.assert_allclose(gains, [expected, expected], atol=1e-7)


def of_power_1(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_sides_stand_half_the_width_either_side_at_the_same_elevation():
    gains = source_gains(Scene((stem(position=at(170, 30, 2.5), width_deg=90),)), LAYOUT, PANNER)
    np.testing.assert_allclose(of_power_1(gains), PANNER.gains([at(215, 30), at(125, 30)]), atol=1e-6)


def test_more_than_two_channels_are_spread_from_left_to_right():
    item = SceneObject(5, "strings", "input", (0, 1, 2, 3), width_deg=90)
    gains = source_gains(Scene((item,)), LAYOUT, PANNER)
    np.testing.assert_allclose(gains, PANNER.gains(cartesian([45, 15, -15, -45], 0)), atol=1e-7)


def test_a_stereo_object_at_the_origin_is_a_pair_in_front():
    assert heard(Scene((stem(position=(0, 0, 0), width_deg=60),))) == {"M+030": 1}


@pytest.mark.parametrize(
    ("changes", "gain"), [({"level": 2.5}, 2.5), ({"level": 0.0}, 0), ({"mute": True}, 0), ({"group": 7}, 1)]
)
def test_level_and_mute(changes, gain):
    gains = source_gains(Scene((stem(**changes),)), LAYOUT, PANNER)
    np.testing.assert_allclose(gains.sum(axis=1), gain, atol=1e-7)


def test_solo_silences_the_others_and_does_not_unmute():
    scene = Scene((stem(0), stem(1, solo=True), stem(2, solo=True, mute=True)))
    np.testing.assert_allclose(source_gains(scene, LAYOUT, PANNER).sum(axis=1), [0, 0, 1, 1, 0, 0], atol=1e-7)


@pytest.mark.parametrize(("gain_db", "gain"), [(-120.0, 0.0), (-20.0, 0.1), (20.0, 10.0)])
def test_the_separators_gain_is_that_of_the_stem_whatever_its_name(gain_db, gain):
    renamed = replace(stem(1), name="contrabass")
    scene = Scene((stem(0), renamed), separation=Separation(gains_db={"bass": gain_db}))
    sums = source_gains(scene, LAYOUT, PANNER).sum(axis=1)
    np.testing.assert_allclose(sums, [1, 1, gain, gain], atol=1e-6)
    assert gain or not sums[2:].any()


def test_a_channel_object_goes_to_its_loudspeakers():
    places = (("U+090", "U-090"), ("nowhere",), ("LFE1", "nowhere"))
    direct = SceneObject(5, "bed", "input", (0, 1, 2), type="channel", outputs=places, level=0.5)
    scene = Scene((direct,))
    assert heard(scene, 0) == {"U+090": 0.5, "U-090": 0.5}
    assert heard(scene, 1) == {}
    assert heard(scene, 2) == {"LFE1": 0.5}
    assert heard(Scene((replace(direct, outputs=(("B+000",),)),)), 2) == {"B+000": 0.5}
    assert heard(Scene((replace(direct, outputs=(("B+000",), ("U+000",))),)), 2) == {}


def test_panned_objects_leave_lfe_columns_alone():
    lfe = [speaker.lfe for speaker in LAYOUT.speakers]
    assert not source_gains(replace(default_scene(INPUTS), amount=0.5), LAYOUT, PANNER)[:, lfe].any()


def test_amount_0_is_the_recording_whatever_the_scene_does():
    scene = default_scene([("mic", (0,))])
    silenced = tuple(replace(item, mute=True, level=0.3, position=at(180)) for item in scene.objects)
    gains = source_gains(Scene(silenced, amount=0.0), LAYOUT, PANNER)
    pair = np.eye(24)[[LAYOUT.labels.index("M+030"), LAYOUT.labels.index("M-030")]]
    np.testing.assert_allclose(gains[:10], np.tile(pair, (5, 1)), atol=1e-7)
    assert not gains[10].any(), "inputs know no recording"


def test_amount_mixes_powers_and_leaves_inputs_alone():
    scene = Scene((stem(position=at(180)), SceneObject(5, "mic", "input", (0,), position=at(90))), amount=0.75)
    assert heard(scene, 0) == {"M+030": 0.5, "M+180": 0.75**0.5}
    assert heard(scene, 2) == {"M+090": 1}


def test_a_room_without_the_stereo_pair_pans_it():
    octagon = load_layout("octagon")
    gains = source_gains(Scene((stem(mute=True),), amount=0.0), octagon, Panner(octagon))
    np.testing.assert_allclose(gains, Panner(octagon).gains(cartesian([30, -30], 0)), atol=1e-7)


def test_columns_are_in_layout_order_whatever_the_wiring():
    surrey = load_layout("surrey")
    assert heard(Scene((stem(position=at(-90)),)), 0, surrey) == {"M-090": 1}


def test_speaker_gains_are_trim_times_master():
    scene = Scene((), master_gain_db=-20, speakers={"M+000": SpeakerTrim(-20), "T+000": SpeakerTrim(6, mute=True)})
    gains = speaker_gains(scene, LAYOUT)
    expected = dict.fromkeys(LAYOUT.labels, 0.1) | {"M+000": 0.01, "T+000": 0.0}
    np.testing.assert_allclose(gains, list(expected.values()), rtol=1e-6)
    assert gains.dtype == np.float32
    assert not speaker_gains(replace(scene, master_mute=True), LAYOUT).any()
    assert not speaker_gains(replace(scene, master_gain_db=-120), LAYOUT).any()


def test_ramps_are_smooth_times_and_never_click():
    scene = Scene((stem(0, smooth_s=0.1), stem(1, smooth_s=0.0)))
    frames = ramp_frames(scene, [*sources_of(scene), Source(77, "mono", 0)], 48000)
    assert frames.tolist() == [4800, 4800, 240, 240, 240]
    assert frames.dtype == np.int64
    assert ramp_frames(scene, (), 48000).shape == (0,)


def test_the_default_scene_is_a_stage_in_front():
    scene = default_scene(INPUTS)
    assert [item.name for item in scene.objects] == [*STEMS, RESIDUAL, "mic", "keys", "strings"]
    assert [item.id for item in scene.objects] == list(range(8))
    assert all(np.linalg.norm(item.position) == pytest.approx(1) and item.position[1] == 0 for item in scene.objects)
    residual = scene.find(RESIDUAL)
    assert heard(Scene((residual,)), 0) == {"M+030": 1}
    assert heard(Scene((residual,)), 1) == {"M-030": 1}
