"""Audio effects: filters, dynamics, distortion, reverb and stereo panning.

Audio is float64 at RATE_HZ, of shape (n,) or (2, n); time is the last axis. No function but `add` changes its input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

RATE_HZ = 44100
_BLOCK = 64

Audio = NDArray[np.float64]
Random = np.random.Generator


def peak(sound: Audio, hz: float, q: float, gain_db: float) -> Audio:
    """Peaking filter of the RBJ audio EQ cookbook."""
    w = 2.0 * np.pi * min(hz, 0.45 * RATE_HZ) / RATE_HZ
    slope, gain = np.sin(w) / (2.0 * q), 10.0 ** (gain_db / 40.0)
    b = [1.0 + slope * gain, -2.0 * np.cos(w), 1.0 - slope * gain]
    a = [1.0 + slope / gain, -2.0 * np.cos(w), 1.0 - slope / gain]
    return np.asarray(signal.lfilter(b, a, sound))


def tilt(sound: Audio, hz: float, gain_db: float) -> Audio:
    """First-order tilt: frequencies well above `hz` are changed by `gain_db` relative to those well below."""
    gain = 10.0 ** (gain_db / 80.0)
    w = np.tan(np.pi * min(hz, 0.45 * RATE_HZ) / RATE_HZ)
    b = [w / gain + gain, w / gain - gain]
    a = [w * gain + 1.0 / gain, w * gain - 1.0 / gain]
    return np.asarray(signal.lfilter(b, a, sound))


def low_pass(sound: Audio, hz: float, order: int = 2) -> Audio:
    """Butterworth low-pass filter."""
    return np.asarray(signal.sosfilt(signal.butter(order, min(hz, 0.45 * RATE_HZ), fs=RATE_HZ, output="sos"), sound))


def high_pass(sound: Audio, hz: float, order: int = 2) -> Audio:
    """Butterworth high-pass filter."""
    return np.asarray(signal.sosfilt(signal.butter(order, hz, "high", fs=RATE_HZ, output="sos"), sound))


def random_eq(
    sound: Audio, random: Random, most_db: float = 5.0, low_hz: float = 90.0, high_hz: float = 9000.0
) -> Audio:
    """Random equaliser: one to three peaking filters and a tilt."""
    for _ in range(int(random.integers(1, 4))):
        hz = float(np.exp(random.uniform(np.log(low_hz), np.log(high_hz))))
        sound = peak(sound, hz, random.uniform(0.4, 2.0), random.uniform(-most_db, most_db))
    return tilt(sound, random.uniform(500.0, 3000.0), random.uniform(-most_db, most_db))


def compression(sound: Audio, threshold_db: float, ratio: float, attack_s: float, release_s: float) -> Audio:
    """Gain, shape (n,), of a feed-forward compressor."""
    mono = np.atleast_2d(sound)
    frames = mono.shape[-1]
    blocks = -(-frames // _BLOCK)
    padded = np.pad(mono, ((0, 0), (0, blocks * _BLOCK - frames)))
    level_db = 10.0 * np.log10((padded**2).reshape(len(mono), blocks, _BLOCK).mean(axis=2).max(axis=0) + 1e-10)
    over_db = np.maximum(level_db - threshold_db, 0.0) * (1.0 - 1.0 / ratio)
    # fast attack and slow release: the larger of two averages
    step_s = _BLOCK / RATE_HZ
    tracks = []
    for time_s in (attack_s, release_s):
        pole = float(np.exp(-step_s / time_s))
        tracks.append(signal.lfilter([1.0 - pole], [1.0, -pole], over_db))
    gain = 10.0 ** (-np.maximum(tracks[0], tracks[1]) / 20.0)
    return np.interp(np.arange(frames), (np.arange(blocks) + 0.5) * _BLOCK, gain)


def compress(sound: Audio, random: Random, depth_db: float = 12.0) -> Audio:
    """Compressor with random settings; `depth_db` sets how low its threshold may be."""
    top_db = 20.0 * np.log10(np.abs(sound).max() + 1e-9)
    gain = compression(
        sound,
        top_db - random.uniform(6.0, 12.0 + depth_db),
        random.uniform(1.5, 6.0),
        random.uniform(0.001, 0.03),
        random.uniform(0.05, 0.3),
    )
    return sound * gain


def saturate(sound: Audio, drive: float, asymmetry: float = 0.0) -> Audio:
    """Soft clipping with constant peak level. A drive of 1 is mild saturation, 30 is distortion."""
    top = np.abs(sound).max()
    if top == 0.0:
        return sound
    bent = np.tanh(drive * sound / top + asymmetry) - np.tanh(asymmetry)
    return np.asarray(bent * (top / np.abs(bent).max()))


def amplifier(sound: Audio, random: Random, drive: float) -> Audio:
    """Distorting guitar or bass amplifier with cabinet."""
    driven = tilt(high_pass(sound, random.uniform(60.0, 200.0), 1), 800.0, random.uniform(0.0, 8.0))
    driven = saturate(driven, drive, random.uniform(0.0, 0.3))
    driven = low_pass(driven, random.uniform(3000.0, 6500.0), 3)
    driven = peak(driven, random.uniform(90.0, 180.0), 1.2, random.uniform(0.0, 5.0))
    return peak(driven, random.uniform(1800.0, 3500.0), 1.0, random.uniform(0.0, 7.0))


def reverb(sound: Audio, random: Random, seconds: float, wet: float) -> Audio:
    """Stereo reverb of decaying noise, faster at high frequencies; `wet` is its gain relative to the input."""
    dry = stereo(sound)
    frames = int(RATE_HZ * min(1.1 * seconds, 2.5))
    time = np.arange(frames) / RATE_HZ
    noise = random.standard_normal((2, frames))
    dull = low_pass(noise, random.uniform(1200.0, 5000.0), 1)
    room = dull * np.exp(-6.9 * time / seconds)
    room += 0.6 * (noise - dull) * np.exp(-6.9 * time / (seconds * random.uniform(0.3, 0.8)))
    for _ in range(int(random.integers(3, 9))):
        room[:, int(random.uniform(0.002, 0.05) * RATE_HZ) % frames] += random.uniform(-4.0, 4.0, 2)
    room = high_pass(room, random.uniform(80.0, 400.0), 1)
    room *= np.exp(random.uniform(-2.0, 0.0)) / np.sqrt((room**2).sum() / 2)
    late = int(random.uniform(0.0, 0.06) * RATE_HZ)
    tail = signal.fftconvolve(dry, room, axes=1)[:, : dry.shape[1]]
    return np.asarray(dry + wet * np.pad(tail, ((0, 0), (late, 0)))[:, : dry.shape[1]])


def echo(sound: Audio, random: Random, seconds: float, wet: float) -> Audio:
    """Echo with increasingly low-passed repeats, centred or ping-pong."""
    repeat, result = stereo(sound), stereo(sound).copy()
    crossing = random.random() < 0.4
    delay = int(seconds * RATE_HZ)
    for _ in range(4):
        repeat = low_pass(np.pad(repeat, ((0, 0), (delay, 0)))[:, : result.shape[1]], 4500.0, 1) * wet
        repeat = repeat[::-1] if crossing else repeat
        result += repeat
    return result


def chorus(sound: Audio, random: Random) -> Audio:
    """Stereo chorus."""
    dry = stereo(sound)
    time = np.arange(dry.shape[1])
    sides = []
    for side in dry:
        swing = np.sin(2 * np.pi * random.uniform(0.15, 2.0) * time / RATE_HZ + random.uniform(0, 6))
        late = (random.uniform(0.006, 0.02) + random.uniform(0.0004, 0.003) * swing) * RATE_HZ
        sides.append(0.75 * side + 0.6 * np.interp(time - late, time, side))
    return np.stack(sides)


def add(sound: Audio, start_s: float, part: Audio) -> None:
    """Add a part of the same channels from a time on, in place; what goes beyond the end is dropped."""
    start = int(start_s * RATE_HZ)
    place = sound[..., start : start + part.shape[-1]]
    place += part[..., : place.shape[-1]]


def stereo(sound: Audio) -> Audio:
    """Convert to shape (2, n)."""
    return np.stack([sound, sound]) if sound.ndim == 1 else sound


def pan(sound: Audio, position: float) -> Audio:
    """Constant-power pan: -1 left, 0 unchanged, 1 right."""
    angle = np.pi / 4 * (1.0 + position)
    gains = np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(stereo(sound) * gains[:, None])


def widen(sound: Audio, width: float) -> Audio:
    """Scale the side signal by `width`; 0 is mono."""
    middle, side = (sound[0] + sound[1]) / 2, width * (sound[0] - sound[1]) / 2
    return np.stack([middle + side, middle - side])


def loudness_db(sound: Audio) -> float:
    """Gated level: mean power over blocks of 0.1 s that are at most 30 dB below the loudest."""
    block = RATE_HZ // 10
    both = stereo(sound)
    whole = both[:, : both.shape[1] // block * block]
    power = (whole**2).mean(axis=0).reshape(-1, block).mean(axis=1)
    top = power.max(initial=0.0)
    return float(10.0 * np.log10(power[power > 1e-3 * top].mean())) if top > 1e-12 else -120.0
