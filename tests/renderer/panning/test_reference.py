"""The panner against the EBU ADM Renderer and against values that three other panners agree on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.renderer.panning.panner import Panner

REFERENCE = Path(__file__).parent / "data" / "ear_reference.npz"
BELOW = ("B+000", "B+045", "B-045", "M+090", "M-090", "M+135", "M-135", "M+180")
NAMES = ("0+2+0", "0+5+0", "2+5+0", "4+5+0", "4+5+1", "3+7+0", "4+9+0", "9+10+3", "0+7+0", "4+7+0")


@pytest.mark.parametrize("name", [*NAMES, *(f"{name} moved" for name in NAMES)])
def test_gains_are_those_of_the_ebu_adm_renderer(name):
    layout = load_layout(name.split()[0])
    with np.load(REFERENCE) as data:
        places = dict(zip(data[f"{name} labels"].tolist(), data[f"{name} positions"].tolist(), strict=True))
        directions, expected = data["directions"], data[f"{name} gains"]
    speakers = [
        replace(s, azimuth_deg=places[s.label][0], elevation_deg=places[s.label][1]) if s.label in places else s
        for s in layout.speakers
    ]
    gains = Panner(replace(layout, speakers=tuple(speakers))).gains(directions)
    columns = [layout.labels.index(label) for label in places]
    np.testing.assert_allclose(gains[:, columns], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "expected"),
    [
        (0, 0, {"M+000": 1}),
        (15, 0, {"M+000": 0.7071, "M+030": 0.7071}),
        (70, 0, {"M+060": 0.8917, "M+090": 0.4527}),
        (45, 15, {"M+060": 0.4177, "M+030": 0.4177, "U+045": 0.8069}),
        (22, 40, {"U+045": 0.6726, "U+000": 0.7015, "T+000": 0.2355}),
        (0, 90, {"T+000": 1}),
        (0, -90, dict.fromkeys(BELOW, 0.3536)),
    ],
)
def test_gains_on_9_10_3(azimuth_deg, elevation_deg, expected):
    layout = load_layout("9+10+3")
    (gains,) = Panner(layout).gains([cartesian(azimuth_deg, elevation_deg)])
    np.testing.assert_allclose(gains, [expected.get(label, 0) for label in layout.labels], rtol=0, atol=5e-5)
