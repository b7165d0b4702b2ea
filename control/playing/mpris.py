"""Follows the players of the desktop by MPRIS, the D-Bus interface that they share.

https://specifications.freedesktop.org/mpris-spec/2.2: a player has a name that begins with `org.mpris.MediaPlayer2.`,
and tells a change of its properties by a signal. Signals are only a reason to look again: what counts is what a player
answers, at most five times a second, however many signals arrive.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, MessageType, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusRouter, open_dbus_connection
from jeepney.io.common import RouterClosed

from stemfield.control.status import Track

PREFIX: Final = "org.mpris.MediaPlayer2."
PATH: Final = "/org/mpris/MediaPlayer2"
LOOK_S: Final = 0.2
ANSWER_S: Final = 2.0
"""A player that does not answer in this time counts as silent."""
RETRY_S: Final = 5.0
MAX_PLAYERS: Final = 16


class MprisPlayers:
    """The players of the session bus.

    Args:
        changed: called with the playing track, or None if no player plays.
    """

    def __init__(self, changed: Callable[[Track | None], object]) -> None:
        self._changed = changed
        self._since: dict[str, int] = {}
        """Order in which the players that play now have begun."""
        self._begun = 0

    async def run(self) -> None:
        """Follow them for ever; without a bus, try again now and then."""
        while True:
            with suppress(OSError, EOFError, RouterClosed, RuntimeError, TimeoutError, ValueError):  # no bus
                async with AsyncExitStack() as stack:
                    connection = await open_dbus_connection(_address())
                    stack.callback(connection.writer.close)  # its own way out does not close it if the bus has ended
                    await self._follow(stack, await stack.enter_async_context(DBusRouter(connection)))
            self._since.clear()
            self._changed(None)
            await asyncio.sleep(RETRY_S)

    async def _follow(self, stack: AsyncExitStack, router: DBusRouter) -> None:
        signals: asyncio.Queue[Message] = asyncio.Queue(1)  # those that do not fit would say the same
        names = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
        names.add_arg_condition(0, PREFIX.rstrip("."), kind="namespace")
        for rule in (MatchRule(type="signal", path=PATH), names):
            await asyncio.wait_for(router.send_and_get_reply(message_bus.AddMatch(rule)), ANSWER_S)
            stack.enter_context(router.filter(rule, queue=signals))
        while True:
            self._changed(await self._look(router))
            ended = asyncio.ensure_future(signals.get())
            receiver = router._rcv_task  # noqa: SLF001 (it ends with the bus, which nothing else tells)
            try:
                await asyncio.wait({ended, receiver}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
            if receiver.done():
                raise EOFError
            await asyncio.sleep(LOOK_S)

    async def _look(self, router: DBusRouter) -> Track | None:
        """The track of the player that has begun last, of those that play."""
        reply = await asyncio.wait_for(router.send_and_get_reply(message_bus.ListNames()), ANSWER_S)
        players = sorted(name for name in reply.body[0] if name.startswith(PREFIX))[:MAX_PLAYERS]
        tracks = dict(zip(players, await asyncio.gather(*(_track(router, name) for name in players)), strict=True))
        playing = {name: track for name, track in tracks.items() if track is not None}
        for name in set(self._since) - set(playing):
            del self._since[name]
        for name in playing:
            if name not in self._since:
                self._begun += 1
                self._since[name] = self._begun
        return playing[max(playing, key=lambda name: self._since[name])] if playing else None


async def _track(router: DBusRouter, name: str) -> Track | None:
    """What a player plays; None if it is stopped, or does not answer."""
    address = DBusAddress(PATH, name, "org.freedesktop.DBus.Properties")

    async def properties(interface: str) -> Mapping[str, Any]:
        message = new_method_call(address, "GetAll", "s", (interface,))
        reply = await asyncio.wait_for(router.send_and_get_reply(message), ANSWER_S)
        is_error = reply.header.message_type is MessageType.error
        return {} if is_error or reply.header.fields.get(HeaderFields.signature) != "a{sv}" else dict(reply.body[0])

    with suppress(asyncio.TimeoutError):
        player = await properties("org.mpris.MediaPlayer2.Player")
        if _value(player, "PlaybackStatus") == "Playing":
            root = await properties("org.mpris.MediaPlayer2")
            source = _value(root, "Identity") or name.removeprefix(PREFIX)
            return track_of(_value(player, "Metadata"), str(source))
    return None


def track_of(metadata: object, source: str) -> Track:
    """The track in MPRIS metadata: a dictionary of variants, each a pair of signature and value."""
    known = metadata if isinstance(metadata, dict) else {}
    title, album = _value(known, "xesam:title"), _value(known, "xesam:album")
    artists = _value(known, "xesam:artist")
    names = ", ".join(map(str, artists)) if isinstance(artists, list) else artists
    return Track.of(title, names, album, source)


def _value(found: Mapping[str, Any], key: str) -> Any:
    pair = found.get(key)
    return pair[1] if isinstance(pair, tuple) and len(pair) == 2 else None


def _address() -> str:
    """Address of the session bus; a service has only the runtime folder."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={folder}/bus"
