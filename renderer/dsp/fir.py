"""Correction filters (FIR) of the loudspeakers, without added latency.

The first `HEAD` taps are convolved directly. The rest is divided into partitions of the same length and convolved by
Fourier transform once in `HEAD` frames, by when its input has arrived. The loudspeakers take turns, each at another
frame of the timeline, which spreads the work over the blocks.

W. G. Gardner: Efficient convolution without input-output delay, JAES 43, 1995.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import soundfile
import soxr
from numba import njit

from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.fft import plan, transform
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.files.paths import AudioFileError, open_source
from stemfield.renderer.native.arrays import Doubles, Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import doubles, floats, words
from stemfield.renderer.simd.load_store import copy

HEAD: Final = 256
"""Taps that are convolved directly, and the length of a partition; a power of two."""
UNROLLED: Final = 8
MAX_TAPS: Final = 1 << 16


class FirError(ValueError):
    """A correction filter that cannot be used."""


class FirTable(IntEnum):
    """Words of the stage."""

    CORRECTIONS = 0
    """Address of int64 (loudspeakers,): addresses of each one's table; 0 for no correction."""
    ORDER = auto()
    COSINES = auto()
    SINES = auto()
    WORK = auto()


class CorrectionTable(IntEnum):
    """Words of one loudspeaker's correction."""

    PARTS = 0
    HEAD = auto()
    HISTORY = auto()
    TAIL = auto()
    """Address of float64 (3, HEAD): the input of the last partition and of this one, and the output that is due."""
    SPECTRA = auto()
    """Address of float64 (2, PARTS, HEAD + 1): of past inputs, circular, real and imaginary."""
    REAL = auto()
    IMAGINARY = auto()


CORRECTION_WORDS: Final = len(CorrectionTable)


class Partitions(NamedTuple):
    """A filter, ready for `convolve`."""

    head: Floats
    """The first taps, last one first, shape (HEAD,)."""
    real: Doubles
    """Spectra of the partitions that follow, shape (partitions, HEAD + 1)."""
    imaginary: Doubles
    """Shape (partitions, HEAD + 1)."""


def load_fir(path: Path, sample_rate_hz: int) -> Doubles:
    """The taps of a WAV file, resampled to the engine's rate; their response in Hz stays the same.

    Raises:
        FirError: not a sound file, several channels, samples that are not numbers, or too long.
    """
    try:
        with open_source(path) as opened, soundfile.SoundFile(opened) as file:
            rate_hz, channels = int(file.samplerate), int(file.channels)
            wanted = file.frames / max(rate_hz, 1) * sample_rate_hz
            if wanted > MAX_TAPS + 1:  # before memory is allocated
                raise FirError(f"{path}: {wanted:.0f} taps at {sample_rate_hz} Hz, at most {MAX_TAPS} are possible")
            taps = file.read(dtype="float64", always_2d=True)
    except AudioFileError as error:
        raise FirError(str(error)) from error
    except OSError as error:
        raise FirError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise FirError(f"{path}: not a correction filter: damaged, or not a WAV or FLAC file") from error
    if channels != 1:
        raise FirError(f"{path}: a correction filter has one channel, not {channels}")
    if not taps.size or not np.isfinite(taps).all():
        raise FirError(f"{path}: a correction filter needs taps that are numbers")
    found = taps[:, 0]
    if rate_hz != sample_rate_hz:
        found = soxr.resample(found, rate_hz, sample_rate_hz, quality="VHQ") * (rate_hz / sample_rate_hz)
    if len(found) > MAX_TAPS:
        raise FirError(f"{path}: {len(found)} taps at {sample_rate_hz} Hz, at most {MAX_TAPS} are possible")
    return np.asarray(found, np.float64)


