"""Everything that a process needs to play songs: voices, recorded instruments, soundfonts, performances."""

from __future__ import annotations

import argparse
import functools
from dataclasses import dataclass, field
from pathlib import Path

from stemfield.separation.music import voices
from stemfield.separation.music.performances import Performances
from stemfield.separation.music.soundfonts import DEBIAN, Soundfonts
from stemfield.separation.music.sources import RECORDED, Source, credits_of, other_commits, recordings, speaker
from stemfield.separation.music.stem_synthesis import Instruments, StemSynthesiser, find_instruments
from stemfield.separation.music.voicebanks import read_syllables
from stemfield.separation.music.voices import Recorded, VoiceBank


@dataclass(frozen=True, eq=False)
class Studio:
    """Voices and instruments, as files, so that it can be sent to other processes."""

    store: Path
    """Analysed voices."""
    recorded: Instruments
    soundfonts: tuple[Path, ...]
    songs: tuple[Path, ...]
    """Recordings of singing for validation."""
    performances: tuple[Path, ...]
    credits: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """What was found but cannot be used, and why."""


def find_studio(chosen: argparse.Namespace) -> Studio:
    """Find voices and instruments, and analyse the voices.

    Args:
        chosen: options of the command: `out`, `voices`, `instruments`, `soundfont`, `no_soundfonts`, `held_out`,
            `processes`.

    Raises:
        ValueError: no voices were found.
    """
    held_out: bool = chosen.held_out
    fonts = chosen.soundfont or [path for path in DEBIAN if path.exists()]
    chosen.out.mkdir(parents=True, exist_ok=True)
    store = chosen.out / ("voices-held-out.npz" if held_out else "voices.npz")
    voice_bank(chosen.voices, store, held_out=held_out, processes=chosen.processes)
    songs = [path for _, path in recordings(chosen.voices, "singing", held_out=True)] if held_out else []
    roots = [chosen.voices, *([chosen.instruments] if chosen.instruments else [])]
    played = {path: source for root in roots
              for source, path in recordings(root, "performance", held_out=held_out, suffixes=(".mid",))}  # fmt: skip
    kinds = (*RECORDED, "performance", "sung")
    left_out = {name: why for root in roots for name, why in other_commits(root, kinds).items()}
    _, unusable, singers = sung_recordings(chosen.voices, held_out=held_out)
    return Studio(
        store,
        find_instruments(chosen.instruments, held_out=held_out),
        () if chosen.no_soundfonts else tuple(fonts),
        tuple(songs),
        tuple(played),
        credits_of(also=(*singers, *played.values())),
        left_out | unusable,
    )


def voice_bank(folder: Path, store: Path, *, held_out: bool, processes: int) -> VoiceBank:
    """Voice bank of a folder of recordings of speech and singing, cached in a file.

    Raises:
        ValueError: the folder has no voices that are listed in `sources`.
    """
    if not store.exists():
        said = [Recorded(speaker(source, path), path)
                for source, path in recordings(folder, "speech", held_out=held_out)]  # fmt: skip
        said += sung_recordings(folder, held_out=held_out)[0]
        if not said:
            raise ValueError(f"{folder}: expected voices listed in sources.py, in folders named owner+name, got none")
        voices.build(said, processes).save(store)
    return VoiceBank.load(store)


def sung_recordings(folder: Path, *, held_out: bool) -> tuple[list[Recorded], dict[str, str], list[Source]]:
    """Recordings of the voicebanks below a folder, what of them was left out and why, and their sources."""
    found, left_out, sources = list[Recorded](), dict[str, str](), list[Source]()
    banks: dict[tuple[Source, Path], list[Path]] = {}
    for source, path in recordings(folder, "sung", held_out=held_out):
        banks.setdefault((source, path.parent), []).append(path)
    for (source, place), paths in banks.items():
        if not (place / "oto.ini").exists():
            left_out[f"{source.repository}/{place.name}"] = "expected an oto.ini with its syllables, got none"
            continue
        syllables, problems = read_syllables(place, paths)
        left_out |= {f"{source.repository}/{line.partition(': ')[0]}": line.partition(": ")[2] for line in problems}
        sources.append(source)
        found += [Recorded(source.folder, path, tuple((one.start_s, one.vowel_s, one.end_s) for one in inside))
                  for path, inside in syllables.items()]  # fmt: skip
    return found, left_out, sources


@functools.lru_cache(maxsize=1)
def synthesiser_of(studio: Studio) -> StemSynthesiser:
    """The players of a studio, loaded once in each process."""
    fonts = Soundfonts(studio.soundfonts) if studio.soundfonts else None
    performances = Performances(studio.performances)
    return StemSynthesiser(VoiceBank.load(studio.store), studio.recorded, fonts, studio.songs, performances)
