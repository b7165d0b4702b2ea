"""Songs and recordings as training examples."""

import shutil
import time

import numpy as np
import pytest
import soundfile
import torch

from stemfield.separation.evaluation.evaluate import si_sdr
from stemfield.separation.training import batches, dataset, validation
from stemfield.separation.training.augmentation import Augmentation
from stemfield.separation.training.loss import LossWeights, loss, loss_inputs
from stemfield.separation.training.network import Shape
from stemfield.separation.training.self_training import pseudo_labelled
from stemfield.separation.training.spectrum import BINS

RATE_HZ = 44100
SMALL = Shape(width=16, layers=2)


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
