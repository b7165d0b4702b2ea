"""Files of the Audio Definition Model against the EBU ADM Renderer, the reference implementation of ITU-R BS.2127."""

from pathlib import Path

import numpy as np
import pytest
from adm_cases import CASES, OURS, SYSTEM, bed_places, write_case

from stemfield.layouts.loader import load_layout
from stemfield.renderer.adm.gains import BlockGains
from stemfield.renderer.adm.model import SpeakerBlock
from stemfield.renderer.adm.playing import feeds_of
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.adm.selection import select
from stemfield.renderer.files.bw64 import Bw64Reader
from stemfield.renderer.panning.panner import Panner

REFERENCE = Path(__file__).parent / "data" / "adm_reference.npz"
RATE = 48_000
ROOMS = ("0+2+0", "0+5+0", "2+5+0", "4+5+0", "4+5+1", "3+7+0", "4+9+0", "9+10+3", "0+7+0", "4+7+0")
ALMOST_DB = -110.0
"""24 bits, of which the other renderer keeps as many."""


def rendered(path: Path, layout: str = SYSTEM) -> np.ndarray:
    with Bw64Reader(path) as reader:
        items = select(read_document(reader.axml), reader.entries).items
        room = load_layout(layout)
        return np.concatenate(list(feeds_of(reader.blocks(1000), reader.sample_rate_hz, items, room)), axis=1)


def worst_db(found: np.ndarray, expected: np.ndarray) -> float:
    """The worst difference on the worst loudspeaker, against the loudest sample of all."""
    return float(20 * np.log10(max(np.abs(found - expected).max(), 1e-12) / np.abs(expected).max()))


@pytest.mark.parametrize("case", [*CASES, *OURS])
def test_every_loudspeaker_plays_what_ear_plays(case, tmp_path):
    path = write_case(case, tmp_path)
    with np.load(REFERENCE) as data, Bw64Reader(path) as reader:
        expected = data[f"{case} feeds"]
        assert reader.axml == data[f"{case} axml"].tobytes(), "made of another file: run make_adm_reference.py"
    # Times of five decimals lie between frames of 48 kHz; `ear` moves from there, we from the nearest frame.
    limit = -80.0 if case == "our scene that moves" else ALMOST_DB
    assert worst_db(rendered(path), expected) < limit


@pytest.mark.parametrize("system", ROOMS)
def test_cartesian_beds_are_panned_in_the_cube_as_ear_does(system):
    room = load_layout(system)
    gains = BlockGains(room, Panner(room))
    with np.load(REFERENCE) as data:
        labels, expected = data[f"beds {system} labels"].tolist(), data[f"beds {system} gains"]
    columns = [room.labels.index(label) for label in labels]
    for place, row in zip(bed_places().tolist(), expected, strict=True):
        found = gains.of_speaker(SpeakerBlock(cartesian=True, position=tuple(place)), lfe=False)
        np.testing.assert_allclose(found[columns], row, atol=2e-6, err_msg=str(place))  # the standard rounds places
