"""Drum kits made of recorded one-shots, and a synthetic drum machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.music import effects
from stemfield.separation.music.composition import Hit
from stemfield.separation.music.effects import RATE_HZ, Audio, Random
from stemfield.separation.music.samples import read

# The first pattern that matches a file's name determines its kind; "" excludes the file.
_PIECES = (
    ("", r"loop_|808s_|arovane|perc_(door|swash|swoosh|till|impact)|drum_roll|fx_fx|elec_(flip|twip|pop)"),
    ("kick", r"kick|Kdrum|^bd_|drum_bass|^ks_"),
    ("rim", r"[Rr]imshot|_sidestick|_stick"),
    ("snare", r"snare|^sn_|^s[sce]_|^Snare|_brush"),
    ("clap", r"clap|_cp$|snap"),
    ("hat_open", r"HihatOpen|open-hat|[Hh]ihat-open|hhopen|Openhat|^h[ol]_|cymbal_open"),
    ("hat", r"[Hh]ihat|hithat|hi-hat|hhclosed|Closedhat|^h[chf]_|^hat_|cymbal_(closed|pedal)"),
    ("ride", r"[Rr]ide"),
    ("crash", r"[Cc]rash|China|splash|cymbal|_cy0"),
    ("tom", r"[Tt]om|^t[hml]_|^ht_|_[lh]t\d\d"),
    ("perc", r"."),
)
_LAYER = re.compile(r"_(?:v|vl|lev)(\d+)")
_MICROPHONE = re.compile(r"_(close|oh|room|front|wndw)$")
MAX_PAN = {"kick": 0.0, "snare": 0.08, "rim": 0.08, "clap": 0.1, "hat": 0.45, "hat_open": 0.45, "ride": -0.5,
          "crash": 0.6, "tom": 0.5, "perc": 0.6}  # fmt: skip
"""Maximum pan of each kind of piece."""
_SIMILAR = {"rim": "snare", "clap": "snare", "hat_open": "hat", "ride": "hat", "crash": "hat_open", "tom": "kick"}
"""Kind that replaces a missing kind."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A drum or cymbal: strokes from soft to loud, each recorded by one or more microphones."""

    name: str
    strokes: tuple[tuple[float, tuple[Path, ...]], ...]


Collection = Mapping[str, tuple[Piece, ...]]
"""Available pieces of each kind."""


def collection(files: Iterable[tuple[str, Path]]) -> Collection:
    """Group one-shots into pieces by library and file name; a kind without any has those of a similar kind."""
    groups: dict[tuple[str, str], dict[tuple[float, str], list[Path]]] = {}
    for library, path in files:
        kind = next(kind for kind, pattern in _PIECES if re.search(pattern, path.stem))
        if not kind:
            continue
        whole = _MICROPHONE.sub("", path.stem)
        layer = _LAYER.search(whole)
        velocity = min(int(layer[1]) / 6.0, 1.0) if layer else 0.9
        name = re.sub(r"_(?:v|vl|lev|rr|hit)\d+|[-_]?\d+$", "", whole)
        groups.setdefault((kind, f"{library}/{name}"), {}).setdefault((velocity, whole), []).append(path)
    pieces: dict[str, tuple[Piece, ...]] = dict.fromkeys(MAX_PAN, ())
    for (kind, name), strokes in sorted(groups.items()):
        layers = tuple((velocity, tuple(paths)) for (velocity, _), paths in sorted(strokes.items()))
        pieces[kind] += (Piece(name, layers),)
    for kind, similar in _SIMILAR.items():
        pieces[kind] = pieces[kind] or pieces[similar]
    return pieces


class Kit:
    """A drum kit for a song: pieces from several libraries, each tuned, damped and panned in a width of 0..1."""

    def __init__(self, pieces: Collection, random: Random, width: float) -> None:
        self._random = random
        home = str(random.choice(sorted({piece.name.split("/")[0] for piece in pieces["kick"]})))
        self._chosen: dict[str, list[Piece]] = {}
        for kind in MAX_PAN:
            at_home = [piece for piece in pieces[kind] if piece.name.startswith(home)]
            choice = at_home if at_home and random.random() < 0.6 else pieces[kind]
            picks = random.permutation(len(choice))[: 4 if kind in ("tom", "crash", "perc") else 1]
            self._chosen[kind] = [choice[pick] for pick in picks]
        self._tuning = {kind: 2.0 ** (random.normal(0.0, 2.0) / 12.0) for kind in MAX_PAN}
        self._damping_s = {kind: float(random.choice([9.0, 9.0, 0.35, 0.15])) for kind in MAX_PAN}
        self._gain = {kind: 10.0 ** (random.normal(0.0, 2.0) / 20.0) for kind in MAX_PAN}
        self._pan = {kind: width * most * float(random.choice([-1, 1])) for kind, most in MAX_PAN.items()}
        self._microphones: dict[str, float] = {}
        self._played: dict[tuple[str, int], NDArray[np.float64]] = {}

    def play(self, hits: Sequence[Hit], frames: int) -> Audio:
        """Render the hits in stereo, shape (2, frames)."""
        sound = np.zeros((2, frames))
        for hit in hits:
            pieces = self._chosen.get(hit.piece, [])
            if not pieces:
                continue
            piece = pieces[hit.variant % len(pieces)]
            distances = [abs(velocity - hit.velocity) + self._random.uniform(0.0, 0.2) for velocity, _ in piece.strokes]
            stroke = self._stroke(piece, hit.piece, int(np.argmin(distances)))
            effects.add(sound, hit.start_s, hit.velocity**1.3 * self._gain[hit.piece] * stroke)
        return sound

    def _stroke(self, piece: Piece, kind: str, layer: int) -> NDArray[np.float64]:
        key = (piece.name, layer)
        if key not in self._played:
            _, paths = piece.strokes[layer]
            recorded = [
                self._gain_of(path) * effects.stereo(np.squeeze(read(path).astype(np.float64))) for path in paths
            ]
            mixed = np.zeros((2, max(one.shape[1] for one in recorded)))
            for one in recorded:
                mixed[:, : one.shape[1]] += one
            ratio = self._tuning[kind]
            at = np.arange(int((mixed.shape[1] - 1) / ratio)) * ratio
            tuned = np.stack([np.interp(at, np.arange(mixed.shape[1]), side) for side in mixed])
            tuned *= np.exp(-np.arange(tuned.shape[1]) / RATE_HZ / self._damping_s[kind])
            top = np.abs(tuned).max(initial=1e-6)
            aside = self._pan[kind] * (1.0 if kind != "tom" else self._random.uniform(-1.0, 1.0))
            self._played[key] = effects.pan(tuned / top * _BALANCE[kind], float(np.clip(aside, -1.0, 1.0)))
        return self._played[key]

    def _gain_of(self, path: Path) -> float:
        microphone = _MICROPHONE.search(path.stem)
        name = microphone[1] if microphone else ""
        if name not in self._microphones:
            self._microphones[name] = 1.0 if name in ("", "close") else float(self._random.uniform(0.1, 1.2))
        return self._microphones[name]


