"""Follows a Music Player Daemon by its protocol (https://mpd.readthedocs.io/en/stable/protocol.html).

`idle player` answers when something changes; then `status` and `currentsong` say what plays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stemfield.control.status import Track

RETRY_S: Final = 5.0
ANSWER_S: Final = 5.0
LOOK_S: Final = 0.2
MAX_LINE: Final = 1 << 16
MAX_LINES: Final = 1000
SOURCE: Final = "MPD"


class MpdPlayer:
    """One MPD.

    Args:
        host: its host.
        port: its TCP port.
        changed: called with the playing track, or None if it does not play.
    """

    def __init__(self, host: str, port: int, changed: Callable[[Track | None], object]) -> None:
        self._host = host
        self._port = port
        self._changed = changed

    async def run(self) -> None:
        """Follow it for ever; without a connection, try again now and then."""
        while True:
            with suppress(TimeoutError, OSError, EOFError, ValueError):  # it has gone, or is no MPD
                await self._follow()
            self._changed(None)
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        opening = asyncio.open_connection(self._host, self._port, limit=MAX_LINE)
        reader, writer = await asyncio.wait_for(opening, ANSWER_S)
        try:
            greeting = await asyncio.wait_for(reader.readline(), ANSWER_S)
            if not greeting.startswith(b"OK MPD "):
                raise ValueError("expected the greeting of an MPD")
            while True:
                status = await _ask(reader, writer, "status", ANSWER_S)
                song = await _ask(reader, writer, "currentsong", ANSWER_S)
                self._changed(track_of(song) if status.get("state") == "play" else None)
                await _ask(reader, writer, "idle player", None)
                await asyncio.sleep(LOOK_S)
        finally:
            writer.close()


def track_of(song: dict[str, str]) -> Track:
    """The track in MPD's answer; a file without tags is shown by its name."""
    title = song.get("title") or song.get("name") or song.get("file", "").rpartition("/")[2]
    return Track.of(title, song.get("artist"), song.get("album"), SOURCE)


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str, timeout_s: float | None
) -> dict[str, str]:
    """The answer to a command, by lower-case keys; of a key that comes twice the first.

    Raises:
        EOFError: the connection has ended.
        ValueError: it is refused, or is no answer of an MPD.
    """
    writer.write(f"{command}\n".encode())
    await writer.drain()
    found: dict[str, str] = {}
    for _ in range(MAX_LINES):
        line = await asyncio.wait_for(reader.readline(), timeout_s)
        if not line.endswith(b"\n"):
            raise EOFError
        text = line.decode(errors="replace").rstrip("\n")
        if text == "OK":
            return found
        key, colon, value = text.partition(": ")
        if text.startswith("ACK ") or not colon:
            raise ValueError(text[:200])
        found.setdefault(key.casefold(), value)
    raise ValueError("expected at most 1000 lines")
