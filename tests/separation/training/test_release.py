"""Models of runs and of other models: equality of graph and network, the card, continued training."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from stemfield.control.cli.main import main
from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.card_parts import Chunk
from stemfield.separation.training import batches, dataset, validation
from stemfield.separation.training import export as export_module
from stemfield.separation.training.augmentation import Augmentation
from stemfield.separation.training.continuation import network_of_model, networks_of_model
from stemfield.separation.training.export import Provenance, check, export, streaming_error
from stemfield.separation.training.fit import Run, fit
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.release import release
from stemfield.separation.training.weights import load_network

RATE_HZ = 44100
SMALL = Shape(width=16, layers=2)


@pytest.fixture(scope="module", params=[0, 2], ids=["at once", "looking ahead"])
def exported(request, tmp_path_factory):
    torch.manual_seed(4)
    network = Network(replace(SMALL, lookahead=request.param)).eval()
    place = tmp_path_factory.mktemp("models") / "toy"
    score = {"data": "toy", "clips": 1, "stem": "vocals", "measure": "si_sdr", "value_db": 1.5}
    card = export(network, place, Provenance("toy", "A toy", "Apache-2.0", ("nobody",), "Nothing.", (score,)))
    return network, card


def test_exported_graph_is_the_network_and_streams(exported):
    network, card = exported
    graph_error, streaming_error = check(network, card)
    assert graph_error < 1e-4
    assert streaming_error < 1e-5
    assert load_card(str(card.folder)).scores[0].value_db == 1.5
    assert card.latency_samples == 1024 + 512 * network.shape.lookahead


def test_export_detects_another_network(exported):
    network, card = exported
    torch.manual_seed(5)
    other = Network(network.shape).eval()
    assert streaming_error(other, card) > 1e-3
    with pytest.raises(ValueError, match="difference of graph and network"):
        check(other, card)


def test_release_describes_the_training_data(folder, library, plan, tmp_path):
    music = validation.load_clips([folder], seconds=1.0)
    (folder / "recipe.json").write_text(json.dumps({"seed": 41, "credits": ["A singer: CC0 1.0 (a/b)"]}))
    fit(replace(plan, steps=1, validate_every=1), library, music, tmp_path / "run")
    card = release([tmp_path / "run" / "best.pt"], tmp_path / "toy", "A toy", music, ["light"])
    assert card.attribution[1:] == ("A singer: CC0 1.0 (a/b)",)
    assert "0.0 hours: 3 songs with their stems" in card.trained_on
    assert "recordings under" not in card.trained_on
    assert "seed 41" in card.trained_on
    assert {(score.data, score.stem) for score in card.scores} == {
        (clip.name, stem) for clip in music for stem in clip.stems
    }
    report = (tmp_path / "toy" / "report.md").read_text()
    assert "| clip | stem | toy | light |" in report
    assert "| median of 3 | vocals |" in report
    assert "toy: share of each true stem's power in each estimate" in report
    assert "light: share of each true stem's power" in report
    assert (tmp_path / "toy" / "routing.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "toy" / "curves.png").exists()


@pytest.mark.parametrize("instrument", ["vocals", "bass"])
def test_a_network_for_one_instrument_is_trained_against_the_rest(folder, records, plan, tmp_path, instrument):
    mixed = batches.make_batch(
        dataset.SongDataset([folder, records]), 16, 10, np.random.default_rng(4), Augmentation(partial=0.7)
    )
    two = batches.one_versus_rest(mixed, instrument)
    assert torch.allclose(two.spectra.sum(1), mixed.spectra.sum(1), atol=1e-5)
    for number, groups in enumerate(mixed.groups):
        row = int(groups[:, dataset.STEMS.index(instrument)].argmax())
        if groups[row].sum() == 1:
            assert torch.equal(two.spectra[number, 0], mixed.spectra[number, row])
            assert torch.equal(two.groups[number], torch.eye(2))
        else:
            assert two.groups[number].tolist() == [[0, 0], [1, 1]]
    music = validation.load_clips([folder], seconds=1.0)
    single = replace(plan, steps=1, validate_every=1, shape=replace(SMALL, instrument=instrument))
    fit(single, dataset.SongDataset([folder, records]), music, tmp_path / "run")
    card = release([tmp_path / "run" / "best.pt"], tmp_path / instrument, "One", music)
    assert card.sources == (instrument, "rest")
    assert card.instrument_of("rest") == "other"
    assert {score.stem for score in card.scores} == {instrument}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network whose weights all differ, as after training, and its model."""
    torch.manual_seed(5)
    network = Network(replace(SMALL, lookahead=1)).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    provenance = Provenance("trained", "A toy", "Apache-2.0", ("nobody",), "Nothing.")
    return network, export(network, tmp_path_factory.mktemp("models") / "trained", provenance)


