"""Songs with named stems, as their producers released them: `stemfield train multitracks OUT --root DIR`.

The stems of `ichbinsoftware/everythingisremixed` are AAC at 48 kHz in `.m4a` files, decoded by PyAV (the extra
`multitracks`), each in full and as `_mobile` version at 24 kHz. Their names say what they are. Two songs have a bass of
its own and are held out as development set; in the others, pads and synthesisers play the bass too, so bass and other
are one group.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from stemfield.separation.material.collection import LeftOut, Outcome, Sound, collect, write_parts
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.music.sources import credits_of, other_commits, recordings

KIND = "multitrack"
_MOBILE = "_mobile"
_DRUMS = r"DRUM|KICK|HAT|\bHH\b|SNARE|TOM|CLAP|BEAT|CRASH|CRUSH|CYMBAL|PRC|PERC|BREAK|K & SN|TOPS"
LOW_HZ = 150.0
LOW_SHARE = 0.1
"""Share of energy below LOW_HZ above which an instrument plays bass too, if the song has no bass of its own."""
MAX_LOW_SHARE = 0.5
"""Share of energy below LOW_HZ above which an instrument is no other instrument beside a bass."""
WINDOW_S = 30.0
"""Length of the clips of the development set."""
_SOUNDING = ((4, 0.3), (3, 0.6))
"""Number of stems in a clip, and the minimum share of its seconds in which each of them sounds."""


@dataclass(frozen=True, slots=True)
class Multitrack:
    """A song, and the file of each of its stems by name."""

    name: str
    stems: Mapping[str, Path]
    left_out: tuple[LeftOut, ...]


def label_of(stem: str) -> str:
    """Label by a stem's name: vocals, drums, bass, other, or `bass+other`; empty if the name contradicts itself."""
    words = stem.upper().replace("_", " ")
    if "VOX" in words or "VOCAL" in words:
        return "vocals"
    drums = bool(re.search(_DRUMS, words)) and "MELODY" not in words
    if "BASS" in words:
        return "" if drums else "bass+other" if "PAD" in words else "bass"
    return "drums" if drums else "other"


def find_multitracks(root: Path, *, held_out: bool) -> Iterator[Multitrack]:
    """Songs below a folder.

    A stem without its full version is read in the mobile one. If drums are, the whole song is: drums alone without
    treble would be a sound that no record has.
    """
    songs: dict[Path, dict[str, Path]] = {}
    for _, path in recordings(root, KIND, held_out=held_out, suffixes=(".m4a",)):
        songs.setdefault(path.parent, {})[path.stem.split("_Stem_")[-1]] = path
    for folder, files in sorted(songs.items()):
        names = sorted({name.removesuffix(_MOBILE) for name in files})
        dull = [name for name in names if label_of(name) == "drums" and name not in files]
        reason = f"full versions of {', '.join(dull)} are missing, so all stems are read in mobile versions, to 12 kHz"
        left_out = [LeftOut(folder.name, reason)] if dull else []
        chosen: dict[str, Path] = {}
        for name in names:
            found = [files[key] for key in (name + _MOBILE, name)[:: 1 if dull else -1] if key in files]
            if label_of(name):
                chosen[name] = found[0]
            else:
                left_out.append(LeftOut(f"{folder.name}/{name}", "expected a name for one stem, got bass and drums"))
        yield Multitrack(folder.name, chosen, tuple(left_out))


def decode(path: Path) -> Sound:
    """Decode a file to stereo at RATE_HZ, shape (2, frames).

    Raises:
        ValueError: PyAV finds no sound in it.
    """
    import av

    pieces = []
    try:
        with av.open(str(path)) as file:
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE_HZ)
            for frame in file.decode(audio=0):
                pieces += [piece.to_ndarray() for piece in resampler.resample(frame)]
            pieces += [piece.to_ndarray() for piece in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"{path}: expected sound that PyAV decodes, got {error}") from error
    if not pieces:
        raise ValueError(f"{path}: expected sound that PyAV decodes, got nothing")
    return np.concatenate(pieces, axis=1).astype(np.float32)


def low_share(sound: Sound) -> float:
    """Share of a sound's energy below LOW_HZ."""
    size = 1 << 16
    mono = np.pad(sound.mean(axis=0), (0, -sound.shape[1] % size))
    power = np.square(np.abs(np.fft.rfft(mono.reshape(-1, size), axis=1))).sum(axis=0)
    return float(power[np.fft.rfftfreq(size, 1.0 / RATE_HZ) < LOW_HZ].sum() / max(power.sum(), 1e-12))


