"""Contents of an audio file, by its bytes and not by its headers: the streams to decode one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from stemfield.renderer.files import flac, id3, mp3, ogg, wave
from stemfield.renderer.files.spans import Span, Window

ACCEPTED: Final = "WAV, FLAC, OGG or MP3"
MAX_STREAMS: Final = 1000
_OGG_HEAD_BYTES: Final = 64
_LOUDEST_MP3: Final = 8.0
"""18 dB over full scale; a frame with a few wrong bits is up to 110 dB over it."""

_OTHERS: Final = (
    (0, b"FORM", "an AIFF file"),
    (0, b"caff", "a CAF file"),
    (0, b"riff\x2e\x91", "a Wave64 file"),
    (0, b"RIFX", "a big-endian WAV file"),
    (0, b".snd", "an AU file"),
    (4, b"ftyp", "an MP4 file (M4A: AAC or ALAC)"),
    (0, b"\xff\xfc", "an MPEG file of layer II"),
    (0, b"\xff\xfd", "an MPEG file of layer II"),
    (0, b"\xff\xf1", "an AAC file"),
    (0, b"\xff\xf9", "an AAC file"),
    (0, b"\x30\x26\xb2\x75", "a WMA file"),
    (0, b"MAC ", "a Monkey's Audio file"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (0, b"DSD ", "a DSD file"),
    (0, b"FRM8", "a DSD file"),
    (0, b"MThd", "a MIDI file"),
    (0, b"\x0b\x77", "an AC-3 file"),
)


_OGG_OTHERS: Final = (
    (b"\x7fFLAC", "FLAC"),
    (b"Speex", "Speex"),
    (b"\x80theora", "Theora"),
)
"""Codecs in OGG files, and how they begin."""


class ContentsError(ValueError):
    """A file that cannot be read; the message does not name the file."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream for a decoder.

    Attributes:
        spans: its bytes.
        counted: whether the decoder can tell its length without decoding it.
        loudest: level beyond which samples are damage, relative to full scale.
    """

    spans: tuple[Span, ...]
    counted: bool = True
    loudest: float = math.inf


def contents_of(window: Window) -> tuple[list[Stream], str, list[str]]:
    """The contents of a file.

    Returns:
        The streams to decode one after the other, the title of a tag outside of them, and remarks for the user.

    Raises:
        ContentsError: unsupported or damaged file.
        OSError: the file cannot be read.
    """
    start = 0
    while (behind := id3.after_tag(window, start)) > start:
        start = behind
    head = window.bytes_at(start, 12)
    notes: list[str] = []
    if wave.begins(head):
        streams = _waves(window, start, notes)
    elif head[:4] == flac.MARKER:
        streams = [_flac(each, notes) for each in flac.find_streams(window, start, window.size)]
    elif head[:4] == ogg.CAPTURE:
        links = ogg.find_links(window, start, window.size)
        for codec, told in _OGG_OTHERS:
            if codec in window.bytes_at(start, _OGG_HEAD_BYTES):
                raise ContentsError(f"expected Vorbis or Opus in OGG, got {told}")
        if not all(link.ended for link in links):
            notes.append("the file is cut off; read is what there is")
        streams = [Stream((range(link.start, link.stop),), not link.begins_late) for link in links]
    else:
        streams = _mp3(window, start, window.size, notes)
        if not streams and mp3.is_free(head):
            streams = [Stream((range(start, window.size),))]  # the decoder determines the length of its frames
        if not streams and not window.size:
            raise ContentsError(f"expected {ACCEPTED}, got an empty file")
        if not streams:
            kind = next((told for at, magic, told in _OTHERS if head[at : at + len(magic)] == magic), None)
            if kind is None:
                raise ContentsError(f"not a sound file: expected {ACCEPTED}")
            raise ContentsError(f"expected {ACCEPTED}, got {kind}")
    if not streams:
        raise ContentsError("damaged: no stream of sound begins in it")
    if len(streams) > MAX_STREAMS:
        raise ContentsError(f"holds {len(streams)} pieces of sound in a row; at most {MAX_STREAMS} are read")
    if len(streams) > 1:
        notes.append(f"holds {len(streams)} pieces of sound in a row; all of them are read")
    return streams, id3.title_of(window, 0), notes


def _waves(window: Window, start: int, notes: list[str]) -> list[Stream]:
    streams: list[Stream] = []
    waves = wave.find_waves(window, start, window.size)
    if waves[-1].missing is None and (left := _strange_bytes(window, waves[-1].stop)):
        notes.append(f"{left} bytes behind the sound, as long as its header says it is, are left out")
    for each in waves:
        if each.declared is not None and each.second:
            _compare(each.declared / each.second, len(each.sound) / each.second, notes)
        if each.missing is not None and each.sound:
            notes.append(f"{each.missing[2] + 8} bytes behind the sound are no whole chunk and are left out")
        if int.from_bytes(each.format(window)[:2], "little") == wave.MP3:
            streams += _mp3(window, each.sound.start, each.sound.stop, notes)
        else:
            streams.append(Stream(tuple(each.trusted(window))))
    return streams


def _strange_bytes(window: Window, at: int) -> int:
    """Number of bytes from here to the end that are neither tags nor zeros."""
    while (behind := id3.after_tag(window, at)) > at:
        at = behind
    return window.size - at if window.bytes_at(at, window.size - at).strip(b"\0") else 0


def _mp3(window: Window, start: int, end: int, notes: list[str]) -> list[Stream]:
    streams, strange_bytes = mp3.find_streams(window, start, end)
    for each in streams:
        rate_hz = each.frame.rate_hz
        if each.damaged:
            which = "1 frame has" if each.damaged == 1 else f"{each.damaged} frames have"
            notes.append(f"{which} lost a part; silent there")
        if each.declared_samples != each.samples:
            _compare(each.declared_samples / rate_hz, each.samples / rate_hz, notes)
        elif each.cut:
            notes.append(f"the file is cut off; read is what there is, {each.samples / rate_hz:.2f} s")
    if streams and strange_bytes:
        notes.append(f"{strange_bytes} bytes that are neither sound nor a tag are left out")
    return [Stream(tuple(each.trusted()), loudest=_LOUDEST_MP3) for each in streams]


def _flac(stream: flac.FlacStream, notes: list[str]) -> Stream:
    if not stream.rate_hz:
        raise ContentsError("damaged: its header says a sample rate of 0 Hz")
    if stream.declared and stream.counted > stream.declared:
        _compare(stream.declared / stream.rate_hz, stream.counted / stream.rate_hz, notes)
    elif not stream.declared and stream.cut_at is not None:
        notes.append(f"the file is cut off; read is what there is, {stream.counted / stream.rate_hz:.2f} s")
    return Stream(tuple(stream.trusted()))


def _compare(declared_s: float, there_s: float, notes: list[str]) -> None:
    if declared_s > there_s:
        notes.append(f"the file is cut off; read is what there is, {there_s:.2f} s of {declared_s:.2f} s")
    elif declared_s < there_s:
        notes.append(f"its header says {declared_s:.2f} s and {there_s:.2f} s are there; all of it is read")
