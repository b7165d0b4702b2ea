"""Training: the loss, resuming of a run, and equality of the exported model and the network."""

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from stemfield.control.cli.main import main
from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.card_parts import Chunk
from stemfield.separation.evaluation.evaluate import si_sdr
from stemfield.separation.training import batches, dataset, validation
from stemfield.separation.training import export as export_module
from stemfield.separation.training.augmentation import Augmentation
from stemfield.separation.training.continuation import network_of_model, networks_of_model
from stemfield.separation.training.export import Provenance, check, export, streaming_error
from stemfield.separation.training.fit import Plan, Run, fit
from stemfield.separation.training.loss import LossWeights, loss, loss_inputs
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.optimiser import orthogonalise
from stemfield.separation.training.release import plot_curves, release
from stemfield.separation.training.self_training import pseudo_labelled
from stemfield.separation.training.spectrum import BINS, features, istft, pool, stft, unpool
from stemfield.separation.training.streaming_step import Ensemble, StreamingStep
from stemfield.separation.training.weights import load_network

RATE_HZ = 44100
SMALL = Shape(width=16, layers=2)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three songs whose stems are easy to tell apart."""
    root = tmp_path_factory.mktemp("songs")
    for number in range(3):
        random = np.random.default_rng(number)
        time = np.arange(2 * RATE_HZ) / RATE_HZ
        stems = {
            "vocals": np.sin(2 * np.pi * 700 * time + 3 * np.sin(2 * np.pi * 5 * time)),
            "bass": np.sin(2 * np.pi * (60 + 10 * number) * time),
            "drums": random.standard_normal(len(time)) * np.exp(-12 * (time % 0.5)),
            "other": np.sin(2 * np.pi * (2000 + 300 * number) * time),
        }
        place = root / f"{number}"
        place.mkdir()
        for index, (name, sound) in enumerate(stems.items()):
            both = np.stack([sound, (0.4 + 0.2 * index) * sound], axis=1)
            soundfile.write(place / f"{name}.wav", 0.2 * both, RATE_HZ, subtype="PCM_16")
    return root


@pytest.fixture(scope="module")
def library(folder):
    return dataset.SongDataset([folder])


@pytest.fixture(scope="module")
def plan():
    return Plan(steps=6, shape=SMALL, batch=2, hops=12, validate_every=3, warm_up=2)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(4)
    return Network(SMALL).eval()


@pytest.fixture(scope="module", params=[0, 2], ids=["at once", "looking ahead"])
def exported(request, tmp_path_factory):
    torch.manual_seed(4)
    network = Network(replace(SMALL, lookahead=request.param)).eval()
    place = tmp_path_factory.mktemp("models") / "toy"
    score = {"data": "toy", "clips": 1, "stem": "vocals", "measure": "si_sdr", "value_db": 1.5}
    card = export(network, place, Provenance("toy", "A toy", "Apache-2.0", ("nobody",), "Nothing.", (score,)))
    return network, card


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    """The same songs, two of them as instrumental recordings, one with only the bass separate."""
    root = tmp_path_factory.mktemp("records")
    for number, parts in enumerate(
        (("bass", "drums", "other"), ("bass", "drums", "other"), ("vocals", "drums", "other"))
    ):
        sounds = {
            name: soundfile.read(folder / f"{number}" / f"{name}.wav", dtype="int16")[0] for name in dataset.STEMS
        }
        place = root / f"record{number}"
        place.mkdir()
        soundfile.write(place / f"{'+'.join(parts)}.flac", sum(sounds[name] for name in parts), RATE_HZ)
    soundfile.write(place / "bass.flac", sounds["bass"], RATE_HZ)
    return root


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


def test_batches_are_reproducible(library):
    first, again = (batches.make_batch(library, 3, 10, np.random.default_rng(8), Augmentation()) for _ in range(2))
    assert torch.equal(first.spectra, again.spectra)
    assert first.spectra.shape == (3, 4, 2, 10, BINS)
    assert first.spectra.isfinite().all()
    assert torch.equal(first.groups, torch.eye(4).expand(3, 4, 4))
    voice = Augmentation(same_song=0.0, vocals_only=1.0, absent=(0.0,) * 4, noisy=0.0)
    assert batches.make_batch(library, 2, 10, np.random.default_rng(8), voice).spectra[:, 1:].abs().max() == 0.0


def test_speed_augmentation_shifts_the_pitch(library):
    """The frequencies of the tones in the other stem lie within the range of speeds, and vary."""
    nothing = dict.fromkeys(
        ("same_song", "partial", "vocals_only", "equalised", "reverberant", "compressed", "mono", "low_passed"), 0.0
    )
    plain = Augmentation(**nothing, absent=(1.0, 1.0, 1.0, 0.0), spread_db=0.0, doubled=(0.0,) * 4, speed=1.0)
    found = batches.make_batch(library, 8, 20, np.random.default_rng(3), plain).spectra[:, 3].abs().mean((1, 2))
    hz = found.argmax(-1) * RATE_HZ / 2048
    reach = 2.0**batches.SPEED_OCTAVES
    assert ((hz > 2000 / reach - 30) & (hz < 2600 * reach + 30)).all()
    assert len(set(hz.tolist())) > 3


def test_missing_stems_are_added_to_a_recording_and_its_loss_is_of_the_sum(folder, records):
    library = dataset.SongDataset([folder, records])
    assert (len(library.complete), len(library.partial)) == (3, 3)
    mixed = batches.make_batch(library, 16, 10, np.random.default_rng(4), Augmentation(partial=1.0, absent=(0.0,) * 4))
    kinds = {tuple(map(tuple, groups.int().tolist())) for groups in mixed.groups}
    instrumental = ((1, 0, 0, 0), (0, 1, 1, 1), (0, 0, 0, 0), (0, 0, 0, 0))
    without_bass = ((1, 0, 1, 1), (0, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert kinds == {instrumental, without_bass}
    for spectra, groups in zip(mixed.spectra, mixed.groups, strict=True):
        power = spectra.abs().square().mean((1, 2, 3))
        assert ((power > 0) == (groups.sum(1) > 0)).all()
    batch = loss_inputs(mixed)
    share = torch.rand(16, 10, 4, 2, 512)
    masks = share / share.sum(2, keepdim=True)
    other = masks.clone()
    for example, groups in enumerate(mixed.groups):
        members = groups[0 if groups[0].sum() > 1 else 1].nonzero().flatten()
        other[example][:, members] = masks[example][:, members.roll(1)]
    assert torch.allclose(loss(masks, batch, LossWeights()), loss(other, batch, LossWeights())), (
        "inside a group all is one"
    )
    assert not torch.allclose(loss(masks, batch, LossWeights()), loss(masks.roll(1, 2), batch, LossWeights()))


def test_pseudo_labels_make_new_mixtures_of_the_same_sound(folder, records, network):
    library = dataset.SongDataset([folder, records])
    mixed = batches.make_batch(library, 16, 10, np.random.default_rng(4), Augmentation(partial=1.0, absent=(0.0,) * 4))
    labelled = pseudo_labelled(mixed, network, 1.0, np.random.default_rng(1))
    instrumental = mixed.groups[:, 1].sum(-1) == 3
    assert 0 < instrumental.sum() < 16
    assert torch.equal(labelled.spectra[~instrumental], mixed.spectra[~instrumental])
    assert torch.equal(labelled.groups[instrumental], torch.eye(4).expand(int(instrumental.sum()), 4, 4))
    assert torch.equal(labelled.spectra[instrumental, 0], mixed.spectra[instrumental, 0])
    before, after = (one.spectra[instrumental].sum((0, 1)) for one in (mixed, labelled))
    assert torch.allclose(before, after, atol=1e-5), "nothing is lost or added over all records"


def test_delayed_masks_are_compared_with_their_hop():
    stems = spectra(9, 1, 4, 2, 6, BINS)
    batch = loss_inputs(examples(stems))
    masks = torch.rand(1, 6, 4, 2, 512)
    late = torch.cat([torch.rand(1, 2, 4, 2, 512), masks[:, :4]], 1)
    first = loss_inputs(examples(stems[:, :, :, :4]))
    assert torch.allclose(loss(late, batch, LossWeights(), 2), loss(masks[:, :4], first, LossWeights()))


def test_problems_of_songs_are_listed(folder, tmp_path):
    with pytest.raises(ValueError, match="no songs in"):
        dataset.find_songs([tmp_path])
    for name, files in {
        "broken": ("vocals",),
        "double": ("bass+drums", "bass", "other"),
        "records": ("bass+drums+other",),
    }.items():
        (tmp_path / name).mkdir()
        for file in files:
            soundfile.write(tmp_path / name / f"{file}.wav", np.zeros((100, 2)), RATE_HZ)
    soundfile.write(tmp_path / "records" / "vocals.wav", np.zeros((100, 2)), 48000)
    with pytest.raises(
        ValueError, match=r"broken: no file with bass, drums, other.*double: bass in more.*got 44100, 48000 Hz"
    ):
        dataset.find_songs([folder, tmp_path])
    shutil.rmtree(tmp_path / "broken")
    shutil.rmtree(tmp_path / "double")
    (tmp_path / "records" / "vocals.wav").unlink()
    with pytest.raises(ValueError, match="expected songs with separate vocals, bass, drums, other, got none"):
        dataset.SongDataset([tmp_path])


def test_a_folder_that_is_given_twice_is_used_twice_as_often(folder, records):
    library = dataset.SongDataset([folder, records, records])
    assert (len(library.complete), len(library.partial)) == (3, 6)
    assert (library.summary["songs"], library.summary["records"]) == (3, 3)
    assert library.hours == pytest.approx(dataset.SongDataset([folder, records]).hours)


def test_stems_that_a_recording_has_alone_are_remixed_too(folder, records):
    library = dataset.SongDataset([folder, records])
    assert [len(alone) for alone in library.alone] == [3, 4, 3, 3]
    song, group = library.alone[1][-1]
    assert song.groups[group] == (1,)


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


def test_new_songs_are_added(folder, tmp_path):
    shutil.copytree(folder / "0", tmp_path / "0")
    library = dataset.SongDataset([tmp_path], watch_s=0.05)
    try:
        shutil.copytree(folder / "1", tmp_path / ".1")
        time.sleep(0.3)
        library.add_new_songs()
        assert len(library.complete) == 1, "a hidden folder is not finished"
        (tmp_path / ".1").rename(tmp_path / "1")
        for _ in range(100):
            library.add_new_songs()
            if len(library.complete) == 2:
                break
            time.sleep(0.05)
        assert len(library.complete) == 2
    finally:
        library.close()


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


def test_clips_know_their_stems(folder, tmp_path):
    for name in ("BassDrums30", "Guitar", "leadvocals", "mixture"):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * np.random.default_rng(1).standard_normal((4000, 2)), 48000)
    (clip,) = validation.load_clips([tmp_path])
    assert set(clip.stems) == {"bass+drums", "other", "vocals"}
    assert np.abs(clip.mixture).max() == pytest.approx(0.9, rel=1e-5)
    stems = np.stack([clip.stems["vocals"], clip.stems["bass+drums"], 0 * clip.mixture, clip.stems["other"]])
    rows = validation.scores(clip, stems + 1e-4 * clip.mixture)
    assert rows["bass+drums"]["si_sdr"] > 60
    mixture_db = si_sdr(clip.stems["vocals"], clip.mixture)
    assert rows["vocals"]["si_sdr_improvement"] == pytest.approx(rows["vocals"]["si_sdr"] - mixture_db)


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
