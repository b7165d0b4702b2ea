"""MP3 streams of complete frames, each with a header that has their number.

The length in a file is unreliable: streams have none, a file that was cut or joined has a wrong one, and a decoder that
believes it ends early. The frames are counted here (ISO/IEC 11172-3, 2.4.2.3), and everything between them, such as
tags, is skipped. A file that was joined of several is several streams, so that the silence that the encoder put around
each is removed (the Xing header with LAME's extension, Mp3 Info Tag revision 1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from stemfield.renderer.files.checksum import crc
from stemfield.renderer.files.id3 import after_tag
from stemfield.renderer.files.spans import Span, Window

_KBPS: Final = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of MPEG-1 and of MPEG-2 and 2.5, layer III."""
_RATES_HZ: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""By the bits of the version."""
_SEARCH_BYTES: Final = 1 << 20
"""Bytes from the beginning in which the first frame is searched."""
_SURE: Final = 3
"""Number of consecutive frames by which a stream is recognised."""
_HEADER_BITRATE: Final = 9
"""Index of a rate at which a frame is long enough for a header."""
_DECODER_DELAY: Final = 529
"""Delay of layer III decoders in samples; mpg123 removes it if there is a header."""
MAX_BACK_BYTES: Final = 511
"""Size of the bit reservoir: the data of a frame begins at most this far before its header."""
_HEADER_BYTES: Final = 200
"""Of a frame, in which a header is found."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The four bytes at the beginning of a frame."""

    version: int
    """Two bits: 3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5."""
    rate_hz: int
    channels: int
    size: int
    """In bytes, with the header."""
    checked: bool = False
    """Whether a checksum of two bytes follows the header."""

    @property
    def samples(self) -> int:
        """Of each channel."""
        return 1152 if self.version == 3 else 576

    @property
    def sound_bytes(self) -> int:
        """Of what is neither header, checksum nor side information."""
        return self.size - 4 - 2 * self.checked - self.side_bytes

    @property
    def side_bytes(self) -> int:
        """Of the side information behind the header."""
        if self.version == 3:
            return 32 if self.channels == 2 else 17
        return 17 if self.channels == 2 else 9

    def fits(self, other: Frame) -> bool:
        """Whether a decoder accepts both in one stream."""
        return (self.version, self.rate_hz, self.channels) == (other.version, other.rate_hz, other.channels)


