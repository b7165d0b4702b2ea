"""Singing with the recordings themselves: sung syllables, one after the other, moved to the pitch of the notes.

Unlike resynthesis, this keeps everything of a real voice. Pitch is changed by speed, so only notes near the recorded
pitches can be sung, and a note is no longer than its recording.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stemfield.separation.music.composition import Note
from stemfield.separation.music.effects import RATE_HZ, Audio
from stemfield.separation.music.voices import FRAME_S, Utterance, recording

MAX_SHIFT = 3.5
"""Maximum change of the pitch in semitones."""
_BEFORE_BEAT = 0.6
"""Part of the consonant and of its transition to the vowel that is before the beat."""
_FADE_S = 0.03

Sung = tuple[Utterance, Sequence[int]]
"""A recording, and the first frame, nucleus and end of a syllable."""


def recorded_pitch(said: Utterance, row: Sequence[int]) -> float:
    """Median pitch of a syllable's vowel as MIDI note number; 0 if it is unvoiced."""
    hz = said.pitch_hz[row[1] : row[2]]
    hz = hz[hz > 0.0]
    return float(69.0 + 12.0 * np.log2(np.median(hz) / 440.0)) if len(hz) else 0.0


def sing_raw(notes: Sequence[tuple[Note, float, Sung]], length_s: float) -> Audio | None:
    """Sing a phrase in mono.

    Args:
        notes: each note, its start in the phrase in s, and the syllable that it is sung on.
        length_s: duration of the phrase.

    Returns:
        The phrase, or None if a note is too far from the pitch of its recording.
    """
    sound = np.zeros(int((length_s + 1.0) * RATE_HZ))
    for note, start_s, (said, row) in notes:
        shift = note.pitch - recorded_pitch(said, row)
        if abs(shift) > MAX_SHIFT:
            return None
        ratio = 2.0 ** (shift / 12.0)
        whole = recording(said.path)
        first, nucleus, end = (int(frame * FRAME_S * RATE_HZ) for frame in row)
        lead = int(_BEFORE_BEAT * (nucleus - first))
        before = min(lead, int(start_s * RATE_HZ * ratio))
        begin = first + lead - before
        frames = min(int(note.length_s * RATE_HZ) + int(before / ratio), int((min(end, len(whole)) - begin) / ratio))
        if frames < 2:
            continue
        at = begin + np.arange(frames) * ratio
        piece = np.interp(at, np.arange(len(whole)), whole) * (0.4 + 0.8 * note.velocity)
        fade = min(int(_FADE_S * RATE_HZ), frames // 2)
        slope = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / fade)
        piece[:fade] *= slope
        piece[frames - fade :] *= slope[::-1]
        start = int(start_s * RATE_HZ) - int(before / ratio)
        part = sound[start : start + frames]
        part += piece[: len(part)]
    return sound[: int(length_s * RATE_HZ)]
