"""MIDI arrangements as songs with true stems: `stemfield train arrangements OUT --midi DIR --voices VOICES`.

Each piece is cut into excerpts, and each excerpt is played by other instruments. A part in the range of a voice is
often sung instead, so that vocals have the harmony and rhythm of the accompaniment.
"""

from __future__ import annotations

import argparse
import functools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemfield.separation.material.collection import LeftOut, Outcome, collect
from stemfield.separation.music.arrangement_synthesis import synthesise
from stemfield.separation.music.arrangements import excerpt, starts_s
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.music.midi import MidiError, MidiNote, read_midi
from stemfield.separation.music.sources import Source, other_commits, recordings
from stemfield.separation.music.studio import Studio, find_studio, synthesiser_of
from stemfield.separation.music.synthesis import write_song

KIND = "arrangement"
PACKAGE = Source(KIND, "openttd-openmsx", "", "GPL-2", "the OpenMSX musicians (Debian package)")
_PACKAGE_FOLDER = "usr/share/games/openttd/baseset/openmsx"
MIN_NOTES = 60
"""Least notes of an excerpt."""


@dataclass(frozen=True, slots=True)
class ArrangedSong:
    """An excerpt to be played."""

    name: str
    path: Path
    start_s: float
    seconds: float
    seed: int
    out: Path


def find_arrangements(root: Path) -> Iterator[tuple[Source, Path]]:
    """MIDI files below a folder of repositories, or of unpacked Debian packages, in a fixed order."""
    yield from recordings(root, KIND, held_out=False, suffixes=(".mid",))
    for folder in (root / _PACKAGE_FOLDER, root / PACKAGE.repository / _PACKAGE_FOLDER):
        for path in sorted(folder.glob("*.mid")):
            yield PACKAGE, path


_studio: Studio


def _begin(studio: Studio) -> None:
    global _studio
    _studio = studio


def write_arranged(job: ArrangedSong) -> Outcome:
    """Play and write an excerpt."""
    arrangement = excerpt(_notes(job.path), job.start_s, job.seconds)
    parts = (*arrangement.basses, *arrangement.others)
    count = len(arrangement.drums) + sum(len(part.notes) for part in parts)
    if count < MIN_NOTES:
        return Outcome(0.0, {}, (LeftOut(job.name, f"expected at least {MIN_NOTES} notes, got {count}"),))
    random = np.random.default_rng([job.seed, zlib.crc32(job.name.encode())])
    stems = synthesise(synthesiser_of(_studio), arrangement, random)
    write_song(stems, job.out / job.name)
    return Outcome(stems.shape[2] / RATE_HZ, {})


def run(chosen: argparse.Namespace) -> None:
    """Write all excerpts that do not exist yet.

    Args:
        chosen: options of `stemfield train arrangements`.

    Raises:
        ValueError: no MIDI files or no voices were found.
    """
    left_out = [LeftOut(*pair) for root in chosen.midi for pair in other_commits(root, (KIND,)).items()]
    found = {path: source for root in chosen.midi for source, path in find_arrangements(root)}
    if not found:
        reasons = ", ".join(map(str, left_out)) or "got none"
        places = ", ".join(map(str, chosen.midi))
        raise ValueError(f"{places}: expected arrangements listed in sources.py, or of {PACKAGE.repository}: {reasons}")
    studio = find_studio(chosen)
    left_out += [LeftOut(*pair) for pair in studio.left_out.items()]
    jobs: dict[str, ArrangedSong] = {}
    for path, source in found.items():
        title = f"{source.repository.split('/')[-1]}-{path.stem}"
        try:
            starts = starts_s(read_midi(path), chosen.seconds)
        except (MidiError, OSError) as error:
            left_out.append(LeftOut(title, str(error)))
            continue
        for number, start_s in enumerate(starts[: chosen.excerpts]):
            name = f"{title}-{number}"
            jobs[name] = ArrangedSong(name, path, start_s, chosen.seconds, chosen.seed, chosen.out)
    credits_ = [*studio.credits, *(f"{one.attribution}: {one.licence} ({one.repository})" for one in found.values())]
    collect(
        chosen.out,
        write_arranged,
        jobs,
        f"MIDI arrangements, played and sung (seed {chosen.seed})",
        list(dict.fromkeys(credits_)),
        left_out=left_out,
        processes=chosen.processes,
        begin=_begin,
        arguments=(studio,),
    )


@functools.lru_cache(maxsize=4)
def _notes(path: Path) -> tuple[MidiNote, ...]:
    return read_midi(path)
