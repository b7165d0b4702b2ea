"""The track that plays now, of all players that are followed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from stemfield.control.config.configuration import Config
from stemfield.control.playing.mpd import MpdPlayer
from stemfield.control.playing.mpris import MprisPlayers
from stemfield.control.status import NOTHING_PLAYS, Track

STOP_S = 0.5


class PlayingTrack:
    """What plays: a player of the desktop, otherwise the configured MPD.

    Args:
        config: configuration of the daemon.
    """

    def __init__(self, config: Config) -> None:
        self._found: dict[str, Track | None] = {}
        self.on_change: Callable[[], object] = lambda: None
        """Called whenever another track plays."""
        self._players: list[MprisPlayers | MpdPlayer] = []
        if config.playing.mpris:
            self._players.append(MprisPlayers(partial(self._take, "mpris")))
        if config.playing.mpd is not None:
            host, port = config.playing.mpd_address
            self._players.append(MpdPlayer(host, port, partial(self._take, "mpd")))

    def _take(self, player: str, track: Track | None) -> None:
        before = self.now
        self._found[player] = track
        if self.now != before:
            self.on_change()

    @property
    def now(self) -> Track:
        """The track; empty while nothing plays, or nothing is known of it."""
        return self._found.get("mpris") or self._found.get("mpd") or NOTHING_PLAYS

    def start(self, stack: AsyncExitStack) -> None:
        """Follow the players until the stack closes."""
        tasks = [asyncio.get_running_loop().create_task(player.run()) for player in self._players]

        async def stop() -> None:
            pending = set(tasks)
            while pending:  # jeepney swallows the cancellation of a task that is just leaving the bus
                for task in pending:
                    task.cancel()
                _, pending = await asyncio.wait(pending, timeout=STOP_S)

        stack.push_async_callback(stop)