def test_the_training_of_a_model_can_be_continued(trained, library, plan):
    network, card = trained
    found = network_of_model(card)
    assert found.shape == network.shape
    assert all(torch.equal(value, found.state_dict()[name]) for name, value in network.state_dict().items())
    run = Run(replace(plan, shape=found.shape), library, found)
    assert all(torch.equal(value, run.averaged.state_dict()[name]) for name, value in network.state_dict().items())


def test_the_shipped_models_can_be_continued_if_they_are_one_network():
    assert network_of_model(load_card("light")).shape == Shape(64, 2, 0)
    assert network_of_model(load_card("default")).shape == Shape(128, 3, 1)
    with pytest.raises(ValueError, match="meridian-studio: expected a model of one network, got 2"):
        network_of_model(load_card("studio"))
    assert [network.shape.layers for network in networks_of_model(load_card("studio"))] == [4, 3]


@pytest.fixture
def small_chunks(monkeypatch):
    """Graphs for chunks of two seconds, which are exported sooner."""
    monkeypatch.setattr(export_module, "CHUNK", Chunk(samples=192 * 512, trim=4 * 512, overlap=8 / 184))


@pytest.mark.usefixtures("small_chunks")
def test_command_trains_a_live_model_backwards_for_files(trained, folder, tmp_path, capsys):
    _, card = trained
    material = ["--songs", str(folder), "--validation", str(folder), "--from", str(card.graph.parent)]
    sizes = ["--steps", "2", "--batch", "1", "--hops", "8", "--judge-every", "2", "--device", "cpu"]
    assert main(["train", "learn", str(tmp_path / "run"), *material, *sizes, "--direction", "backward"]) == 0
    assert load_network(tmp_path / "run" / "best.pt").shape == replace(SMALL, lookahead=1, direction="backward")
    words = ["--network", str(card.graph.parent), "--title", "Both", "--validation", str(folder), "--seconds", "1"]
    assert main(["train", "release", str(tmp_path / "run" / "best.pt"), str(tmp_path / "both"), *words]) == 0
    made = load_card(str(tmp_path / "both"))
    assert [network.shape.direction for network in networks_of_model(made)] == ["forward", "backward"]
    assert made.trained_on.startswith("The networks of trained: Nothing. 0.0 hours: 3 songs")
    assert set(made.attribution) >= {"nobody"}
    assert "curves.png" in (tmp_path / "both" / "report.md").read_text()


@pytest.mark.usefixtures("small_chunks")
def test_command_makes_a_model_for_files_of_a_live_one(trained, folder, tmp_path, capsys):
    _, card = trained
    words = ["--title", "Both", "--validation", str(folder), "--seconds", "1"]
    assert main(["train", "release", str(tmp_path / "both"), *words]) == 2
    assert "FILE.pt is missing" in capsys.readouterr().err
    more = ["--network", str(card.graph.parent), "--backward", "1"]
    assert main(["train", "release", str(tmp_path / "both"), *words, *more]) == 0
    assert "1 of them for music heard backwards" in load_card(str(tmp_path / "both")).trained_on
    assert "curves.png" not in (tmp_path / "both" / "report.md").read_text()


def test_command_continues_a_model(trained, folder, tmp_path, capsys):
    network, card = trained
    material = ["--songs", str(folder), "--validation", str(folder), "--from", str(card.graph.parent)]
    sizes = ["--steps", "1", "--batch", "1", "--hops", "8", "--judge-every", "1", "--device", "cpu"]
    assert main(["train", "learn", str(tmp_path / "run"), *material, *sizes]) == 0
    after = load_network(tmp_path / "run" / "best.pt").state_dict()
    moved = max(float((value - after[name]).abs().max()) for name, value in network.state_dict().items())
    assert 0.0 < moved < 0.01
    capsys.readouterr()
    assert main(["train", "learn", str(tmp_path / "run"), *material, *sizes, "--width", "32"]) == 2
    assert "--width: expected none with --from, because the model has it" in capsys.readouterr().err
