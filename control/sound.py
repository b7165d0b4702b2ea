"""The sounding part of the daemon: joins a driver, an engine, a worker and a player, and mends what breaks.

The engine outlives its driver: when the JACK server goes away and comes back as it was, gains, stems and worker are
still there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import replace
from functools import partial

import numpy as np

from stemfield.control.config import Config
from stemfield.control.lane import Lane
from stemfield.control.link import Link
from stemfield.control.player import Player
from stemfield.control.room import Room
from stemfield.control.supervisor import PATIENCE_S, Supervisor
from stemfield.layouts import Layout
from stemfield.renderer.drivers.audiofile import AudioFileError
from stemfield.renderer.drivers.clock import ClockDriver
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.dsp.fir import FirError
from stemfield.renderer.engine import Engine, fade_frames
from stemfield.renderer.memory import TIMES
from stemfield.renderer.panning import Panner
from stemfield.renderer.scene import STEMS, Scene
from stemfield.separation.card_schema import ModelCard
from stemfield.separation.latency import live_latency_frames
from stemfield.separation.process import WorkerProcess

RETRY_S = 0.5
TEND_S = 8.0
"""No answer of a server may take longer."""
LEAVE_S = 3.0
"""A server that does not let us go within this time is left to itself."""
MISSED_S = 0.5
"""Stems that are missing for so long are worth a line in the log."""
WITHOUT_MODEL_S = 0.025
"""The latency that is kept free for a model while there is none."""

log = logging.getLogger(__name__)


class Sound:
    """Plays the scene from `start` to `close`; `look_after` and `mend` keep it sounding.

    Args:
        config: of the daemon.
        layout: of the loudspeakers.
        card: the model to begin with; None plays the mixture.
        player: music to play beside the inputs.
        on_status: told in a few words what is sounding, whenever that changes.
    """

    def __init__(
        self,
        config: Config,
        layout: Layout,
        card: ModelCard | None,
        player: Player | None,
        on_status: Callable[[str], None],
    ) -> None:
        self._config = config
        self._layout = layout
        self._panner = Panner(layout)
        self._card = card
        self._player = player
        self._on_status = on_status
        self._scene: Scene | None = None
        self._stems = False
        self._stems_s = 0.0
        self._link = Link(config, layout)
        self._lane = Lane("sound server")
        self._abandoned: list[object] = []
        self.supervisor: Supervisor | None = None
        """The worker's keeper, while there is an engine and a model."""
        self.room: Room | None = None

    @property
    def playing(self) -> bool:
        """Whether something calls the engine."""
        return self._link.driver is not None

    def apply(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Puts a scene in force, now and on every engine to come."""
        self._scene = scene
        if self.room is not None:
            self.room.apply(scene, fade_s)

    def use_model(self, card: ModelCard) -> str:
        """Switches the model; the present one plays until the new worker is ready.

        Returns:
            Why not, or nothing.
        """
        room = self.room
        if room is not None:
            rate_hz, latency = room.engine.sample_rate_hz, room.engine.stem_latency_frames
            needed = live_latency_frames(card, rate_hz) + fade_frames(rate_hz)
            if needed > latency:
                return (
                    f"model {card.name} needs {needed} frames and the daemon runs with {latency}: "
                    "make it the configured model, or enlarge separation.margin_ms, and start anew"
                )
        self._card = card
        if room is not None and self._config.separation.enabled:
            start = partial(self._start_worker, room.engine, card)
            if self.supervisor is None:
                self.supervisor = Supervisor(room.engine.exchange, start, _patience_s(card))
            else:
                self.supervisor.renew(start, time.monotonic(), partial(start, heir=True), _patience_s(card))
        return ""

    async def start(self) -> None:
        """Joins a driver; where a JACK server is to be awaited, returns when it is there.

        Raises:
            OSError: there is no libjack.
        """
        if self.room is None:
            self._on_status("preparing the audio code; after an installation or an update this takes a while")
        waiting = False
        while not await self._in_lane(lambda: self._link.join(self._engine_for, time.monotonic())):
            if not waiting:
                self._on_status("waiting for a JACK server")
                waiting = True
            await asyncio.sleep(RETRY_S)
        if self._scene is not None:
            self.apply(self._scene)  # it may have changed while the engine was made
        self._on_status(self.describe())

    async def mend(self) -> None:
        """Mends what broke between the server and us: connections, or the server itself."""
        tending = self._in_lane(lambda: self._link.tend(self._fits, time.monotonic()))
        try:
            good = await asyncio.wait_for(tending, TEND_S)
        except TimeoutError:
            log.warning("the sound server keeps us waiting: left to itself, and joined anew")
            self._abandon()
            good = False
        if not good:
            await self.start()

    def _abandon(self) -> None:
        """Begins anew beside a call that hangs in the server, which may yet come back and call the old engine."""
        self._abandoned.append((self._link, self._lane, self.room))
        self._leave_engine()
        self._link = Link(self._config, self._layout, self._link.keeper)
        self._lane = Lane("sound server")

    async def _in_lane(self, call: Callable[[], bool]) -> bool:
        return await asyncio.wrap_future(self._lane.submit(call))

    def look_after(self, now_s: float) -> None:
        """Minds the worker; to be called a few times a second from the thread that the worker may die with."""
        if self.supervisor is not None:
            self.supervisor.check(now_s)
        room = self.room
        if room is not None and self.playing:
            self._tell_stems(room.engine.stems_share, now_s)

    def _tell_stems(self, share: float, now_s: float) -> None:
        """Logs when the stems come and when they have been missing for a while."""
        if share > 0.0:
            self._stems_s = now_s
        if share == 1.0 and not self._stems:
            self._stems = True
            log.info("stems arrive")
        elif self._stems and now_s - self._stems_s > MISSED_S:
            self._stems = False
            log.warning("no stems: the recording is played as it is")

    def describe(self) -> str:
        """What is sounding, in a few words."""
        driver = self._link.driver
        if driver is None or self.room is None:
            return "waiting for a JACK server"
        rate_hz, latency = driver.sample_rate_hz, self.room.engine.latency_frames
        delay = f"latency {latency} frames = {1e3 * latency / rate_hz:.1f} ms"
        timing = f"{rate_hz} Hz, period {driver.period_frames} frames, {delay}"
        if isinstance(driver, ClockDriver):
            return f"the computer's clock: nothing is heard without a JACK server ({timing})"
        return f"JACK as {driver.client_name} ({timing})"

    def summary(self) -> str:
        """What happened since the engine began, in one line."""
        room, driver = self.room, self._link.driver
        if room is None:
            return "nothing was played"
        engine = room.engine
        counters, times_s = engine.counters(), engine.call_times_s(TIMES)
        rate_hz = engine.sample_rate_hz
        parts = [f"{counters.position_frames / rate_hz:.1f} s played"]
        if len(times_s):
            p50, p99, p999 = 1e6 * np.percentile(times_s, (50, 99, 99.9))
            parts.append(f"blocks took {p50:.0f} / {p99:.0f} / {p999:.0f} us (p50 / p99 / p99.9)")
        restarts = self.supervisor.restarts if self.supervisor is not None else 0
        parts.append(f"{counters.missing_frames / rate_hz:.3f} s without stems in time, {counters.cuts} cuts")
        parts.append(f"{engine.exchange.late} skips and {restarts} restarts of the worker")
        parts.append(f"{counters.bad_input} input samples that are no sound")
        if driver is not None and not isinstance(driver, ClockDriver):
            parts.append(f"{driver.xruns} xruns of the server")
        return "; ".join(parts)

    def _latency_frames(self, rate_hz: int, period_frames: int) -> int:
        """What the engine needs: the model, the fade, and the time the worker has, which is a period at least."""
        model = round(WITHOUT_MODEL_S * rate_hz) if self._card is None else live_latency_frames(self._card, rate_hz)
        margin = round(self._config.separation.margin_ms * 1e-3 * rate_hz)
        return model + fade_frames(rate_hz) + max(margin, period_frames)

    def _fits(self, rate_hz: int, period_frames: int) -> bool:
        if self.room is None:
            return False
        engine = self.room.engine
        return engine.sample_rate_hz == rate_hz and engine.stem_latency_frames >= self._latency_frames(
            rate_hz, period_frames
        )

    def _engine_for(self, rate_hz: int, period_frames: int) -> Engine:
        """The engine there is if it fits, otherwise a new one with worker and player."""
        if self.room is not None:
            if self._fits(rate_hz, period_frames):
                return self.room.engine
            self._leave_engine()
        engine = Engine(
            rate_hz,
            self._config.jack.channels,
            len(self._link.direct),
            len(self._layout.labels),
            len(STEMS),
            self._latency_frames(rate_hz, period_frames),
            self._chain(rate_hz),
        )
        room = Room(self._layout, self._panner, engine)
        if self._scene is not None:
            room.apply(self._scene)
        self.room = room
        if self._card is not None and self._config.separation.enabled:
            start = partial(self._start_worker, engine, self._card)
            self.supervisor = Supervisor(engine.exchange, start, _patience_s(self._card))
        if self._player is not None:
            try:
                self._player.start(engine)
            except AudioFileError as error:
                log.error("%s", error)
        return engine

    def _chain(self, rate_hz: int) -> Chain:
        """The loudspeaker chain; a correction filter that cannot be used is no reason not to play."""
        try:
            return design_chain(self._layout, rate_hz)
        except FirError as error:
            for line in str(error).splitlines():
                log.error("played without correction filters: %s", line)
            bare = tuple(replace(speaker, fir=None) for speaker in self._layout.speakers)
            return design_chain(replace(self._layout, speakers=bare), rate_hz)

    def _start_worker(self, engine: Engine, card: ModelCard, *, heir: bool = False) -> WorkerProcess:
        return WorkerProcess(
            engine.exchange,
            card.folder,
            engine.sample_rate_hz,
            engine.stem_latency_frames,
            self._config.separation.providers,
            rule=self._config.separation.rule,
            stems=STEMS,
            heir=heir,
        )

    def _leave_engine(self) -> None:
        if self._player is not None:
            self._player.pause()
        supervisor, self.supervisor = self.supervisor, None
        if supervisor is not None:
            supervisor.close()
        room, self.room = self.room, None
        if room is not None:
            room.engine.exchange.close()

    def close(self) -> None:
        """Leaves the server, ends the worker and the player."""
        leaving = self._lane.submit(self._link.leave)
        try:
            leaving.result(LEAVE_S)
        except NotInTimeError:
            log.warning("the sound server does not let us go: left to itself")
        except OSError as error:
            log.warning("%s", error)
        self._lane.close(0.1)
        self._leave_engine()
        if self._player is not None:
            self._player.close()


def _patience_s(card: ModelCard) -> float:
    """How long a worker may give no sign of life: it has none while a chunk is computed."""
    return max(PATIENCE_S, 2.0 * card.patience_samples / card.sample_rate.nominal_hz)