@dataclass
class Stream:
    """A stream of frames.

    Attributes:
        head: the first four bytes.
        frame: their meaning.
        count: number of frames.
        declared: number of frames by its own header, if any.
        delay: samples that the encoder added before the music, if the header has it.
        padding: samples that it added after the music.
        cut: whether the file ends within a further frame, which is skipped.
        damaged: number of frames that are silent because parts are missing.
        spans: the frames.
    """

    head: bytes
    frame: Frame
    count: int = 0
    declared: int | None = None
    delay: int | None = None
    padding: int = 0
    cut: bool = False
    damaged: int = 0
    spans: list[Span] = field(default_factory=list)
    _kept_bytes: int = 0
    """Of sound in the frames so far, to which later ones may point back."""
    _last: range = range(0)
    """Position of the latest frame."""

    @property
    def agrees(self) -> bool:
        """Whether its own header is correct. Some encoders count the header, too."""
        return self.declared is None or (abs(self.declared - self.count) <= 1 and not self.cut)

    @property
    def samples(self) -> int:
        """Actual length in samples of each channel."""
        return self._samples(self.count, self.padding if self.agrees else 0)

    @property
    def declared_samples(self) -> int:
        """Length by its header, if that is wrong."""
        return self.samples if self.agrees or self.declared is None else self._samples(self.declared, self.padding)

    def _samples(self, count: int, padding: int) -> int:
        silence = 0 if self.delay is None else self.delay + _DECODER_DELAY + max(padding - _DECODER_DELAY, 0)
        return max(count * self.frame.samples - silence, 0)

    def add(self, window: Window, at: int, frame: Frame) -> None:
        """Adds a frame."""
        span: Span = range(at, at + frame.size)
        if self._kept_bytes < MAX_BACK_BYTES:
            data = window.bytes_at(at, frame.size)
            if _points_back(data, frame) > self._kept_bytes:
                # what it needs is not there: a decoder would take what it finds instead. It is silence, as others
                # have it, and the sound of later frames that it and the frames before it carry is kept
                begin = self._kept_bytes << (7 if frame.version == 3 else 8)
                span = _silent(data[:4], begin.to_bytes(2, "big")) + data[frame.size - frame.sound_bytes :]
        last = self.spans[-1] if self.spans else None
        if isinstance(span, range) and isinstance(last, range) and last.stop == at:
            self.spans[-1] = range(last.start, span.stop)
        else:
            self.spans.append(span)
        self._kept_bytes += frame.sound_bytes
        self._last = range(at, at + frame.size)
        self.count += 1

    def break_off(self) -> None:
        """Notes that data is missing here: later frames cannot refer to data before it."""
        self._kept_bytes = 0

    def ends_at(self, at: int) -> range:
        """The latest frame if it ends there."""
        return self._last if self._last.stop == at else range(at, at)

    def silence_last(self, window: Window) -> None:
        """Silences the latest frame, whose end is missing or overwritten: decoded, it would be loud noise."""
        span = self.spans.pop()
        if isinstance(span, range) and span.start < self._last.start:
            self.spans.append(range(span.start, self._last.start))
        self.spans.append(_silent(window.bytes_at(self._last.start, 4)).ljust(len(self._last), b"\0"))
        self.damaged += 1

    def trusted(self) -> list[Span]:
        """The frames with a correct header."""
        if self.delay is not None:
            return [self._header(self.count, self.delay, self.padding if self.agrees else 0), *self.spans]
        # with a header, the decoder removes its delay: it gets a frame of silence to remove it from
        silence = self._silent_frame()
        return [self._header(self.count + 1, self.frame.samples - _DECODER_DELAY, 0), bytes(silence), *self.spans]

    def _header(self, count: int, delay: int, padding: int) -> bytes:
        data = self._silent_frame()
        at = 4 + self.frame.side_bytes
        data[at : at + 12] = b"Info" + (1).to_bytes(4, "big") + count.to_bytes(4, "big")
        data[at + 12 : at + 21] = b"LAME3.100"
        data[at + 33 : at + 36] = (delay << 12 | padding).to_bytes(3, "big")
        return bytes(data)

    def _silent_frame(self) -> bytearray:
        head = bytearray(self.head)
        head[1] |= 1  # no checksum
        head[2] = head[2] & 0x0C | _HEADER_BITRATE << 4
        frame = frame_of(bytes(head))
        assert frame is not None
        return head + bytearray(frame.size - 4)


