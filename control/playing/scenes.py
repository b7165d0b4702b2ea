"""Scenes that belong to music: to an album, an artist or a player. The scene of the music that begins is loaded.

Only music that belongs to another scene than the music before changes anything, so what somebody moves by hand stays
until then.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.actions import AssignScene, LoadScene
from stemfield.control.status import NOTHING_PLAYS, Track
from stemfield.layouts.plain_data import read_file
from stemfield.layouts.problems import RefusedError, did_you_mean, shown

FILE: Final = "music.json"
KINDS: Final = ("album", "artist", "source")
"""The first that has a scene counts."""
MAX_ENTRIES: Final = 2000
"""Of each kind; the oldest is forgotten."""
FADE_S: Final = 2.0

_Scenes = dict[str, dict[str, str]]
_SCENES: Final = TypeAdapter(_Scenes)

log = logging.getLogger(__name__)


class MusicScenes:
    """Remembers which scene belongs to what, and loads it for a hub.

    Args:
        folder: state folder.
        hub: has the scenes, and whether they follow the music (`/scene/follow`).
        now: returns the track that plays.
    """

    def __init__(self, folder: Path, hub: Hub, now: Callable[[], Track]) -> None:
        self._path = folder / FILE
        self._hub = hub
        self._now = now
        self._last: str | None = None
        """Scene of the music before."""
        self._peer = Peer("music", 0, lambda *_: None, "music")
        self._scenes = self._read()
        self._unwritten = ""
        self._writing: asyncio.Task[None] | None = None
        hub.on(AssignScene, lambda command, _: self._assign(command.kind))

    @property
    def scene(self) -> str:
        """Name of the scene that belongs to what plays; empty if there is none."""
        track = self._now()
        found = (self._scenes.get(kind, {}).get(_key(track, kind)) for kind in KINDS)
        return next((name for name in found if name), "")

    def changed(self) -> None:
        """Load the scene of the music that has begun, if scenes follow the music."""
        if self._now() == NOTHING_PLAYS:
            return  # a pause
        before, self._last = self._last, self.scene
        library = self._hub.library
        if not self._last or self._last == before or not self._hub.scene.recall.follow:
            return
        if library.current != self._last or library.is_changed(self._hub.scene):
            self._hub.perform([LoadScene(self._last, FADE_S)], self._peer)

    def _assign(self, kind: str) -> None:
        """Let the loaded scene belong to what plays."""
        if kind not in KINDS:
            raise RefusedError(f"expected {', '.join(KINDS)}, got {shown(kind)}{did_you_mean(kind, KINDS)}")
        key, name = _key(self._now(), kind), self._hub.library.current
        if not key:
            raise RefusedError(f"what plays now has no known {kind}")
        if not name:
            raise RefusedError("no scene is loaded: save this one first (/scene/save)")
        entries = self._scenes.setdefault(kind, {})
        entries.pop(key, None)
        entries[key] = name
        while len(entries) > MAX_ENTRIES:
            del entries[next(iter(entries))]
        self._last = self.scene
        self._unwritten = json.dumps(self._scenes)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    def _read(self) -> _Scenes:
        try:
            return _SCENES.validate_json(read_file(self._path))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s: %s", self._path, str(error).splitlines()[0])
            return {}

    async def _write(self) -> None:
        """Write the newest state, on a thread, because a disk may be slow."""
        beside = self._path.with_name(f".{FILE}.new")
        while self._unwritten:
            text, self._unwritten = self._unwritten, ""
            try:
                await asyncio.to_thread(beside.write_text, text, encoding="utf-8")
                await asyncio.to_thread(beside.replace, self._path)
            except OSError as error:
                log.warning("%s: %s", self._path, error.strerror)


def _key(track: Track, kind: str) -> str:
    return str(getattr(track, kind)).casefold()
