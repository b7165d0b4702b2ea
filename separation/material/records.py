"""Training recordings from Debian packages: `stemfield train records OUT`.

Most of them have no stems; they are instrumental, so a voice mixed with one makes a professionally produced song with
known vocals. A few have separate guitars. The packages are installed, or unpacked below a folder.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.music.parallel import parallel_map

ACCOMPANIMENT = "bass+drums+other"


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package with music."""

    name: str
    licence: str
    attribution: str
    pattern: str
    """Glob pattern of the audio files or archives below the root."""
    excluded: tuple[str, ...] = ()
    """Titles with vocals, or duplicates."""
    held_out: bool = False


_GAMES = "usr/share/games"
PACKAGES = (
    Package("nexuiz-music", "GPL-2+", "Alientrap and the musicians of Nexuiz", f"{_GAMES}/nexuiz/data/music.pk3",
            ("beast-of-insanity", "thunder")),
    Package("openarena-088-data", "GPL-2+", "the OpenArena team", f"{_GAMES}/openarena/baseoa/pak6-patch088.pk3"),
    Package("supertuxkart-data", "CC BY-SA 3.0, CC BY-SA 4.0 and GPL-2+",
            "0zone0ne, bollen, Dundersylt, DJHelium, GeekPenguinBR, Heuchi1, Kalsan, Keith Baylis, Krobonil,"
            " Speedsound, Weirwood and others", f"{_GAMES}/supertuxkart/data/music/*.ogg", ("theGreatFair",)),
    Package("naev-data", "GPL-2+, GPL-3, CC BY 3.0 and CC BY-SA 3.0",
            "Askyel, Nikola Whallon, Vega Strike, Zeropage and others", "usr/share/naev/dat/snd/music/*.ogg",
            ("pirates_orchestra",)),
    Package("freedroidrpg-data", "GPL-2+", "the FreedroidRPG team", "usr/share/freedroidrpg/data/sound/music/*.ogg"),
    Package("singularity-music", "CC BY-SA 3.0", "Max McCracken", f"{_GAMES}/singularity/music/**/*.ogg"),
    Package("colobot-common-sounds", "GPL-3+", "Daniel Roux, Epsitec SA and TerranovaTeam",
            f"{_GAMES}/colobot/music/*.ogg", ("Proton", "music004")),
    Package("hyperrogue-music", "CC BY-SA 3.0", "Shawn Parrotte, Lincoln Domina and Will Savino",
            "usr/share/hyperrogue/music/*.ogg", ("hr-domina-mountain",)),
    Package("megaglest-data", "CC BY-SA 3.0", "the MegaGlest team, Mattias Westlund, Aminos, Margaras and Manolo Camp",
            f"{_GAMES}/megaglest/**/music/*.ogg", ("asak-jadeflange",)),
    Package("flare-game", "CC BY-SA 3.0", "Clint Bellanger, Brandon Morris and others",
            f"{_GAMES}/flare/mods/fantasycore/music/*.ogg"),
    Package("warzone2100-music", "GPL-2+", "the Warzone 2100 project", f"{_GAMES}/warzone2100/music/**/*.opus",
            ("track3_enhanced",)),
    Package("fretsonfire-songs-muldjord", "CC BY-SA 3.0", "El Senator of Muldjord",
            f"{_GAMES}/fretsonfire/data/songs/muldjord/*/guitar.ogg"),
    Package("fretsonfire-songs-sectoid", "MIT", "Carlos Viola Iborra",
            f"{_GAMES}/fretsonfire/data/songs/sectoid/*/guitar.ogg"),
    Package("xmoto-data", "GPL-2+", "the X-Moto team", "usr/share/games/xmoto/Textures/Musics/*.ogg", held_out=True),
    Package("extremetuxracer-data", "GPL-2+", "the Extreme Tux Racer team", f"{_GAMES}/etr/music/*.ogg",
            ("calmrace-ks",), held_out=True),
    Package("torcs-data", "GPL-2+", "the TORCS team", f"{_GAMES}/torcs/data/music/*.ogg", held_out=True),
)  # fmt: skip

