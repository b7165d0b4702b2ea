"""General MIDI instruments of soundfonts, played by FluidSynth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stemfield.separation.music.composition import Hit, Note
from stemfield.separation.music.effects import RATE_HZ, Audio

DEBIAN = tuple(Path("/usr/share/sounds/sf3", name) for name in ("FluidR3Mono_GM.sf3", "MuseScore_General_Lite.sf3"))
"""Files of the Debian packages fluidr3mono-gm-soundfont and musescore-general-soundfont-small."""
DRUMS = 128
DRUM_PROGRAMS = (0, 8, 16, 24, 25, 32, 40)
BASSES = tuple(range(32, 40))
PROGRAMS = {
    "guitar": (24, 25, 26, 27, 28, 29, 30),
    "keys": (0, 1, 2, 3, 4, 5, 6, 7),
    "organ": (16, 17, 18, 19, 20, 21),
    "strings": (44, 45, 48, 49, 50, 51),
    "brass": (56, 57, 58, 60, 61, 62, 63),
    "mallets": (8, 9, 10, 11, 12, 13, 108, 114),
    "pad": (88, 89, 90, 92, 93, 94, 95),
    "reed": (64, 65, 66, 67, 68, 69, 71, 22),
    "flute": (72, 73, 74, 75, 77, 79),
    "lead": (80, 81, 82, 84, 87),
    "bowed": (40, 41, 42, 110),
    "plucked": (104, 105, 106, 107, 46, 15),
}
_KEYS = {
    "kick": (36, 35),
    "snare": (38, 40),
    "rim": (37,),
    "clap": (39,),
    "hat": (42, 44),
    "hat_open": (46,),
    "ride": (51, 53, 59),
    "crash": (49, 57, 55),
    "tom": (50, 47, 45, 41),
    "perc": (54, 56, 70, 82, 62, 63, 60, 69),
}


class Soundfonts:
    """Loaded soundfonts; needs the FluidSynth library."""

    def __init__(self, paths: Sequence[Path]) -> None:
        import fluidsynth  # loads the library on import

        self._synth = fluidsynth.Synth(gain=0.4, samplerate=float(RATE_HZ))
        for setting in ("synth.reverb.active", "synth.chorus.active"):
            self._synth.setting(setting, 0)
        self._fonts = [self._synth.sfload(str(path)) for path in paths]

    def __len__(self) -> int:
        return len(self._fonts)

    def play(self, notes: Sequence[Note], frames: int, font: int, program: int, bank: int = 0) -> Audio:
        """Render the notes in stereo without effects, shape (2, frames)."""
        self._synth.system_reset()
        self._synth.program_select(0, self._fonts[font], bank, program)
        events = []
        for note in notes:
            events.append((int(note.start_s * RATE_HZ), 1, note.pitch, int(20 + 107 * note.velocity)))
            events.append((int((note.start_s + max(note.length_s, 0.05)) * RATE_HZ), 0, note.pitch, 0))
        pieces, now = [], 0
        for at, starts, pitch, velocity in sorted(events):
            upto = min(at, frames)
            if upto - now >= 64:
                pieces.append(self._synth.get_samples(upto - now))
                now = upto
            if starts:
                self._synth.noteon(0, pitch, velocity)
            else:
                self._synth.noteoff(0, pitch)
        if frames > now:
            pieces.append(self._synth.get_samples(frames - now))
        return np.asarray(np.concatenate(pieces).reshape(-1, 2).T / 32768.0, np.float64)

    def drums(self, hits: Sequence[Hit], frames: int, font: int, program: int) -> Audio:
        """Render the hits in stereo without effects, shape (2, frames)."""
        notes = [
            Note(hit.start_s, 0.1, _KEYS[hit.piece][hit.variant % len(_KEYS[hit.piece])], hit.velocity) for hit in hits
        ]
        return self.play(notes, frames, font, program, DRUMS)
