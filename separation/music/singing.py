"""Singing synthesis: syllables of recorded speech on the notes of a melody, resynthesised by the WORLD vocoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from stemfield.separation.music.composition import Note
from stemfield.separation.music.effects import RATE_HZ, Audio, Random, add
from stemfield.separation.music.raw_singing import recorded_pitch, sing_raw
from stemfield.separation.music.voices import (
    ENVELOPE_HZ,
    FRAME_S,
    Floats,
    Utterance,
    VoiceBank,
    recording,
    synthesise,
)

_PAUSE_S = 0.25
"""Minimum rest between phrases."""
_LONGEST_CODA = 62
"""Maximum frames after the nucleus that are not stretched; sung vowels are longer."""


@dataclass(frozen=True, slots=True)
class Singer:
    """A voice and its style of singing."""

    utterances: tuple[Utterance, ...]
    center: float
    """Centre of the range as MIDI note number."""
    tract: float
    """Frequency scale of the spectral envelope; above 1 for a shorter vocal tract."""
    vibrato_hz: float
    vibrato_semitones: float
    vibrato_after_s: float
    glide_s: float
    scoop: float
    """Probability that a note is approached from below."""
    drift_semitones: float
    tilt_db: float
    """Spectral tilt per octave above 500 Hz; positive for loud singing."""
    formant_db: float
    """Level of the singer's formant near 3 kHz."""
    breath: float
    """Exponent of the aperiodicity; below 1 for a breathier voice."""
    jitter_semitones: float
    """Random pitch deviation from frame to frame."""
    consonants_db: float
    """Level of consonants relative to vowels."""
    raw: float = 0.0
    """Share of the phrases that are sung with the recordings themselves."""


SUNG = 0.4
"""Share of the singers whose recordings are of singing, if there are any."""
TENORS = 0.4
"""Share of those singers that sing lower, with a longer vocal tract."""
_LOW_VOICE = 52.0
"""Recorded pitch from which on a voice is made lower."""


def singer(bank: VoiceBank, random: Random) -> Singer:
    """Random voice of the bank with random singing style."""
    sung = [name for name in bank.names if bank.voices[name][0].sung]
    spoken_names = [name for name in bank.names if name not in sung]
    names = sung if sung and (not spoken_names or random.random() < SUNG) else spoken_names
    said = bank.voices[names[int(random.integers(len(names)))]]
    spoken = np.concatenate([one.pitch_hz[one.pitch_hz > 0] for one in said])
    low = float(69.0 + 12.0 * np.log2(np.median(spoken) / 440.0))
    vibrato = float(random.choice([0.0, random.uniform(0.1, 0.5), random.uniform(0.3, 1.0)], p=[0.3, 0.5, 0.2]))
    voice = Singer(
        utterances=said,
        center=low + float(random.uniform(3.0, 12.0)),
        tract=float(np.exp(random.uniform(np.log(0.87), np.log(1.18)))),
        vibrato_hz=float(random.uniform(4.5, 6.5)),
        vibrato_semitones=vibrato,
        vibrato_after_s=float(random.uniform(0.08, 0.5)),
        glide_s=float(random.uniform(0.012, 0.06)),
        scoop=float(random.uniform(0.0, 0.5)),
        drift_semitones=float(random.uniform(0.03, 0.25)),
        tilt_db=float(random.uniform(0.0, 5.0)),
        formant_db=float(random.uniform(0.0, 9.0)),
        breath=float(np.exp(random.uniform(np.log(0.5), np.log(1.5)))),
        jitter_semitones=float(random.choice([0.02, 0.05, random.uniform(0.1, 0.6)], p=[0.6, 0.25, 0.15])),
        consonants_db=float(random.uniform(-8.0, 2.0)),
    )
    if not said[0].sung:
        return voice
    calm = replace(
        voice,
        tilt_db=float(random.uniform(0.0, 1.5)),
        formant_db=float(random.uniform(0.0, 3.0)),
        consonants_db=float(random.uniform(-3.0, 2.0)),
    )
    if low > _LOW_VOICE and random.random() < TENORS:
        down = random.uniform(7.0, 14.0) if low > 60.0 else random.uniform(1.0, 6.0)
        return replace(calm, center=low - float(down), tract=float(random.uniform(0.80, 0.90)))
    return replace(
        calm,
        center=low + float(random.uniform(-3.0, 3.0)),
        tract=float(random.uniform(0.95, 1.06)),
        raw=float(random.uniform(0.3, 0.5)),
    )


