"""Whatever label a layout may have, its loudspeaker is reached by it, and no other is."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message_builder import build_msg

from stemfield.control.dialects.registry import decode
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.status import idle_status
from stemfield.layouts.check import check_layout, reachable_label
from stemfield.renderer.scene.scene import default_scene

texts = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=6)
labels = st.one_of(texts, st.text("AB/*?[]{},#!-+~ 0", min_size=1, max_size=5))


def said(address, value, labels):
    """The scene, and what is wrong, after one message to a room of these loudspeakers."""
    (timed,) = decode(build_msg(address, [value]).dgram, 0.0)
    return apply(default_scene(), timed.command, Context(labels, default_scene(), status=idle_status()))


def is_allowed(label):
    speakers = [
        {"label": name, "azimuth_deg": 30.0 * k, "channel": k + 1} for k, name in enumerate((label, "other", "else"))
    ]
    return check_layout({"name": "x", "speakers": speakers}) == ()


@settings(deadline=None, max_examples=200, derandomize=True)
@given(labels)
def test_a_label_that_is_allowed_is_reached(label):
    changed = reachable_label(label)
    if label.isprintable() and label == label.strip():
        assert is_allowed(changed)  # the proposal
    for name in {label, changed}:
        if not is_allowed(name):
            continue
        scene, problems = said(f"/speaker/{name}/gain", -3.0, (name, "other", "else"))
        assert problems == ()
        assert {key: speaker.gain_db for key, speaker in scene.speakers.items()} == {name: -3.0}
        scene, problems = said("/object/0/exclude", f"{name}, other", (name, "other", "else"))
        assert problems == ()
        assert set(scene.objects[0].exclude) == {name, "other"}
