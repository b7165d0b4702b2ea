"""Reads the configuration again while the daemon plays (SIGHUP): live keys take effect, others wait for a restart.

A file that cannot be used changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from stemfield.control.config.configuration import Config
from stemfield.control.config.schema import LIVE
from stemfield.layouts.problems import UserError

log = logging.getLogger(__name__)


Block = TypeVar("Block", bound=BaseModel)


def compare(running: Block, new: Block, above: str = "") -> tuple[Block, tuple[str, ...], tuple[str, ...]]:
    """Find what differs in a block of the configuration, and which of it takes effect at once.

    Returns:
        The running block with the live keys of the new one, the live keys that differ, and the other keys that differ,
        each behind the path `above`. A list of blocks is one key.
    """
    update: dict[str, object] = {}
    taken: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    for name, field in type(running).model_fields.items():
        before, after = getattr(running, name), getattr(new, name)
        if before == after:
            continue
        if isinstance(before, BaseModel):
            update[name], inner_taken, inner_waiting = compare(before, after, f"{above}{name}.")
            taken, waiting = taken + inner_taken, waiting + inner_waiting
        elif field.json_schema_extra == LIVE:
            update[name] = after
            taken += (above + name,)
        else:
            waiting += (above + name,)
    return running.model_copy(update=update), taken, waiting


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
            config, taken, waiting = compare(self._config, new)
            if taken:
                await self._apply(config)
            self._config = config
            log.info("configuration reloaded: %s", ", ".join(taken) or "no live key has changed")
            if waiting:
                log.warning("a restart is needed for: %s", ", ".join(waiting))


def _log_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the configuration could not be applied: send SIGHUP to try again", exc_info=error)
