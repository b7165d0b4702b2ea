"""Keeps volume and mute of the devices and of the room's master equal, in both directions.

`pw-dump --monitor` reports every change of PipeWire, and `pw-cli` sets the device. A device that appears gets the
master's values: PipeWire forgets those of a sink when it restarts, and the room must not become louder by that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from stemfield.control.config.device import Sink
from stemfield.control.device.pipewire import Node, node_of
from stemfield.control.faults import Contained

RETRY_S: Final = 1.0
SETTLE_S: Final = 0.05
"""Time in which changes of the master are collected."""
QUIETEST_DB: Final = -120.0
MAX_BYTES: Final = 64 << 20
"""Limit of one report of PipeWire."""
_REMEMBERED: Final = 64

log = logging.getLogger(__name__)

Volume = tuple[float, bool]
"""Amplitude, and whether it is muted."""


def volume_of(gain_db: float, *, mute: bool) -> Volume:
    """The volume of a device for a master gain."""
    return (10.0 ** (gain_db / 20.0) if gain_db > QUIETEST_DB else 0.0), mute


def gain_of(volume: float) -> float:
    """The master gain in dB for an amplitude, rounded as displays show it."""
    return round(max(20.0 * math.log10(max(volume, 1e-9)), QUIETEST_DB), 2)


class DeviceVolume:
    """Runs from `start` to `close`, while the daemon is a client of PipeWire.

    Args:
        sinks: the daemon's devices; those that do not exist are waited for.
        master: returns the master's gain in dB and its mute.
        changed: called with the gain in dB and the mute of a device that somebody has changed.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        master: Callable[[], tuple[float, bool]],
        changed: Callable[[float, bool], None],
    ) -> None:
        self._names = {sink.node: len(sink.channels) for sink in sinks}
        self._master = master
        self._changed = changed
        self._present: dict[int, Node] = {}
        self._sent: deque[tuple[int, Volume]] = deque(maxlen=_REMEMBERED)
        """What was sent to which node: its echo is no change by somebody."""
        self._due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to follow PipeWire."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._follow()), loop.create_task(self._set())]

    async def close(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def master_changed(self) -> None:
        """Pass the master's values on to the devices soon."""
        self._due.set()

    async def _follow(self) -> None:
        while True:
            try:
                reader = await asyncio.create_subprocess_exec(
                    "pw-dump",
                    "--monitor",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    limit=MAX_BYTES,
                )
            except FileNotFoundError:
                log.info("pw-dump is not installed: the device's volume does not follow the master gain")
                return
            try:
                await self._read(reader.stdout)
            finally:
                self._present.clear()
                if reader.returncode is None:  # its own `kill` may take the exit status from asyncio
                    with suppress(ProcessLookupError):
                        os.kill(reader.pid, signal.SIGTERM)
                await reader.wait()
            await asyncio.sleep(RETRY_S)  # PipeWire has gone, or is not there yet

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        """Read reports until the end: arrays of JSON, which begin and end at the start of a line."""
        assert stream is not None
        lines: list[bytes] = []
        size = 0
        async for line in stream:
            lines.append(line)
            size += len(line)
            if line.rstrip() == b"]" or size > MAX_BYTES:
                with Contained("a report of PipeWire cannot be used"):
                    for one in json.loads(b"".join(lines)):
                        self._take(one)
                lines, size = [], 0

    def _take(self, one: dict[str, Any]) -> None:
        if one.get("info") is None:
            self._present.pop(one.get("id", -1), None)
            return
        node = node_of(one)
        if node is None or node.name not in self._names:
            return
        before = self._present.get(node.number)
        self._present[node.number] = node
        if node.volume is None:
            return
        now = node.volume, node.mute
        if before is None or before.volume is None:
            self._due.set()
        elif not _same(now, (before.volume, before.mute)) and not self._is_echo(node.number, now):
            self._sent.clear()
            self._changed(gain_of(node.volume), node.mute)

    def _is_echo(self, number: int, now: Volume) -> bool:
        found = next((at for at, (to, sent) in enumerate(self._sent) if to == number and _same(now, sent)), None)
        for _ in range(0 if found is None else found + 1):
            self._sent.popleft()
        return found is not None

    async def _set(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            gain_db, mute = self._master()
            wanted = volume_of(gain_db, mute=mute)
            for node in list(self._present.values()):
                if node.volume is None or _same(wanted, (node.volume, node.mute)):
                    continue
                self._sent.append((node.number, wanted))
                values = {"mute": mute, "channelVolumes": [round(wanted[0], 6)] * self._names[node.name]}
                await _pw_cli("set-param", str(node.number), "Props", json.dumps(values))
            await asyncio.sleep(SETTLE_S)


def _same(one: Volume, other: Volume) -> bool:
    """Whether two volumes are equal, as far as PipeWire writes its digits."""
    return one[1] == other[1] and math.isclose(one[0], other[0], rel_tol=1e-3, abs_tol=2e-6)


async def _pw_cli(*words: str) -> None:
    with suppress(FileNotFoundError):
        process = await asyncio.create_subprocess_exec(
            "pw-cli",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.wait()
