"""Training: the loss, the network, and resuming of a run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from stemfield.control.cli.main import main
from stemfield.separation.training import batches, validation
from stemfield.separation.training.augmentation import Augmentation
from stemfield.separation.training.export import Provenance, check, export
from stemfield.separation.training.fit import Run, fit
from stemfield.separation.training.loss import LossWeights, loss, loss_inputs
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.optimiser import orthogonalise
from stemfield.separation.training.release import plot_curves
from stemfield.separation.training.spectrum import BINS, features, istft, pool, stft, unpool
from stemfield.separation.training.streaming_step import Ensemble, StreamingStep
from stemfield.separation.training.weights import load_network

RATE_HZ = 44100
SMALL = Shape(width=16, layers=2)


def examples(stems):
    return batches.Batch(stems, torch.eye(4).expand(len(stems), 4, 4))


def spectra(seed, *shape):
    random = np.random.default_rng(seed)
    return torch.from_numpy((random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(np.complex64))


def test_units_keep_the_energy_and_cover_every_bin():
    power = torch.rand(2, BINS)
    assert torch.allclose(pool(power).sum(-1), power.sum(-1))
    assert unpool(torch.ones(3, 512)).shape == (3, BINS)
    numbered = unpool(torch.arange(512.0))
    assert numbered[1000] == pool(torch.eye(BINS))[1000].argmax()
    assert all(numbered[bin_] == pool(torch.eye(BINS))[bin_].argmax() for bin_ in (0, 255, 256, 511, 512, 1023, 1024))


def test_transform_is_the_streaming_one():
    sound = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 8192)).astype(np.float32))
    again = istft(stft(sound))
    offset = 2048 - 1024  # the first hop's tail begins there
    assert torch.allclose(again[:, 512:-512], sound[:, offset + 512 : offset + again.shape[1] - 512], atol=1e-5)


def test_loss_of_perfect_masks_is_the_least():
    whole = spectra(1, 2, 2, 8, BINS)
    stems = torch.zeros(2, 4, 2, 8, BINS, dtype=torch.complex64)
    stems[:, 0, :, :4], stems[:, 2, :, 4:] = whole[:, :, :4], whole[:, :, 4:]
    batch = loss_inputs(examples(stems))
    right = torch.zeros(2, 8, 4, 2, 512)
    right[:, :4, 0], right[:, 4:, 2] = 1.0, 1.0
    least = loss(right, batch, LossWeights())
    assert (
        least
        < loss(0.9 * right + 0.025, batch, LossWeights())
        < loss(torch.full_like(right, 0.25), batch, LossWeights())
    )
    leaking = right.clone()
    leaking[:, :, 3] += 0.1
    assert loss(leaking, batch, LossWeights()) > least, "a silent stem that sounds is an error"


def test_error_power_needs_no_phases():
    stems = spectra(2, 1, 4, 2, 3, BINS)
    masks = torch.rand(1, 3, 4, 2, 512)
    batch = loss_inputs(examples(stems))
    found = (masks**2 * batch.mixture - 2 * masks * batch.product + batch.stems).sum() / 32768.0**2
    estimate = unpool(masks).permute(0, 2, 3, 1, 4) * stems.sum(1, keepdim=True)
    assert found == pytest.approx(float(((estimate - stems).abs() ** 2).sum()), rel=1e-4)


def test_missing_vocals_cost_more_than_excess_vocals():
    vocals, other = spectra(3, 1, 1, 2, 4, BINS), spectra(4, 1, 1, 2, 4, BINS)
    batch = loss_inputs(examples(torch.cat([vocals, torch.zeros(1, 2, 2, 4, BINS), other], 1)))
    half = torch.full((1, 4, 4, 2, 512), 0.0)
    half[:, :, 0], half[:, :, 3] = 0.5, 0.5
    more, less = half.clone(), half.clone()
    more[:, :, 0] += 0.2
    more[:, :, 3] -= 0.2
    less[:, :, 0] -= 0.2
    less[:, :, 3] += 0.2
    only_detail = LossWeights(stems=(1.0, 1.0, 1.0, 1.0), detail=100.0)
    assert loss(more, batch, only_detail) < loss(less, batch, only_detail)


def test_muon_orthogonalises_a_matrix_and_keeps_its_directions():
    matrix = torch.from_numpy(np.random.default_rng(5).standard_normal((2, 24, 16)).astype(np.float32))
    turned = orthogonalise(matrix)
    values = torch.linalg.svdvals(turned)
    assert 0.6 < values.min() < values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    aligned = torch.diagonal(left.mT @ turned @ right.mT, dim1=-2, dim2=-1)
    assert aligned.min() > 0.6


def test_network_is_causal_and_its_masks_sum_to_one(network):
    heard = torch.randn(1, 10, 512, 4)
    masks, _ = network(heard)
    assert torch.allclose(masks.sum(2), torch.ones(1, 10, 2, 512), atol=1e-5)
    changed = heard.clone()
    changed[:, 6:] += 1.0
    later, _ = network(changed)
    assert torch.equal(later[:, :6], masks[:, :6])
    assert not torch.allclose(later[:, 6:], masks[:, 6:])


def test_checkpoints_are_averaged(library, plan, tmp_path):
    fit(replace(plan, steps=2, validate_every=1), library, (), tmp_path)
    first, second, mean = (
        load_network(*(tmp_path / f"step-00000{step}.pt" for step in steps)).state_dict()
        for steps in ((1,), (2,), (1, 2))
    )
    for name, value in mean.items():
        assert torch.allclose(value, (first[name] + second[name]) / 2)
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_an_ensemble_aligns_members_of_different_lookahead(tmp_path):
    """Oracle: the mean of the logits for each hop, with two hops of lookahead in one network and none in the other."""
    torch.manual_seed(7)
    early, late = Network(SMALL).eval(), Network(replace(SMALL, width=12, lookahead=2)).eval()
    both = Ensemble([early, late])
    assert both.shape.lookahead == 2
    whole = spectra(8, 2, 9, BINS)
    (left, right) = whole.unbind(0)
    heard = features((left.real, left.imag), (right.real, right.imag))[None]
    nothing = torch.zeros(BINS)
    silence = features((nothing, nothing), (nothing, nothing)).expand(1, 2, 512, 4)
    first, second = (
        early.forward_logits(torch.cat([silence, heard], 1))[0][:, 2:-2],
        late.forward_logits(heard)[0][:, 2:],
    )
    expected = torch.softmax((first + second) / 2, 2)
    assert torch.allclose(both(heard)[0][:, 2:], expected, atol=1e-5)
    hop = StreamingStep(both)
    states = hop.initial_states
    assert list(states) == ["h0", "h1", "past"]
    for index in range(9):
        out, *kept = hop(torch.view_as_real(whole[:, index].contiguous()), *states.values())
        states = dict(zip(states, kept, strict=True))
        if index >= 2:
            right_ = torch.view_as_real(unpool(expected[0, index - 2]) * whole[None, :, index - 2])
            assert torch.allclose(out, right_, atol=1e-5)
    card = export(both, tmp_path / "both", Provenance("both", "Both", "Apache-2.0", ("nobody",), "Nothing."))
    assert check(both, card) < (1e-4, 1e-5)


def test_weights_of_several_runs_form_an_ensemble(library, plan, tmp_path):
    for seed in (1, 2):
        fit(replace(plan, steps=1, validate_every=1, seed=seed), library, (), tmp_path / f"{seed}")
    both = load_network(tmp_path / "1" / "best.pt", tmp_path / "2" / "best.pt")
    assert isinstance(both, Ensemble)
    fit(replace(plan, steps=1, validate_every=1, shape=replace(SMALL, instrument="bass")), library, (), tmp_path / "3")
    with pytest.raises(
        ValueError, match="expected networks with the same sources, got bass, rest and vocals, bass, drums, other"
    ):
        load_network(tmp_path / "1" / "best.pt", tmp_path / "3" / "best.pt")


def test_added_logits_scale_the_masks(network):
    heard = torch.randn(1, 3, 512, 4)
    masks, _ = network(heard)
    network.add_logits((1.5, 0.0, 0.0, 0.0))
    more, _ = network(heard)
    network.add_logits((-1.5, 0.0, 0.0, 0.0))
    expected = masks * torch.tensor([np.exp(1.5), 1.0, 1.0, 1.0], dtype=torch.float32)[:, None, None]
    assert torch.allclose(more, expected / expected.sum(2, keepdim=True), atol=1e-5)


def test_state_continues_an_excerpt(network):
    heard = torch.randn(1, 10, 512, 4)
    whole, _ = network(heard)
    _, memory = network(heard[:, :4])
    rest, _ = network(heard[:, 4:], memory)
    assert torch.allclose(rest, whole[:, 4:], atol=1e-5)


def test_hop_by_hop_is_the_whole(network):
    stems = spectra(6, 2, 7, BINS)
    (left, right) = stems.unbind(0)
    masks, _ = network(features((left.real, left.imag), (right.real, right.imag))[None])
    memory, hop = torch.zeros(SMALL.state), StreamingStep(network)
    for index in range(7):
        out, memory = hop(torch.view_as_real(stems[:, index].contiguous()), memory)
        expected = torch.view_as_real(unpool(masks[0, index]) * stems[None, :, index])
        assert torch.allclose(out, expected, atol=1e-5)


def test_delayed_masks_are_compared_with_their_hop():
    stems = spectra(9, 1, 4, 2, 6, BINS)
    batch = loss_inputs(examples(stems))
    masks = torch.rand(1, 6, 4, 2, 512)
    late = torch.cat([torch.rand(1, 2, 4, 2, 512), masks[:, :4]], 1)
    first = loss_inputs(examples(stems[:, :, :, :4]))
    assert torch.allclose(loss(late, batch, LossWeights(), 2), loss(masks[:, :4], first, LossWeights()))


def test_low_units_weigh_twice_in_the_magnitudes():
    stems = torch.zeros(1, 4, 2, 3, BINS, dtype=torch.complex64)
    judged = loss_inputs(examples(stems + 1e-3))

    def magnitudes(units, low):
        masks = torch.full((1, 3, 4, 2, 512), 0.25)
        masks[..., units] = torch.tensor([0.4, 0.2, 0.2, 0.2])[:, None, None]
        weights = replace(LossWeights(), low=low)
        return float(loss(masks, judged, weights) - loss(masks, judged, replace(weights, detail=0.0)))

    below, above = slice(0, 6), slice(100, 106)
    assert magnitudes(below, 2.0) == pytest.approx(2.0 * magnitudes(below, 1.0), rel=1e-3)
    assert magnitudes(above, 2.0) == pytest.approx(magnitudes(above, 1.0), rel=1e-3)


def test_training_lowers_the_loss(library, plan):
    run = Run(replace(plan, steps=40, warm_up=5), library)
    judged = loss_inputs(batches.make_batch(library, 4, 16, np.random.default_rng(99), Augmentation()))

    def value():
        with torch.no_grad():
            return float(loss(run.network(judged.features)[0], judged, plan.weights))

    before = value()
    for _ in range(25):
        run.step()
    assert value() < before - 0.15


def test_an_interrupted_run_resumes_exactly(library, plan, folder, tmp_path):
    music = validation.load_clips([folder], seconds=1.0)
    fit(plan, library, music, tmp_path / "whole")

    def stop(_line):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(plan, library, music, tmp_path / "parts", stop)
    assert torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)["step"] == 3
    fit(plan, library, music, tmp_path / "parts")
    for name in ("checkpoint.pt", "step-000006.pt"):
        whole, parts = (torch.load(tmp_path / run / name, weights_only=True)["average"] for run in ("whole", "parts"))
        assert all(torch.equal(whole[key], parts[key]) for key in whole)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    assert [line["loss"] for line in lines] == [
        json.loads(line)["loss"] for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()
    ]
    best = max(lines, key=lambda line: line["score"])
    kept = torch.load(tmp_path / "parts" / "best.pt", weights_only=True)
    assert (kept["step"], kept["score"]) == (best["step"], best["score"])
    plot_curves(tmp_path / "parts", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_command_trains(folder, tmp_path, capsys):
    sizes = "--steps 2 --width 16 --layers 1 --batch 1 --hops 8 --judge-every 2 --device cpu"
    material = ["--songs", str(folder), "--validation", str(folder)]
    assert main(["train", "learn", str(tmp_path / "run"), *material, *sizes.split()]) == 0
    assert "3 songs and 0 recordings, 0.0 hours; 3 validation clips" in capsys.readouterr().out
    assert load_network(tmp_path / "run" / "best.pt").shape == Shape(16, 1)


def test_lookahead_masks_an_earlier_hop(network):
    """The spectra of the hop `lookahead` hops back, with the masks of the newest hop."""
    ahead = Network(replace(SMALL, lookahead=2)).eval()
    ahead.load_state_dict(network.state_dict())
    whole = spectra(6, 2, 7, BINS)
    memory, past = torch.zeros(SMALL.state), torch.zeros(2, 2, BINS, 2)
    kept = memory
    for index in range(7):
        newest = torch.view_as_real(whole[:, index].contiguous())
        now, kept = StreamingStep(network)(newest, kept)
        later, memory, past = StreamingStep(ahead)(newest, memory, past)
        masks = torch.view_as_complex(now) / whole[None, :, index]
        before = whole[None, :, index - 2] if index >= 2 else torch.zeros_like(whole[None, :, 0])
        assert torch.allclose(torch.view_as_complex(later), masks * before, atol=1e-4)