def sing(voice: Singer, notes: Sequence[Note], frames: int, random: Random, words: int = 0) -> Audio:
    """Sing a melody in mono.

    Args:
        voice: the singer.
        notes: notes in order of time; a note ends when the next one begins.
        frames: length of the result.
        random: source of the random variations.
        words: seed of the order of syllables; singers with the same seed sing in the same order.
    """
    syllables = [(said, row) for said in voice.utterances for row in said.syllables]
    pitches = np.array([recorded_pitch(said, row) for said, row in syllables]) if voice.raw else None
    text = np.random.default_rng(words).permutation(len(syllables))
    sound = np.zeros(frames + RATE_HZ)
    count = 0
    for phrase in _phrases(notes):
        tracks, raw = [], []
        for index, note in enumerate(phrase):
            until_s = phrase[index + 1].start_s if index + 1 < len(phrase) else note.start_s + note.length_s
            chosen = text[count % len(text)]
            if pitches is not None:  # the next syllable of the text that is recorded near the note's pitch
                turned = np.roll(text, -count)
                chosen = turned[int(np.argmin(np.maximum(np.abs(pitches[turned] - note.pitch), 2.0)))]
            said, row = syllables[chosen]
            raw.append((note, note.start_s - phrase[0].start_s, (said, row)))
            count += 1
            tracks.append(_note(voice, note, max(until_s - note.start_s, 0.06), said, row, random))
        pitch, envelope, noise, voiced = (np.concatenate(parts) for parts in zip(*tracks, strict=True))
        pole = float(np.exp(-FRAME_S / voice.glide_s))
        pitch, _ = signal.lfilter([1.0 - pole], [1.0, -pole], pitch, zi=[pole * pitch[0]])
        drift, jitter = (_random_walk(len(pitch), time_s, random) for time_s in (0.3, 0.01))
        pitch += voice.drift_semitones * drift + voice.jitter_semitones * jitter
        envelope += 0.25 * _random_walk(len(pitch), 0.5, random)[:, None]
        hz = np.where(voiced > 0.5, 440.0 * 2.0 ** ((pitch - 69.0) / 12.0), 0.0)
        sung = synthesise(hz, envelope, noise**voice.breath, voice.tract)
        if voice.raw and random.random() < voice.raw:
            recorded = sing_raw(raw, len(sung) / RATE_HZ)
            if recorded is not None and (power := float(np.square(recorded).mean())) > 0.0:
                sung = recorded * np.sqrt(np.square(sung).mean() / power)
        add(sound, phrase[0].start_s, sung)
    return sound[:frames]


def speak(voice: Singer, spans: Sequence[tuple[float, float]], frames: int, random: Random) -> Audio:
    """Mono speech in the given time spans (s): recordings if their sample rate is high, else resynthesised."""
    sound = np.zeros(frames + 10 * RATE_HZ)
    faster = float(random.uniform(0.95, 1.35))
    higher = float(2.0 ** random.normal(0.0, 0.12))
    for begin_s, end_s in spans:
        now_s = begin_s
        while now_s < end_s - 0.7:
            said = voice.utterances[int(random.integers(len(voice.utterances)))]
            if said.sample_rate_hz > 20000 and random.random() < 0.7:
                spoken = recording(said.path).astype(np.float64)
            else:
                at = np.arange(0, len(said.pitch_hz) - 1, faster)
                envelope, noise = _interpolated(said.envelope, at), _interpolated(said.noise, at)
                hz = said.pitch_hz[np.rint(at).astype(int)] * higher
                spoken = synthesise(hz.astype(np.float64), envelope, noise, voice.tract)
            spoken = spoken[: int((end_s - now_s) * RATE_HZ)]
            spoken = spoken / (np.abs(spoken).max() + 1e-6)
            fade = min(400, len(spoken))
            spoken[len(spoken) - fade :] *= np.linspace(1.0, 0.0, fade)
            add(sound, now_s, spoken)
            now_s += len(spoken) / RATE_HZ + float(random.uniform(0.0, 0.3))
    return sound[:frames]


