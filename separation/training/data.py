"""Training examples: excerpts of songs, remixed at random, on the device that learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemfield.separation.training.mixing import Remixing, coloured, mixed
from stemfield.separation.training.songs import STEMS, Library, Random, Song
from stemfield.separation.training.spectrum import STFT, spectra_of

SPEED_OCTAVES = 0.14
"""How much faster or slower a stem may play: one model serves 44.1 and 48 kHz."""
_BASE_DB = -22.0
_ALONE_DB = 8.0
"""Of all stems together, against the levels in `Remixing`."""


@dataclass(frozen=True, slots=True)
class Examples:
    """A batch."""

    spectra: Tensor
    """Complex, (batch, 4, channels, hops, 1025); their sum over the four is the mixture."""
    groups: Tensor
    """On the host, (batch, 4, 4): which stems (last axis) each of the four spectra holds, 0 or 1. The identity, where
    all stems are known apart; a row of zeros belongs to a spectrum that is silent and says nothing."""


@dataclass(slots=True)
class _Take:
    """An excerpt that plays in an example."""

    row: int
    sound: Tensor
    """int16, (2, frames), longer than needed."""
    speed: float
    late: int
    """Frames that the right side comes after the left."""
    matrix: NDArray[np.float32]
    """(2, 2), from sides to sides."""


def batch(library: Library, size: int, hops: int, random: Random, how: Remixing) -> Examples:
    """Remixed excerpts.

    Args:
        library: songs.
        size: how many examples.
        hops: their length.
        random: decides everything.
        how: they are made.
    """
    frames = (hops - 1) * STFT.hop + STFT.n_fft
    longest = int(frames * 2.0**SPEED_OCTAVES) + 2
    takes, groups = list[_Take](), torch.zeros(size, len(STEMS), len(STEMS))
    for number in range(size):
        rows, chosen = _choice(library, longest, random, how)
        for row, members in enumerate(rows):
            groups[number, row, list(members)] = 1.0
        for take in chosen:
            take.row += number * len(STEMS)
            takes.append(take)
    sound = _played(takes, frames)
    stems = sound.new_zeros(size * len(STEMS), 2, frames)
    stems.index_add_(0, torch.tensor([take.row for take in takes], device=sound.device), sound)
    stems = mixed(stems.view(size, len(STEMS), 2, frames), random, how)
    return Examples(coloured(spectra_of(stems), random, how), groups)


def against_the_rest(examples: Examples, instrument: str) -> Examples:
    """The same for a network that knows one instrument: its spectra and those of all else, (batch, 2, ...).

    Where the instrument is not known apart, everything is one.
    """
    own = examples.groups[:, :, STEMS.index(instrument)] > 0.0
    row = own.float().argmax(1)
    known = examples.groups[torch.arange(len(row)), row].sum(-1) == 1.0
    alone = (torch.nn.functional.one_hot(row, len(STEMS)) * known[:, None]).to(examples.spectra.device)
    mixture = examples.spectra.sum(1)
    apart = (examples.spectra * alone[:, :, None, None, None]).sum(1)
    groups = torch.where(known[:, None, None], torch.eye(2), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    return Examples(torch.stack([apart, mixture - apart], 1), groups)


def _choice(library: Library, frames: int, random: Random, how: Remixing) -> tuple[list[tuple[int, ...]], list[_Take]]:
    """What plays in one example: which stems each of its rows holds, and the excerpts."""
    rows: list[tuple[int, ...]] = [(stem,) for stem in range(len(STEMS))]
    takes: list[_Take] = []
    wanted = set(range(len(STEMS)))
    whole: Song | None = None
    if library.partial and random.random() < how.partial:
        whole = _any(library.partial, random)
    elif random.random() < how.together:
        whole = _any(library.complete, random)
    elif random.random() < how.alone:
        wanted = {0}
    if whole is not None:
        speed, start = _speed(random, how), whole.start(int(random.integers(len(whole.groups))), frames, random)
        loudness_db = 10.0 * np.log10(sum(10.0 ** (level / 10.0) for level in whole.levels_db))
        for group, members in enumerate(whole.groups):
            wanted -= set(members)
            rows[members[0]] = members
            for other in members[1:]:
                rows[other] = ()
            if len(members) == 1 and random.random() < how.absent[members[0]]:
                continue
            own = how.level_db[members[0]] if len(members) == 1 else _ALONE_DB
            # half what the song has it, half what records have it
            level_db = 0.5 * (whole.levels_db[group] - loudness_db + _ALONE_DB) + 0.5 * own
            takes.append(_take(whole, group, start, members[0], level_db, speed, frames, random, how))
    more = [(members[0], 5.0) for members in rows
            if len(members) == 1 and (members[0] in wanted or whole is not None)
            and random.random() < how.doubled[members[0]]]  # fmt: skip
    more += [(stem, 0.0) for stem in sorted(wanted) if random.random() >= how.absent[stem]]
    takes += [
        _from_anywhere(library, stem, how.level_db[stem] - less_db, frames, random, how) for stem, less_db in more
    ]
    return rows, takes


def _from_anywhere(library: Library, stem: int, level_db: float, frames: int, random: Random, how: Remixing) -> _Take:
    song = _any(library.complete, random)
    for _ in range(8):
        if song.audible[stem].any():
            break
        song = _any(library.complete, random)
    start = song.start(stem, frames, random)
    return _take(song, stem, start, stem, level_db, _speed(random, how), frames, random, how)


def _take(
    song: Song, group: int, start: int, row: int, level_db: float, speed: float, frames: int, random: Random,
    how: Remixing,
) -> _Take:  # fmt: skip
    gain_db = _BASE_DB + random.normal(level_db, how.spread_db) - max(song.levels_db[group], -60.0)
    late = int(random.integers(10, 600)) if row and random.random() < 0.12 else 0
    matrix = np.float32(10.0 ** (gain_db / 20.0)) * _placed(row, random)
    return _Take(row, song.excerpt(group, start, frames), speed, late, matrix)


def _placed(row: int, random: Random) -> NDArray[np.float32]:
    """(2, 2): sides swapped, width and balance changed."""
    width = 0.0 if random.random() < 0.1 else random.uniform(0.4, 1.5)
    balance = random.uniform(-0.3, 0.3) if random.random() < (0.4 if row == 3 else 0.15) else 0.0
    matrix = 0.5 * np.array([[1 + width, 1 - width], [1 - width, 1 + width]])
    if random.random() < 0.5:
        matrix = matrix[:, ::-1]
    return (np.array([[1 - balance], [1 + balance]]) * matrix).astype(np.float32)


def _any(songs: list[Song], random: Random) -> Song:
    return songs[int(random.integers(len(songs)))]


def _speed(random: Random, how: Remixing) -> float:
    return float(2.0 ** random.uniform(-SPEED_OCTAVES, SPEED_OCTAVES)) if random.random() < how.speed else 1.0


def _played(takes: list[_Take], frames: int) -> Tensor:
    """float32, (takes, 2, frames)."""
    raw = torch.stack([take.sound for take in takes])
    device = raw.device
    speed = torch.tensor([take.speed for take in takes], dtype=torch.float64, device=device)
    late = torch.tensor([[0, take.late] for take in takes], device=device)
    matrix = torch.from_numpy(np.stack([take.matrix for take in takes])).to(device)
    at = torch.arange(frames, device=device) * speed[:, None]
    below = at.long()
    part = (at - below).float()[:, None]
    place = (below[:, None] - late[..., None]).clamp_min(0)
    before, after = (raw.gather(-1, where).float() for where in (place, place + 1))
    return matrix @ ((before + part * (after - before)) / 32768.0)