def make_parts(song: Multitrack) -> tuple[dict[str, Sound], dict[str, str], list[LeftOut]]:
    """Sum the stems of a song to parts.

    Returns:
        Parts by the names of the stems in them, the label of each stem, and the stems that cannot be decoded.
    """
    sounds, labels, left_out = dict[str, Sound](), dict[str, str](), [*song.left_out]
    for stem, path in song.stems.items():
        try:
            sounds[stem] = decode(path)
        except ValueError as error:
            left_out.append(LeftOut(f"{song.name}/{stem}", str(error)))
            continue
        labels[stem] = label_of(stem)
    own_bass = "bass" in labels.values()
    for stem in [stem for stem, label in labels.items() if label == "other"]:
        share = low_share(sounds[stem])
        if own_bass and share > MAX_LOW_SHARE:
            reason = f"expected no bass by its name, got {share:.0%} of its energy below {LOW_HZ:.0f} Hz"
            left_out.append(LeftOut(f"{song.name}/{stem}", reason))
            del sounds[stem], labels[stem]
        elif share > LOW_SHARE and not own_bass:
            labels[stem] = "bass+other"
    grouped = not own_bass or "bass+other" in labels.values()
    parts: dict[str, Sound] = {}
    for stem, sound in sounds.items():
        part = "bass+other" if grouped and labels[stem] in ("bass", "other") else labels[stem]
        parts[part] = _sum(parts[part], sound) if part in parts else sound
    return parts, labels, left_out


def windows(parts: Mapping[str, Sound]) -> list[tuple[int, list[str]]]:
    """Clips in which all stems sound, or three while the fourth is silent; none overlap.

    Returns:
        Start in frames and the stems that sound, of each clip.
    """
    seconds = int(WINDOW_S)
    longest = max(part.shape[1] for part in parts.values())
    sounding = {}
    for name, part in parts.items():
        whole = np.pad(part, ((0, 0), (0, longest - part.shape[1] + -longest % RATE_HZ)))
        sounding[name] = np.square(whole).reshape(2, -1, RATE_HZ).mean(axis=(0, 2)) > 1e-5
    found: list[tuple[int, list[str]]] = []
    for stems, least in _SOUNDING:
        for second in range(longest // RATE_HZ - seconds + 1):
            if any(abs(second * RATE_HZ - start) < seconds * RATE_HZ for start, _ in found):
                continue
            shares = {name: float(heard[second : second + seconds].mean()) for name, heard in sounding.items()}
            present = [name for name, share in shares.items() if share > 0.0]
            if len(present) == stems and min(shares[name] for name in present) >= least:
                found.append((second * RATE_HZ, present))
    return sorted(found)


def write_multitrack(job: tuple[Multitrack, Path, bool]) -> Outcome:
    """Write a song, or with `held_out` the clips of its windows in folders in its folder."""
    song, out, held_out = job
    parts, labels, left_out = make_parts(song)
    if missing := {"drums", "vocals"} - parts.keys() or {"bass", "other"} - {*"+".join(parts).split("+")}:
        reason = f"expected all stems, got none with {' and '.join(sorted(missing))}"
        return Outcome(0.0, labels, (*left_out, LeftOut(song.name, reason)))
    if not held_out:
        return Outcome(write_parts(parts, out / song.name, labels), labels, tuple(left_out))
    seconds, frames = 0.0, int(WINDOW_S * RATE_HZ)
    for start, present in windows(parts):
        clip = {name: parts[name][:, start : start + frames] for name in present}
        seconds += write_parts(clip, out / song.name / f"{start // RATE_HZ:03d}", labels)
    if not seconds:
        left_out.append(LeftOut(song.name, f"expected {WINDOW_S:.0f} s in which all stems sound, got none"))
    return Outcome(seconds, labels, tuple(left_out))


def run(chosen: argparse.Namespace) -> None:
    """Write all songs that do not exist yet.

    Args:
        chosen: options of `stemfield train multitracks`.

    Raises:
        ValueError: none of the songs was found, or PyAV is missing.
    """
    left_out = [LeftOut(name, reason) for name, reason in other_commits(chosen.root, (KIND,)).items()]
    songs = [*find_multitracks(chosen.root, held_out=chosen.held_out)]
    if not songs:
        reasons = ", ".join(map(str, left_out)) or "got none"
        raise ValueError(f"{chosen.root}: expected songs of a repository in sources.py: {reasons}")
    if find_spec("av") is None:
        left_out += [LeftOut(song.name, 'm4a needs PyAV: pip install "stemfield[multitracks]"') for song in songs]
        songs = []
    jobs = {song.name: (song, chosen.out, chosen.held_out) for song in songs}
    collect(
        chosen.out,
        write_multitrack,
        jobs,
        "released songs with stems",
        credits_of((KIND,)),
        left_out=left_out,
        processes=chosen.processes,
    )


def _sum(one: Sound, other: Sound) -> Sound:
    longer, shorter = (one, other) if one.shape[1] >= other.shape[1] else (other, one)
    total = longer.copy()
    total[:, : shorter.shape[1]] += shorter
    return total