def _phrases(notes: Sequence[Note]) -> list[list[Note]]:
    phrases: list[list[Note]] = []
    end_s = -1.0
    for note in notes:
        if not phrases or note.start_s - end_s > _PAUSE_S:
            phrases.append([])
        phrases[-1].append(note)
        end_s = note.start_s + note.length_s
    return phrases


def _note(
    voice: Singer, note: Note, whole_s: float, said: Utterance, row: Sequence[int], random: Random
) -> tuple[Floats, Floats, Floats, Floats]:
    """Pitch (MIDI), log envelope, aperiodicity and voicing of a note, one row per frame."""
    first, nucleus, end = (int(position) for position in row)
    end = min(end, nucleus + _LONGEST_CODA)
    frames = max(round(whole_s / FRAME_S), 8)
    onset, coda = nucleus - first - 1, end - nucleus - 2
    if onset + coda > 0.8 * frames:
        onset, coda = int(0.8 * frames * onset / (onset + coda)), int(0.8 * frames * coda / (onset + coda))
    # consonants keep their duration, the vowel is stretched to the length of the note and varied slightly
    position = np.interp(
        np.arange(frames), [0, onset, frames - 1 - coda, frames - 1], [first, nucleus - 1, nucleus + 2, end - 1]
    )
    held = np.zeros(frames)
    held[onset : frames - coda] = 1.0
    position = np.clip(position + held * 2.5 * _random_walk(frames, 0.15, random), first, end - 1)
    envelope, noise = _interpolated(said.envelope, position), _interpolated(said.noise, position)
    voiced = (said.pitch_hz[np.rint(position).astype(int)] > 0.0).astype(np.float64)
    level = np.asarray(said.envelope[nucleus].max(), np.float64)
    envelope = envelope - level
    octaves = np.maximum(np.log2(np.maximum(ENVELOPE_HZ, 1.0) / 500.0), 0.0)
    ring = voice.formant_db * np.exp(-0.5 * ((ENVELOPE_HZ - 2900.0) / 450.0) ** 2)
    decibel = np.log(10.0) / 10.0
    tone_db = voice.tilt_db * np.minimum(octaves, 3.5) + ring + 8.0 * (note.velocity - 0.75)
    envelope += decibel * np.where(voiced[:, None] > 0, tone_db[None, :], voice.consonants_db)
    envelope = np.minimum(envelope, 1.5)
    time = np.arange(frames) * FRAME_S
    gap = frames - round(note.length_s / FRAME_S)
    if gap > 2:
        envelope[-gap:] -= np.linspace(0.0, 9.0, gap)[:, None]
    pitch = np.full(frames, float(note.pitch))
    grown = np.clip((time - voice.vibrato_after_s) / 0.25, 0.0, 1.0)
    swing = np.sin(2 * np.pi * voice.vibrato_hz * random.uniform(0.95, 1.05) * time + random.uniform(0, 6))
    pitch += voice.vibrato_semitones * grown * swing
    envelope += (0.12 * voice.vibrato_semitones * grown * swing)[:, None]
    if random.random() < voice.scoop:
        rise = int(random.uniform(0.04, 0.16) / FRAME_S)
        pitch[:rise] -= np.linspace(random.uniform(0.5, 3.0), 0.0, rise)[:frames]
    return pitch, envelope, noise, voiced


def _interpolated(track: np.ndarray, position: Floats) -> Floats:
    """Interpolate the rows of a track."""
    below = np.minimum(position.astype(np.int64), len(track) - 2)
    part = (position - below)[:, None]
    return np.asarray(track[below] * (1.0 - part) + track[below + 1] * part, np.float64)


def _random_walk(frames: int, time_s: float, random: Random) -> Floats:
    """Low-passed noise with standard deviation 1 and time constant `time_s`."""
    pole = float(np.exp(-FRAME_S / time_s))
    start = random.standard_normal()
    walk, _ = signal.lfilter([np.sqrt(1.0 - pole**2)], [1.0, -pole], random.standard_normal(frames), zi=[pole * start])
    return np.asarray(walk)