MIN_LENGTH_S = 40.0


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording with an audio file for each of its known parts."""

    name: str
    parts: tuple[tuple[str, Path, str], ...]
    """Stems in the part, such as `bass+drums+other`; its file; and the member, if the file is an archive."""


def credits_of(*, held_out: bool = False) -> list[str]:
    """Credits of the packages for a model card, one line each."""
    return [f"{package.attribution}: {package.licence} (Debian package {package.name})"
            for package in PACKAGES if package.held_out == held_out]  # fmt: skip


def find_recordings(root: Path, *, held_out: bool) -> Iterator[Recording]:
    """Recordings below a root, in a fixed order."""
    for package in PACKAGES:
        if package.held_out != held_out:
            continue
        for path in sorted({*root.glob(package.pattern), *root.glob(f"{package.name}/{package.pattern}")}):
            if path.name == "guitar.ogg":
                song = path.with_name("song.ogg")
                parts = (("other", path, ""), ("vocals+bass+drums", song, ""))
                yield Recording(f"{package.name}-{path.parent.name}", parts)
                continue
            members = [""] if path.suffix != ".pk3" else sorted(
                name for name in zipfile.ZipFile(path).namelist() if name.endswith(".ogg") and "/player/" not in name
            )  # fmt: skip
            for member in members:
                title = Path(member or path.name).stem
                if title not in package.excluded and not title.endswith("_fast"):
                    yield Recording(f"{package.name}-{title}", ((ACCOMPANIMENT, path, member),))


def write_recording(recording: Recording, out: Path, seconds: float) -> bool:
    """Write the middle of a recording as a folder of FLAC files; returns False if it is too short or not stereo."""
    sounds: dict[str, tuple[np.ndarray, int]] = {}
    for name, path, member in recording.parts:
        data: Path | io.BytesIO = path
        if member:
            with zipfile.ZipFile(path) as archive:
                data = io.BytesIO(archive.read(member))
        with soundfile.SoundFile(data) as file:
            if file.frames < MIN_LENGTH_S * file.samplerate or file.channels != 2:
                return False
            # recordings with separate parts are kept in full
            frames = min(file.frames, int((seconds if len(recording.parts) == 1 else 600.0) * file.samplerate))
            file.seek((file.frames - frames) // 2)
            sounds[name] = file.read(frames, dtype="float32"), file.samplerate
    unfinished = out / f".{recording.name}"
    unfinished.mkdir(parents=True, exist_ok=True)
    for name, (sound, rate_hz) in sounds.items():
        converted = soxr.resample(sound, rate_hz, RATE_HZ)
        soundfile.write(unfinished / f"{name}.flac", np.clip(converted, -1.0, 1.0), RATE_HZ, subtype="PCM_16")
    unfinished.rename(out / recording.name)
    return True


def run(chosen: argparse.Namespace) -> None:
    """Write all recordings that do not exist yet, with the options of `stemfield train records`.

    Raises:
        ValueError: none of the packages was found.
    """
    out: Path = chosen.out
    found = list(find_recordings(chosen.root, held_out=chosen.held_out))
    if not found:
        names = ", ".join(package.name for package in PACKAGES if package.held_out == chosen.held_out)
        raise ValueError(f"{chosen.root}: expected music of the Debian packages {names}, got none")
    out.mkdir(parents=True, exist_ok=True)
    recipe: Mapping[str, object] = {"seed": None, "credits": credits_of(held_out=chosen.held_out)}
    (out / "recipe.json").write_text(json.dumps(recipe, indent=1))
    missing = [recording for recording in found if not (out / recording.name).exists()]
    write = functools.partial(write_recording, out=out, seconds=chosen.seconds)
    for _ in parallel_map("recordings", chosen.processes, write, missing):
        pass
    print(f"{len([*out.glob('[!.]*/')])} recordings in {out}")
