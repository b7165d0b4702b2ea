import hashlib
import shutil

import numpy as np
import onnx
import pytest
import toy_models as toys
import yaml

from stemfield.separation.cards.card import CardError, load_card
from stemfield.separation.cards.presets import FILES, PRESETS
from stemfield.separation.runtime.session import Session


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return load_card(toys.mask_stream(tmp_path_factory.mktemp("models") / "toy"))


@pytest.fixture
def changed(tmp_path, card):
    """A card that is sound in itself, with these keys at the top changed, or with this file as its graph."""

    def change(graph=None, **keys):
        folder = tmp_path / "toy"
        shutil.copytree(card.folder, folder)
        data = yaml.safe_load((folder / "card.yaml").read_text()) | keys
        if graph is not None:
            (folder / "toy.onnx").write_bytes(graph)
            data["files"][0]["sha256"] = hashlib.sha256(graph).hexdigest()
        (folder / "card.yaml").write_text(yaml.safe_dump(data))
        return load_card(str(folder))

    return change


def problems_of(card):
    with pytest.raises(CardError) as caught:
        Session(card)
    return caught.value.problems


def tensor(name, role, *shape):
    return {"name": name, "role": role, "shape": list(shape)}


@pytest.mark.parametrize("kind", ["noise", "empty", "text", "cut"])
def test_a_file_that_is_no_graph(changed, card, kind):
    whole = card.graph.read_bytes()
    graph = {
        "noise": np.random.default_rng(0).bytes(5000),
        "empty": b"",
        "text": b"ONNX",
        "cut": whole[: len(whole) // 2],
    }[kind]
    (problem,) = problems_of(changed(graph))
    assert problem.startswith("no usable ONNX graph: ")


def test_another_opset_than_the_runtime_knows(changed, card):
    model = onnx.load(str(card.graph))
    model.opset_import[0].version = 999
    (problem,) = problems_of(changed(model.SerializeToString()))
    assert problem.startswith("no usable ONNX graph: ")
    assert "opset" in problem.lower()


def test_other_names_than_the_graph_has(changed):
    problems = problems_of(
        changed(
            inputs=[tensor("X", "re_im", 2, 1025, 2), tensor("hh", "state", 3, 34, 64)],
            states=[{"in": "hh", "out": "h_out", "shape": [3, 34, 64], "init": "zeros"}],
        )
    )
    assert problems == (
        "the graph's input 'h' is not in the card",
        "the graph has no input 'hh', did you mean h?",
    )


def test_other_shapes_than_the_graph_has(changed):
    problems = problems_of(
        changed(
            sources=["vocals", "bass", "drums", "other", "piano"],
            inputs=[tensor("X", "re_im", 2, 1025, 2), tensor("h", "state", 3, 34, 32)],
            outputs=[tensor("Y", "re_im", 5, 2, 1025, 2), tensor("h_out", "state", 3, 34, 32)],
            states=[{"in": "h", "out": "h_out", "shape": [3, 34, 32], "init": "zeros"}],
        )
    )
    assert problems == (
        "the input 'h': expected shape [3, 34, 32] as in the card, got [3, 34, 64]",
        "the output 'Y': expected shape [5, 2, 1025, 2] as in the card, got [4, 2, 1025, 2]",
        "the output 'h_out': expected shape [3, 34, 32] as in the card, got [3, 34, 64]",
    )


def test_an_unknown_provider_is_named_with_the_known_ones(card):
    with pytest.raises(ValueError, match=r"expected provider .*, got 'CPUExecutionProvidr', did you mean CPUExecution"):
        Session(card, ["CPUExecutionProvidr"])


def test_memory_is_carried_and_reset(card):
    session = Session(card)
    rng = np.random.default_rng(0)
    spectrum = (0.01 * (rng.standard_normal((2, 1025)) + 1j * rng.standard_normal((2, 1025)))).astype(np.complex64)
    first, second = session.step(spectrum, spectrum), session.step(spectrum, spectrum)
    assert not np.array_equal(first, second)
    session.reset()
    assert np.array_equal(session.step(spectrum, spectrum), first)


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != FILES])
def test_shipped_spectra_are_the_mixtures_under_masks_that_sum_to_one(preset):
    card = load_card(preset)
    rng = np.random.default_rng(1)
    spectrum = (0.01 * (rng.standard_normal((2, 1025)) + 1j * rng.standard_normal((2, 1025)))).astype(np.complex64)
    session = Session(card)
    for _ in range(card.lookahead_frames):
        assert not session.step(spectrum, np.zeros_like(spectrum)).any(), "there is nothing before the first hop"
    stems = session.step(spectrum, spectrum)
    masks = stems / spectrum
    assert stems.shape == (len(card.sources), *spectrum.shape)
    np.testing.assert_allclose(masks.imag, 0.0, atol=1e-5)
    np.testing.assert_allclose(masks.real.sum(axis=0), 1.0, atol=1e-5)
    assert masks.real.min() >= 0.0


def test_numbers_that_are_not_finite_end_with_their_hop(card):
    session = Session(card)
    spectrum = np.full((2, 1025), 0.01, np.complex64)
    fresh = session.step(spectrum, spectrum)
    assert not session.step(np.full((2, 1025), np.nan, np.complex64), spectrum).any()
    assert np.array_equal(session.step(spectrum, spectrum), fresh)
