"""Synthesis of the stems of an excerpt of an arrangement, by our kits, basses and guitars, soundfonts and singers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stemfield.separation.music import effects
from stemfield.separation.music.arrangements import Arrangement, Part
from stemfield.separation.music.effects import Audio, Random
from stemfield.separation.music.mixing import STEMS, master, mix
from stemfield.separation.music.stem_synthesis import StemSynthesiser

SUNG = 0.75
"""Share of the excerpts with a part that can be sung in which it is."""
_STEP_S = 0.125
_KINDS = {"keys": range(8), "guitar": range(24, 32), "wind": range(56, 80)}
"""Kinds of instruments by their programs; soundfonts play all others."""
_ELECTRIC = range(27, 32)


def synthesise(synthesiser: StemSynthesiser, arrangement: Arrangement, random: Random) -> np.ndarray:
    """Render and mix an excerpt.

    Args:
        synthesiser: players of the parts.
        arrangement: the excerpt.
        random: source of the random choices.

    Returns:
        Stems in the order of STEMS, shape (4, 2, frames), as of `synthesis.make_song`.
    """
    frames = arrangement.frames
    others = [*arrangement.others]
    sounds = {name: np.zeros((2, frames)) for name in STEMS}
    singable = [part for part in others if part.singable]
    if singable and random.random() < SUNG:
        tune = singable[int(random.integers(len(singable)))]
        others.remove(tune)
        sounds["vocals"] = _sing(synthesiser, tune, frames, random)
    if arrangement.drums:
        sounds["drums"] = synthesiser.play_drums(arrangement.drums, frames, random)
    for part in arrangement.basses:
        sounds["bass"] += synthesiser.play_bass(part.notes, frames, random)
    for number, part in enumerate(others):
        sound = _play(synthesiser, part, frames, random)
        level = effects.loudness_db(sound)
        if level > -100.0:
            sounds["other"] += sound * 10 ** ((random.normal(-20.0 - 1.0 * (number > 1), 3.0) - level) / 20)
    return master(mix(sounds, random), random)


def _play(synthesiser: StemSynthesiser, part: Part, frames: int, random: Random) -> Audio:
    kind = next((kind for kind, programs in _KINDS.items() if part.program in programs), "soundfont")
    if kind == "wind" or (kind == "keys" and random.random() < 0.5):
        kind = "soundfont"
    return synthesiser.play_part(
        kind, part.notes, frames, _STEP_S, random, program=part.program, driven=part.program in _ELECTRIC
    )


def _sing(synthesiser: StemSynthesiser, part: Part, frames: int, random: Random) -> Audio:
    """Sing a part in the octave of the singer."""
    lead = synthesiser.singers.singer(random)
    median = float(np.median([note.pitch for note in part.notes]))
    octaves = round((lead.center - median) / 12.0)
    tune = [replace(note, pitch=note.pitch + 12 * octaves) for note in part.notes]
    return synthesiser.singers.sing(lead, tune, frames, _STEP_S, random)
