"""Training batches: excerpts of songs, randomly remixed and augmented on the training device, at the model's level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemfield.separation.training.augmentation import Augmentation, augment_spectra, augment_waveforms
from stemfield.separation.training.dataset import STEMS, Random, Song, SongDataset
from stemfield.separation.training.level import at_level
from stemfield.separation.training.spectrum import STFT, stft

SPEED_OCTAVES = 0.14
"""Range of the speed augmentation, which makes one model work at 44.1 and 48 kHz."""
_BASE_DB = -22.0
_MIXTURE_DB = 8.0
"""Level of the mixture relative to the levels in `Augmentation`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of examples."""

    spectra: Tensor
    """Complex, (batch, 4, channels, hops, 1025); the sum over the four is the mixture."""
    groups: Tensor
    """On the CPU, (batch, 4, 4): which stems (last axis) each of the four spectra contains, 0 or 1. The identity if all
    stems are known separately; a row of zeros marks an unused, silent spectrum."""


@dataclass(slots=True)
class _Excerpt:
    """An excerpt used in an example."""

    row: int
    sound: Tensor
    """int16, (2, frames), longer than needed."""
    speed: float
    delay: int
    """Delay of the right channel in frames."""
    matrix: NDArray[np.float32]
    """Stereo mixing matrix, (2, 2)."""


def make_batch(
    dataset: SongDataset, size: int, hops: int, random: Random, config: Augmentation, direction: str = "live"
) -> Batch:
    """Make a batch of a number of remixed excerpts, each of a length in hops, as a network of a direction hears it."""
    frames = (hops - 1) * STFT.hop + STFT.n_fft
    longest = int(frames * 2.0**SPEED_OCTAVES) + 2
    excerpts, groups = list[_Excerpt](), torch.zeros(size, len(STEMS), len(STEMS))
    for number in range(size):
        rows, chosen = _choose(dataset, longest, random, config)
        for row, members in enumerate(rows):
            groups[number, row, list(members)] = 1.0
        for excerpt in chosen:
            excerpt.row += number * len(STEMS)
            excerpts.append(excerpt)
    sound = _render(excerpts, frames)
    stems = sound.new_zeros(size * len(STEMS), 2, frames)
    stems.index_add_(0, torch.tensor([excerpt.row for excerpt in excerpts], device=sound.device), sound)
    stems = augment_waveforms(stems.view(size, len(STEMS), 2, frames), random, config, groups)
    whole = direction != "live"
    spectra = at_level(augment_spectra(stft(stems, symmetric=whole), random, config), two_sided=whole)
    return Batch(spectra.flip(3) if direction == "backward" else spectra, groups)


def one_versus_rest(examples: Batch, instrument: str) -> Batch:
    """The batch for a network of one instrument: spectra of the instrument and of the rest, (batch, 2, ...).

    Where the instrument is not known separately, everything is one group.
    """
    own = examples.groups[:, :, STEMS.index(instrument)] > 0.0
    row = own.float().argmax(1)
    known = examples.groups[torch.arange(len(row)), row].sum(-1) == 1.0
    selected = (torch.nn.functional.one_hot(row, len(STEMS)) * known[:, None]).to(examples.spectra.device)
    mixture = examples.spectra.sum(1)
    target = (examples.spectra * selected[:, :, None, None, None]).sum(1)
    groups = torch.where(known[:, None, None], torch.eye(2), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    return Batch(torch.stack([target, mixture - target], 1), groups)


def _choose(
    dataset: SongDataset, frames: int, random: Random, config: Augmentation
) -> tuple[list[tuple[int, ...]], list[_Excerpt]]:
    """Choose the content of an example: the stems in each of its rows, and the excerpts."""
    rows: list[tuple[int, ...]] = [(stem,) for stem in range(len(STEMS))]
    excerpts: list[_Excerpt] = []
    missing = set(range(len(STEMS)))
    whole: Song | None = None
    if dataset.partial and random.random() < config.partial:
        whole = _random_song(dataset.partial, random)
    elif random.random() < config.same_song:
        whole = _random_song(dataset.complete, random)
    elif random.random() < config.vocals_only:
        missing = {0}
    if whole is not None:
        speed = _random_speed(random, config)
        start = whole.start(int(random.integers(len(whole.groups))), frames, random)
        loudness_db = 10.0 * np.log10(sum(10.0 ** (level / 10.0) for level in whole.levels_db))
        for group, members in enumerate(whole.groups):
            missing -= set(members)
            rows[members[0]] = members
            for other in members[1:]:
                rows[other] = ()
            if len(members) == 1 and random.random() < config.absent[members[0]]:
                continue
            typical_db = config.level_db[members[0]] if len(members) == 1 else _MIXTURE_DB
            # the average of the level in the song and the typical level
            level_db = 0.5 * (whole.levels_db[group] - loudness_db + _MIXTURE_DB) + 0.5 * typical_db
            excerpts.append(_make_excerpt(whole, group, start, members[0], level_db, speed, frames, random, config))
    more = [(members[0], 5.0) for members in rows
            if len(members) == 1 and (members[0] in missing or whole is not None)
            and random.random() < config.doubled[members[0]]]  # fmt: skip
    more += [(stem, 0.0) for stem in sorted(missing) if random.random() >= config.absent[stem]]
    added = (
        _random_excerpt(dataset, stem, config.level_db[stem] - less_db, frames, random, config)
        for stem, less_db in more
    )
    return rows, [*excerpts, *filter(None, added)]


def _random_excerpt(
    dataset: SongDataset, stem: int, level_db: float, frames: int, random: Random, config: Augmentation
) -> _Excerpt | None:
    """An excerpt of any song that has the stem separately; None if no song does."""
    alone = dataset.alone[stem]
    if not alone:
        return None
    song, group = alone[int(random.integers(len(alone)))]
    start = song.start(group, frames, random)
    return _make_excerpt(song, group, start, stem, level_db, _random_speed(random, config), frames, random, config)


def _make_excerpt(
    song: Song, group: int, start: int, row: int, level_db: float, speed: float, frames: int, random: Random,
    config: Augmentation,
) -> _Excerpt:  # fmt: skip
    gain_db = _BASE_DB + random.normal(level_db, config.spread_db) - max(song.levels_db[group], -60.0)
    delay = int(random.integers(10, 600)) if row and random.random() < 0.12 else 0
    matrix = np.float32(10.0 ** (gain_db / 20.0)) * _stereo_matrix(row, random)
    return _Excerpt(row, song.excerpt(group, start, frames), speed, delay, matrix)


def _stereo_matrix(row: int, random: Random) -> NDArray[np.float32]:
    """Random mixing matrix, (2, 2), that swaps channels and changes width and balance."""
    width = 0.0 if random.random() < 0.1 else random.uniform(0.4, 1.5)
    balance = random.uniform(-0.3, 0.3) if random.random() < (0.4 if row == 3 else 0.15) else 0.0
    matrix = 0.5 * np.array([[1 + width, 1 - width], [1 - width, 1 + width]])
    if random.random() < 0.5:
        matrix = matrix[:, ::-1]
    return (np.array([[1 - balance], [1 + balance]]) * matrix).astype(np.float32)


def _random_song(songs: list[Song], random: Random) -> Song:
    return songs[int(random.integers(len(songs)))]


def _random_speed(random: Random, config: Augmentation) -> float:
    return float(2.0 ** random.uniform(-SPEED_OCTAVES, SPEED_OCTAVES)) if random.random() < config.speed else 1.0


def _render(excerpts: list[_Excerpt], frames: int) -> Tensor:
    """Apply speed, delay and matrix; float32, (excerpts, 2, frames)."""
    raw = torch.stack([excerpt.sound for excerpt in excerpts])
    device = raw.device
    speed = torch.tensor([excerpt.speed for excerpt in excerpts], dtype=torch.float64, device=device)
    delay = torch.tensor([[0, excerpt.delay] for excerpt in excerpts], device=device)
    matrix = torch.from_numpy(np.stack([excerpt.matrix for excerpt in excerpts])).to(device)
    at = torch.arange(frames, device=device) * speed[:, None]
    below = at.long()
    part = (at - below).float()[:, None]
    index = (below[:, None] - delay[..., None]).clamp_min(0)
    before, after = (raw.gather(-1, where).float() for where in (index, index + 1))
    return matrix @ ((before + part * (after - before)) / 32768.0)