def partition(taps: Doubles) -> Partitions:
    """Prepares a filter of 1 to `MAX_TAPS` taps."""
    head = np.zeros(HEAD, np.float32)
    head[: min(len(taps), HEAD)] = taps[:HEAD]
    parts = -(-max(len(taps) - HEAD, 0) // HEAD)
    rest = np.zeros((parts, 2 * HEAD))
    for k in range(parts):
        part = taps[(k + 1) * HEAD : (k + 2) * HEAD]
        rest[k, : len(part)] = part
    spectra = np.fft.rfft(rest, axis=1) if parts else np.zeros((0, HEAD + 1), complex)
    return Partitions(head[::-1].copy(), spectra.real.copy(), spectra.imag.copy())


def design(layout: Layout, sample_rate_hz: int) -> tuple[Partitions | None, ...]:
    """The correction filters of a layout's loudspeakers.

    Raises:
        FirError: filters that cannot be used, with every reason.
    """
    found: list[Partitions | None] = []
    problems: list[str] = []
    for speaker in layout.speakers:
        try:
            found.append(None if speaker.fir is None else partition(load_fir(speaker.fir, sample_rate_hz)))
        except FirError as error:
            problems.append(f"{speaker.label}: {error}")
    if problems:
        raise FirError("\n".join(problems))
    return tuple(found)


def state(corrections: Sequence[Partitions | None]) -> State:
    """The stage's state for the correction of each loudspeaker, if any."""
    parts = [None if given is None else _correction(given) for given in corrections]
    fourier = plan(2 * HEAD)
    return State(
        FirTable,
        {
            FirTable.CORRECTIONS: np.array([0 if part is None else part.address for part in parts], np.int64),
            FirTable.ORDER: fourier.order,
            FirTable.COSINES: fourier.cosines,
            FirTable.SINES: fourier.sines,
            FirTable.WORK: np.zeros((2, 2 * HEAD)),
        },
        [part for part in parts if part is not None],
    )


def _correction(given: Partitions) -> State:
    parts = len(given.real)
    return State(
        CorrectionTable,
        {
            CorrectionTable.PARTS: parts,
            CorrectionTable.HEAD: given.head,
            CorrectionTable.HISTORY: np.zeros(HEAD - 1 + CHUNK_FRAMES, np.float32),
            CorrectionTable.TAIL: np.zeros((3, HEAD)),
            CorrectionTable.SPECTRA: np.zeros((2, parts, HEAD + 1)),
            CorrectionTable.REAL: given.real,
            CorrectionTable.IMAGINARY: given.imaginary,
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Filters the feeds of loudspeakers that have a correction."""
    speakers = engine[Shared.SPEAKERS]
    out = floats(engine, Shared.SPEAKER_BUS, speakers, ROW_FRAMES)
    corrections = words(own, FirTable.CORRECTIONS, speakers)
    for s in range(speakers):
        if corrections[s] != 0:
            correction = words(corrections, s, CORRECTION_WORDS)
            convolve(out[s], count, own, correction, engine[Shared.POSITION] + s * HEAD // speakers)


@njit(**INNER)
def accumulate(out: Floats, history: Floats, taps: Floats, count: int, length: int) -> None:
    """Adds a direct convolution to out[:length].

    The taps of one frame are added in the same order however long the block is.

    Args:
        out: shape (length or more,).
        history: the `count` - 1 frames before, then those of this block.
        taps: last one first.
        count: taps, a multiple of `UNROLLED`.
        length: frames.
    """
    for k in range(0, count, UNROLLED):
        a, b, c, d = taps[k], taps[k + 1], taps[k + 2], taps[k + 3]
        e, f, g, h = taps[k + 4], taps[k + 5], taps[k + 6], taps[k + 7]
        x = history[k:]
        for i in range(length):
            first = ((out[i] + a * x[i]) + b * x[i + 1]) + (c * x[i + 2] + d * x[i + 3])
            out[i] = first + ((e * x[i + 4] + f * x[i + 5]) + (g * x[i + 6] + h * x[i + 7]))


@njit(**INNER)
def remember(history: Floats, samples: Floats, kept: int, length: int) -> None:
    """Appends a block to the `kept` frames of a history."""
    copy(samples, history[kept:], length)


@njit(**INNER)
def forget(history: Floats, kept: int, length: int) -> None:
    """Moves the last `kept` frames of a history to its front, after a block of `length`."""
    copy(history[length:], history, kept)


@njit(**NATIVE)
def convolve(samples: Floats, length: int, own: Words, correction: Words, position: int) -> None:
    """Filters samples[:length] in place.

    Args:
        samples: one feed.
        length: frames, at most CHUNK_FRAMES.
        own: table of the stage.
        correction: table of this loudspeaker.
        position: position of the first frame on the timeline, plus this loudspeaker's turn.
    """
    parts = correction[CorrectionTable.PARTS]
    history = floats(correction, CorrectionTable.HISTORY, HEAD - 1 + CHUNK_FRAMES)
    tail = doubles(correction, CorrectionTable.TAIL, 3, HEAD)
    remember(history, samples, HEAD - 1, length)
    for i in range(length):
        samples[i] = 0.0
    accumulate(samples, history, floats(correction, CorrectionTable.HEAD, HEAD), HEAD, length)
    at = 0
    while parts > 0 and at < length:
        within = (position + at) & (HEAD - 1)
        count = min(length - at, HEAD - within)
        for i in range(count):
            tail[1, within + i] = history[HEAD - 1 + at + i]
            samples[at + i] += np.float32(tail[2, within + i])
        at += count
        if within + count == HEAD:
            _next_partition(own, correction, ((position + at) // HEAD) % parts)
    forget(history, HEAD - 1, length)


@njit(**INNER)
def _next_partition(own: Words, correction: Words, newest: int) -> None:
    """Makes the output of the next HEAD frames from all inputs so far."""
    parts, work = correction[CorrectionTable.PARTS], doubles(own, FirTable.WORK, 2, 2 * HEAD)
    tail = doubles(correction, CorrectionTable.TAIL, 3, HEAD)
    spectra = doubles(correction, CorrectionTable.SPECTRA, 2, parts, HEAD + 1)
    real = doubles(correction, CorrectionTable.REAL, parts, HEAD + 1)
    imaginary = doubles(correction, CorrectionTable.IMAGINARY, parts, HEAD + 1)
    order = words(own, FirTable.ORDER, 2 * HEAD)
    cosines, sines = doubles(own, FirTable.COSINES, HEAD), doubles(own, FirTable.SINES, HEAD)
    re, im = work[0], work[1]
    for i in range(HEAD):
        re[i], re[HEAD + i] = tail[0, i], tail[1, i]
        im[i], im[HEAD + i] = 0.0, 0.0
        tail[0, i] = tail[1, i]
    transform(re, im, order, cosines, sines)
    for i in range(HEAD + 1):
        spectra[0, newest, i], spectra[1, newest, i] = re[i], im[i]
        re[i], im[i] = 0.0, 0.0
    for k in range(parts):
        past = newest - k if newest >= k else newest - k + parts
        x, y, u, v = spectra[0, past], spectra[1, past], real[k], imaginary[k]
        for i in range(HEAD + 1):
            re[i] += x[i] * u[i] - y[i] * v[i]
            im[i] += x[i] * v[i] + y[i] * u[i]
    for i in range(1, HEAD):
        re[2 * HEAD - i], im[2 * HEAD - i] = re[i], -im[i]
    transform(im, re, order, cosines, sines)
    for i in range(HEAD):
        tail[2, i] = re[HEAD + i] / (2 * HEAD)
