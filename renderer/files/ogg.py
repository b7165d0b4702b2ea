"""The chained streams of an Ogg file (RFC 3533, section 4), by their pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stemfield.renderer.files.spans import Window

CAPTURE: Final = b"OggS"
_HEAD_BYTES: Final = 27
_BEGINS, _ENDS = 2, 4
_PAGE_SAMPLES: Final = 255 * 8192
"""Maximum number of samples on a page (Vorbis I, 4.2.2)."""


@dataclass(slots=True)
class Link:
    """A stream, or several side by side, from the first page to the last.

    Attributes:
        start: position of its first page.
        stop: position after its last page.
        ended: whether a complete page is marked as the last one.
        first_granule: position in the music at the end of the first page of sound.
    """

    start: int
    stop: int
    ended: bool = False
    first_granule: int = 0

    @property
    def begins_late(self) -> bool:
        """Whether it was recorded from the middle of a stream, so that its positions do not start at 0."""
        return self.first_granule > _PAGE_SAMPLES


def find_links(window: Window, start: int, end: int) -> list[Link]:
    """Every link of a chain between two positions.

    Raises:
        OSError: the file cannot be read.
    """
    links: list[Link] = []
    beginning = False
    at = start
    while (at := window.find(CAPTURE, at, end)) >= 0:
        head = window.bytes_at(at, _HEAD_BYTES)
        if len(head) < _HEAD_BYTES:
            break
        begins = bool(head[5] & _BEGINS)
        sizes = window.bytes_at(at + _HEAD_BYTES, head[26])
        stop = at + _HEAD_BYTES + len(sizes) + sum(sizes)
        if begins and not beginning:
            links.append(Link(at, at))
        beginning = begins
        if links:
            links[-1].stop = min(stop, end)
            granule = int.from_bytes(head[6:14], "little", signed=True)
            links[-1].first_granule = links[-1].first_granule or max(granule, 0)
            links[-1].ended = bool(head[5] & _ENDS) and stop <= end
        at = stop
    return links
