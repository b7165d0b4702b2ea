"""Reads the configuration again while the daemon plays (SIGHUP): live keys take effect, others wait for a restart.

A file that cannot be used changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from stemfield.control.config.configuration import Config
from stemfield.control.config.schema import LIVE
from stemfield.layouts.problems import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A running configuration and a new one."""

    config: Config
    """The running one with the live keys of the new one."""
    taken: tuple[str, ...]
    """Live keys that differ."""
    waiting: tuple[str, ...]
    """Other keys that differ."""


def compare(running: Config, new: Config) -> Comparison:
    """Find what differs, and which of it takes effect at once."""
    config = running
    taken: list[str] = []
    waiting: list[str] = []
    for path, live in _keys(type(running)):
        value = _value(new, path)
        if value == _value(running, path):
            continue
        (taken if live else waiting).append(".".join(path))
        if live:
            config = _with(config, path, value)
    return Comparison(config, tuple(taken), tuple(waiting))


class Reloader:
    """Reads the configuration on request, one time after another.

    Args:
        config: running configuration.
        read: reads the new one, on a thread; raises UserError with every problem of it.
        apply: puts the running configuration with new live keys in force.
    """

    def __init__(self, config: Config, read: Callable[[], Config], apply: Callable[[Config], Awaitable[None]]) -> None:
        self._config = config
        self._read = read
        self._apply = apply
        self._requested = False
        self._task: asyncio.Task[None] | None = None

    def request(self) -> None:
        """Read it soon."""
        self._requested = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(_log_fault)

    async def close(self) -> None:
        """Cancel what is going on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._requested:
            self._requested = False
            try:
                new = await asyncio.to_thread(self._read)
            except UserError as error:
                for line in error.lines:
                    log.error("%s", line)
                log.error("the configuration stays as it was")
                continue
            found = compare(self._config, new)
            if found.taken:
                await self._apply(found.config)
            self._config = found.config
            log.info("configuration reloaded: %s", ", ".join(found.taken) or "no live key has changed")
            if found.waiting:
                log.warning("a restart is needed for: %s", ", ".join(found.waiting))


def _log_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the configuration could not be applied: send SIGHUP to try again", exc_info=error)


def _keys(block: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Path of every key, and whether it is live; a list of blocks is one key."""
    for name, field in block.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, (*above, name))
        else:
            yield (*above, name), field.json_schema_extra == LIVE


def _value(block: BaseModel, path: tuple[str, ...]) -> object:
    for name in path:
        block = getattr(block, name)
    return block


def _with(config: Config, path: tuple[str, ...], value: object) -> Config:
    """The configuration with another value of a key, which stands in it or in a block of it."""
    *above, name = path
    if above:
        (block,) = above
        name, value = block, getattr(config, block).model_copy(update={name: value})
    return config.model_copy(update={name: value})