_BALANCE: Mapping[str, float] = {"kick": 1.0, "snare": 0.9, "rim": 0.7, "clap": 0.7, "hat": 0.3, "hat_open": 0.35,
                                 "ride": 0.35, "crash": 0.55, "tom": 0.8, "perc": 0.45}  # fmt: skip


def play_kicks(random: Random, hits: Sequence[Hit], frames: int, root: int) -> Audio:
    """Render the kicks of the hits as swept tones, often tuned to the song's root (0..11), shape (2, frames)."""
    hz = 440.0 * 2.0 ** ((24 + root + 12 * (root < 6) - 69) / 12.0) if random.random() < 0.6 else random.uniform(36, 65)
    time = np.arange(int(random.uniform(0.25, 0.9) * RATE_HZ)) / RATE_HZ
    fast = random.uniform(200.0, 4000.0) * np.exp(-time / random.uniform(0.003, 0.012))
    slow = random.uniform(20.0, 200.0) * np.exp(-time / random.uniform(0.02, 0.09))
    body = np.sin(2 * np.pi * np.cumsum(hz + fast + slow) / RATE_HZ)
    kick = effects.saturate(body * np.exp(-time / random.uniform(0.08, 0.5)), random.uniform(0.3, 8.0))
    kick *= np.minimum(np.arange(len(time))[::-1] / 2000.0, 1.0)
    sound = np.zeros(frames)
    for hit in hits:
        if hit.piece == "kick":
            effects.add(sound, hit.start_s, hit.velocity**1.3 * kick)
    return effects.stereo(sound)


def play_drum_machine(random: Random, hits: Sequence[Hit], frames: int) -> Audio:
    """Render the hits on a random synthetic drum machine, shape (2, frames)."""
    time = np.arange(int(0.6 * RATE_HZ)) / RATE_HZ
    noise = random.standard_normal(len(time))
    fall = random.uniform(38, 62) + random.uniform(60, 260) * np.exp(-time / random.uniform(0.01, 0.05))
    kick = np.sin(2 * np.pi * np.cumsum(fall) / RATE_HZ) * np.exp(-time / random.uniform(0.06, 0.3))
    skin = np.sin(2 * np.pi * random.uniform(150, 280) * time) * np.exp(-time / random.uniform(0.03, 0.09))
    wires = effects.high_pass(noise, random.uniform(700, 2500)) * np.exp(-time / random.uniform(0.04, 0.18))
    hiss = effects.high_pass(noise, random.uniform(5000, 9000), 4)
    fallen = np.cumsum(random.uniform(80, 200) * (1 + 0.6 * np.exp(-time / 0.03))) / RATE_HZ
    claps = effects.peak(noise, random.uniform(1000, 2000), 1.0, 14.0) * np.exp(-time / random.uniform(0.05, 0.12))
    claps[: int(0.03 * RATE_HZ)] *= np.arange(int(0.03 * RATE_HZ)) % 440 < 130
    sounds = {
        "kick": effects.saturate(kick, random.uniform(0.3, 4.0)),
        "snare": skin * random.uniform(0.3, 1.0) + wires,
        "clap": claps,
        "rim": effects.peak(skin, 1700, 2.0, 18.0),
        "hat": hiss * np.exp(-time / random.uniform(0.012, 0.05)),
        "hat_open": hiss * np.exp(-time / random.uniform(0.1, 0.3)),
        "ride": hiss * np.exp(-time / 0.25) + 0.3 * np.sin(2 * np.pi * 3100 * time) * np.exp(-time / 0.2),
        "crash": effects.high_pass(noise, 3000) * np.exp(-time / 0.4),
        "tom": np.sin(2 * np.pi * fallen) * np.exp(-time / 0.18),
        "perc": np.sin(2 * np.pi * random.uniform(400, 2200) * time) * np.exp(-time / random.uniform(0.02, 0.1)),
    }
    sound = np.zeros((2, frames))
    width = random.uniform(0.0, 1.0)
    for name in sounds:
        one = sounds[name] * np.minimum(np.arange(len(time))[::-1] / 2000.0, 1.0)
        placed = effects.pan(one / np.abs(one).max(), width * MAX_PAN[name] * float(random.choice([-1, 1])))
        placed *= _BALANCE[name]
        for hit in hits:
            if hit.piece == name:
                effects.add(sound, hit.start_s, hit.velocity**1.3 * placed)
    return sound
