"""The configuration read anew while the daemon plays (SIGHUP): what is taken at once, what waits for the next start.

A file that cannot be used changes nothing. What would end the sound (layout, driver, ports) waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from stemfield.control.config.configuration import Config
from stemfield.control.config.network import HandsConfig
from stemfield.layouts.problems import UserError

LIVE: Final = frozenset(
    {
        "model",
        "jack.connect_inputs",
        "jack.connect_outputs",
        "jack.connect_monitor",
        "jack.connect_speakers",
        "network.allow",
        "network.read_only",
        "network.token",
        "network.names",
        "network.max_messages_per_s",
        "mirror",
        "peer.bridge_ms",
        "log_level",
        *(f"hands.{key}" for key in HandsConfig.model_fields),
    }
)
"""Keys that are taken at once."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A running configuration and a new one."""

    config: Config
    """The running one with those values of the new one that are taken."""
    taken: tuple[str, ...]
    """Their keys."""
    waiting: tuple[str, ...]
    """Keys that differ and wait for the next start."""


def compare(running: Config, new: Config) -> Comparison:
    """What of a new configuration is taken at once."""
    before, after = dict(_values(running)), dict(_values(new))
    different = [key for key in before if before[key] != after[key]]
    taken = tuple(key for key in different if key in LIVE)
    return Comparison(_with(running, taken, new), taken, tuple(key for key in different if key not in LIVE))


class Reloader:
    """Reads the configuration whenever it is asked to, each time after the other.

    Args:
        config: the running one.
        read: reads the new one, in a thread; raises UserError with every problem of it.
        take: puts the running one with what is taken in force.
    """

    def __init__(self, config: Config, read: Callable[[], Config], take: Callable[[Config], Awaitable[None]]) -> None:
        self._config = config
        self._read = read
        self._take = take
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Have it read soon."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(_tell_fault)

    async def close(self) -> None:
        """End what is going on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                new = await asyncio.to_thread(self._read)
            except UserError as error:
                for line in error.lines:
                    log.error("%s", line)
                log.error("the configuration stays as it was")
                continue
            found = compare(self._config, new)
            if found.taken:
                await self._take(found.config)
            self._config = found.config
            log.info("the configuration was read anew: %s", ", ".join(found.taken) or "nothing to take")
            if found.waiting:
                log.warning("these wait for the next start: %s", ", ".join(found.waiting))


def _tell_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the configuration could not be taken: send SIGHUP to try again", exc_info=error)


def _values(block: BaseModel, above: str = "") -> Iterator[tuple[str, object]]:
    """Every key with its value; a list of blocks is one value."""
    for name in type(block).model_fields:
        value = getattr(block, name)
        if isinstance(value, BaseModel):
            yield from _values(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _with(config: Config, keys: Iterable[str], new: Config) -> Config:
    for key in keys:
        block, _, name = key.rpartition(".")
        if block:
            part: BaseModel = getattr(config, block)
            changed: object = part.model_copy(update={name: getattr(getattr(new, block), name)})
            config = config.model_copy(update={block: changed})
        else:
            config = config.model_copy(update={name: getattr(new, name)})
    return config