def frame_of(head: bytes) -> Frame | None:
    """The meaning of a frame's first four bytes; None if they do not begin a frame of layer III.

    Frames of free format, whose size is unknown, do not count.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, index, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or index in (0, 15) or rate == 3:
        return None
    rate_hz = _RATES_HZ[version][rate]
    kbps = _KBPS[3 if version == 3 else 2][index]
    size = (144 if version == 3 else 72) * 1000 * kbps // rate_hz + (head[2] >> 1 & 1)
    return Frame(version, rate_hz, 1 if head[3] >> 6 == 3 else 2, size, not head[1] & 1)


def is_free(head: bytes) -> bool:
    """Whether a frame of free format, with an arbitrary bit rate, begins with these bytes."""
    return len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[2] >> 4 == 0 and head[1] & 0x18 != 8


def find_streams(window: Window, start: int, end: int) -> tuple[list[Stream], int]:
    """All streams between two positions, and the number of bytes that are neither sound nor tags.

    Raises:
        OSError: the file cannot be read.
    """
    streams: list[Stream] = []
    strange, at = 0, start
    while at < end:
        head = window.bytes_at(at, 4)
        frame = frame_of(head)
        stream = streams[-1] if streams else None
        goes_on = frame is not None and stream is not None and frame.fits(stream.frame)
        if frame is None or not (goes_on or _is_sure(window, at, end)):
            after = after_tag(window, at)
            if after == at:
                before = range(at, at) if stream is None else stream.ends_at(at)
                after = _after_hole(window, before, end if streams else min(end, start + _SEARCH_BYTES), end)
                strange += max(after - at, 0)
                if stream is not None:
                    stream.break_off()
                    if before and (after < end or _goes_on(window, at)):
                        stream.silence_last(window)
            at = after
            continue
        if at + frame.size > end:
            if stream is not None:
                stream.cut = True
            break
        header = _own_header(window.bytes_at(at, min(frame.size, _HEADER_BYTES)), frame)
        if stream is None or header is not None or not goes_on:
            stream = Stream(head, frame)
            streams.append(stream)
        if header is not None:
            stream.declared, stream.delay, stream.padding = header
        else:
            stream.add(window, at, frame)
        at += frame.size
    return [stream for stream in streams if stream.count], strange


def _after_hole(window: Window, before: range, search_end: int, end: int) -> int:
    """Position at which sound continues after a frame without a successor, or `end`.

    That may be within the frame, which then has lost a part.
    """
    own = frame_of(window.bytes_at(before.start, 4)) if before else None
    if own is not None:
        inside = _next_frame(window, before.start + 4, before.stop)
        while inside is not None:
            frame = frame_of(window.bytes_at(inside, 4))
            if frame is not None and frame.fits(own):
                return inside
            inside = _next_frame(window, inside + 1, before.stop)
    found = _next_frame(window, before.stop + 1, search_end)
    return end if found is None else found


def _goes_on(window: Window, at: int) -> bool:
    """Whether the bytes around a position are all the same, as in data that was never written."""
    return len(set(window.bytes_at(at - 4, 8))) == 1


def _next_frame(window: Window, at: int, end: int) -> int | None:
    while (at := window.find(b"\xff", at, end)) >= 0:
        if _is_sure(window, at, end):
            return at
        at += 1
    return None


def _is_sure(window: Window, at: int, end: int) -> bool:
    """Whether matching frames begin here, as many as fit."""
    first: Frame | None = None
    for _ in range(_SURE):
        frame = frame_of(window.bytes_at(at, 4))
        if frame is None or (first is not None and not frame.fits(first)):
            return first is not None and after_tag(window, at) > at
        first = first or frame
        at += frame.size
        if at >= end:
            return True
    return True


def _silent(head: bytes, begin: bytes = b"") -> bytes:
    """Header and side information of a silent frame; the latter begins with `begin`."""
    frame = frame_of(head)
    assert frame is not None
    side = begin.ljust(frame.side_bytes, b"\0")
    check = crc(head[2:] + side, 16, 0x8005, 0xFFFF)  # ISO/IEC 11172-3, 2.4.3.1
    return head + (check.to_bytes(2, "big") if frame.checked else b"") + side


def _points_back(data: bytes, frame: Frame) -> int:
    """Offset of the data of a frame before it, in bytes (`main_data_begin`)."""
    at = 4 if data[1] & 1 else 6
    return data[at] << 1 | data[at + 1] >> 7 if frame.version == 3 else data[at]


def _own_header(data: bytes, frame: Frame) -> tuple[int | None, int | None, int] | None:
    """Frames, delay and padding of a Xing, Info or VBRI header; None for a frame of sound."""
    at = 4 + frame.side_bytes
    if data[36:40] == b"VBRI":
        return int.from_bytes(data[50:54], "big"), None, 0
    if data[at : at + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(data[at + 4 : at + 8], "big")
    at += 8
    count = int.from_bytes(data[at : at + 4], "big") if flags & 1 else None
    at += 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4) + 4 * bool(flags & 8)
    if data[at : at + 4] not in (b"LAME", b"Lavf", b"Lavc"):
        return count, None, 0
    silence = int.from_bytes(data[at + 21 : at + 24], "big")
    return count, silence >> 12, silence & 0xFFF
