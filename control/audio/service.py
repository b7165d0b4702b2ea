"""The sounding part of the daemon: joins a driver, an engine, a worker and a player, and mends what breaks.

The engine outlives its driver: when the JACK server goes away and comes back as it was, gains, stems and worker are
still there.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stemfield.control.audio import report as account
from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.audio.jack_link import Link, fade_out
from stemfield.control.audio.latest_wins import Newest
from stemfield.control.audio.player import Player
from stemfield.control.audio.roles import SILENT_ROWS, engine_of
from stemfield.control.audio.serial_executor import Lane
from stemfield.control.audio.stem_outputs import StemOutputs
from stemfield.control.audio.supervisor import PATIENCE_S, Supervisor
from stemfield.control.config.configuration import Config
from stemfield.control.status import QUIET, UNCALLED, CallbackState, SoundState
from stemfield.layouts.model import Layout
from stemfield.renderer.drivers.audiofile import AudioFileError
from stemfield.renderer.drivers.clock import ClockDriver
from stemfield.renderer.engine.bad_samples import BadSamples
from stemfield.renderer.engine.chain_builder import fit
from stemfield.renderer.engine.engine import Engine, fade_frames
from stemfield.renderer.engine.levels import SILENT, Levels
from stemfield.renderer.panning import Panner
from stemfield.renderer.renderer import Room
from stemfield.renderer.scene.compare import LoudnessMatch
from stemfield.renderer.scene.scene import STEMS, Scene
from stemfield.renderer.timed_scene import TimedScene
from stemfield.separation.cards.card_schema import ModelCard
from stemfield.separation.streaming.latency import live_latency_frames
from stemfield.separation.worker.process import WorkerProcess

RETRY_S = 0.5
TEND_S = 8.0
"""No answer of a server may take longer."""
LEAVE_S = 3.0
"""A server that does not let us go within this time is left to itself."""
SOON_S = 0.1
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
        headphones: stream of the panner page; none when not given.
    """

    def __init__(
        self,
        config: Config,
        layout: Layout,
        card: ModelCard | None,
        player: Player | None,
        on_status: Callable[[str], None],
        headphones: HeadphoneStream | None = None,
    ) -> None:
        self._config = config
        self._layout = layout
        self._panner = Panner(layout)
        self._card = card
        self._next: ModelCard | None = None
        """A model whose worker has not taken over yet."""
        self._asked: ModelCard | None = None
        """A model that was asked for while there was no engine."""
        self._player = player
        self._on_status = on_status
        self._scene: Scene | None = None
        self._gains = Newest("gains", self._put_in_force, _overtaken)
        self._match = LoudnessMatch()
        self._freewheel: int | None = None
        """The frames that had been played without stems when the server went into freewheel."""
        self._stems = False
        self._stems_s = 0.0
        self._headphones = headphones or HeadphoneStream()
        self._link = Link(config, layout, sink=self._headphones.write)
        self._lane = Lane("sound server")
        self._abandoned: list[object] = []
        self.upstream_ms: Callable[[], float | None] = lambda: None
        """How late another machine that separates says it is."""
        self._leaving: list[threading.Thread] = []
        self.supervisor: Supervisor | None = None
        """The worker's keeper, while there is an engine and a model."""
        self.room: Room | StemOutputs | None = None

    @property
    def playing(self) -> bool:
        """Whether something calls the engine."""
        return self._link.driver is not None

    @property
    def blocks(self) -> int:
        """How many blocks the engine has rendered."""
        room = self.room
        return room.engine.counters().calls if room is not None else 0

    @property
    def model(self) -> str:
        """The model's name, or nothing."""
        card = self._asked or self._card
        return card.name if card is not None else ""

    def apply(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Puts a scene in force, soon and on every engine to come."""
        self.follow((TimedScene(scene, fade_s),))

    def follow(self, cues: Sequence[TimedScene]) -> None:
        """Puts the first scene in force, soon and on every engine to come, and the others when their time comes.

        A listener elsewhere may ask for another triangulation: nobody who steers has to wait for it.
        """
        self._scene = cues[0].scene
        self._gains.offer(cues)

    def _put_in_force(self, cues: Sequence[TimedScene]) -> None:
        room = self.room
        if room is not None:
            room.follow(cues)

    def levels(self) -> Levels:
        """What the meters show now; silence while there is no engine."""
        room = self.room
        return SILENT if room is None else room.levels()

    def heard(self) -> NDArray[np.float32]:
        """Where the objects are heard, shape (objects, 3)."""
        room = self.room
        return np.zeros((0, 3), np.float32) if room is None else room.heard

    def sounding(self, label: str) -> str:
        """By which sound a loudspeaker is looked for now; nothing where it is not, or there is no engine."""
        room = self.room
        return "" if room is None else room.sounding(label)

    def bad_samples(self) -> BadSamples:
        """What came in and was no sound, since the engine began."""
        room = self.room
        return BadSamples() if room is None else room.engine.bad_samples()

    def match_db(self) -> float:
        """By how much the scene is louder than the recording, both as they have been in the last seconds."""
        return self._match.gain_db

    def state(self) -> SoundState:
        """What sounds, and what keeps it from sounding."""
        room, driver = self.room, self._link.driver
        if room is None or driver is None:
            return replace(QUIET, text=self.describe(), model=self.model)
        engine, supervisor = room.engine, self.supervisor
        rate_hz = engine.sample_rate_hz
        return SoundState(
            driver="clock" if isinstance(driver, ClockDriver) else "jack",
            text=self.describe(),
            model=self.model,
            stems_share=round(self._share(engine), 2),
            load=round(engine.exchange.load, 2) if supervisor is not None else 0.0,
            late=engine.exchange.late,
            restarts=supervisor.restarts if supervisor is not None else 0,
            problem=supervisor.problem if supervisor is not None else "",
            missing_s=round(engine.counters().missing_frames / rate_hz, 2),
            latency_ms=round(1e3 * engine.latency_frames / rate_hz, 1),
            before_ms=self._before_ms(rate_hz),
            xruns=0 if isinstance(driver, ClockDriver) else driver.xruns,
            block_load=account.block_load(engine, driver.period_frames),
            binaural=engine.outputs > len(self._link.names.feeds),
            wiring=self._link.wiring,
        )

    def _share(self, engine: Engine) -> float:
        """How much of what sounds comes from a separator; where it is elsewhere, all if its ports are connected."""
        if self._config.role != "renderer":
            return engine.stems_share
        wiring = self._link.wiring
        return float(bool(wiring.mixture) and not set(wiring.mixture) & set(wiring.unconnected))

    def _before_ms(self, rate_hz: int) -> float:
        """How long the music has been on its way when it comes in; stems of this server bring their own latency."""
        wiring = self._link.wiring
        upstream_ms = None if wiring.local_stems else self.upstream_ms()
        bridge_ms = 0.0 if upstream_ms is None else self._config.peer.bridge_ms
        return round(1e3 * wiring.capture_frames / rate_hz + (upstream_ms or 0.0) + bridge_ms, 1)

    def callback(self) -> CallbackState:
        """What the callback has done, and its share of the period over the last calls."""
        room = self.room
        return UNCALLED if room is None else account.callback_state(room.engine, self._link.driver)

    def reconfigure(self, config: Config) -> None:
        """What of the configuration may change while it plays has changed: the connections, how long a bridge takes."""
        self._config = config
        self._lane.submit(partial(self._link.reconfigure, config))

    def use_model(self, card: ModelCard) -> str:
        """Switches the model; the present one plays until the new worker is ready.

        Returns:
            Why not, or nothing.
        """
        room, driver, supervisor = self.room, self._link.driver, self.supervisor
        if room is not None:
            rate_hz, latency = room.engine.sample_rate_hz, room.engine.stem_latency_frames
            needed = _least_latency_frames(card, rate_hz, driver.period_frames if driver is not None else 0)
            if needed > latency:
                return (
                    f"model {card.name} needs {needed} frames and the daemon runs with {latency}: "
                    "make it the configured model, or enlarge separation.margin_ms, and start anew"
                )
        if room is None:
            self._asked = card  # an engine may be in the making, with the latency of the one before
            return ""
        self._asked = None  # this is the newer wish
        if not self._config.separation.enabled:
            self._card = card
            return ""
        start = partial(self._start_worker, room.engine, card)
        if supervisor is None:
            self._card = card
            self.supervisor = Supervisor(room.engine.exchange, start, _patience_s(card))
            return ""

        def ended(taken: bool) -> None:
            self._next = None
            if taken:
                self._card = card
                log.info("model %s plays", card.name)

        self._next = card
        supervisor.renew(start, time.monotonic(), partial(start, heir=True), _patience_s(card), ended)
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
        asked, self._asked = self._asked, None
        if asked is not None and asked is not self._card and (refusal := self.use_model(asked)):
            log.error("%s; %s plays on", refusal, self.model or "the recording as it is")
        self._on_status(self.describe())

    async def mend(self) -> None:
        """Mends what broke between the server and us: connections, or the server itself."""
        try:
            # Not `wait_for`, which passes over an end that comes in the moment of the answer (Python 3.11).
            async with asyncio.timeout(TEND_S):
                good = await self._in_lane(lambda: self._link.tend(self._fits, time.monotonic()))
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
        self._link = self._link.heir(self._config)
        self._lane = Lane("sound server")

    async def _in_lane(self, call: Callable[[], bool]) -> bool:
        return await asyncio.wrap_future(self._lane.submit(call))

    def look_after(self, now_s: float) -> None:
        """Minds the worker; to be called a few times a second from the thread that the worker may die with."""
        supervisor, room = self.supervisor, self.room
        if supervisor is not None:
            supervisor.check(now_s)
        if room is not None and self._scene is not None and not self._scene.compare:
            self._match.hear(room.levels())
        if room is not None and self.playing and self._config.role != "renderer":
            self._tell_stems(room.engine, now_s)
            self._tell_freewheel(room.engine)

    def _tell_stems(self, engine: Engine, now_s: float) -> None:
        """Logs when the stems come and when they have been missing for a while."""
        share = engine.stems_share
        if share > 0.0:
            self._stems_s = now_s
        if share == 1.0 and not self._stems:
            self._stems = True
            missed_s = engine.counters().missing_frames / engine.sample_rate_hz
            log.info("stems arrive; %.3f s were played without", missed_s)
        elif self._stems and now_s - self._stems_s > MISSED_S:
            self._stems = False
            log.warning("no stems: the recording is played as it is")

    def _tell_freewheel(self, engine: Engine) -> None:
        """Logs an export, and whether anything of it was not separated."""
        missing, begun = engine.counters().missing_frames, self._freewheel
        if self._link.freewheeling and begun is None:
            self._freewheel = missing
            log.info("freewheel: rendering as fast as the separation follows")
        elif begun is not None and not self._link.freewheeling:
            self._freewheel = None
            missed_s = max(missing - begun, 0) / engine.sample_rate_hz
            level = logging.WARNING if missed_s else logging.INFO
            log.log(level, "freewheel ended; %.3f s of it were played without stems", missed_s)

    def describe(self) -> str:
        """What is sounding, in a few words."""
        room, driver = self.room, self._link.driver
        if room is None or driver is None:
            return "waiting for a JACK server"
        return account.description(driver, room.engine)

    def summary(self) -> str:
        """What happened since the engine began, in one line."""
        room, supervisor = self.room, self.supervisor
        if room is None:
            return "nothing was played"
        return account.summary(room.engine, self._link.driver, supervisor.restarts if supervisor is not None else 0)

    def _latency_frames(self, rate_hz: int, period_frames: int) -> int:
        """What an engine is made with: the model, the fade, and the time that the worker may be late."""
        if self._config.role == "renderer":
            return 0
        margin = round(self._config.separation.margin_ms * 1e-3 * rate_hz)
        return _least_latency_frames(self._card, rate_hz, max(margin, period_frames))

    def _fits(self, rate_hz: int, period_frames: int) -> bool:
        room, separates = self.room, self._config.role != "renderer"
        if room is None:
            return False
        engine = room.engine
        least = _least_latency_frames(self._card, rate_hz, period_frames) if separates else 0
        return engine.sample_rate_hz == rate_hz and engine.stem_latency_frames >= least

    def _engine_for(self, rate_hz: int, period_frames: int) -> Engine:
        """The engine there is if it fits, otherwise a new one with worker and player."""
        if self.room is not None:
            if self._fits(rate_hz, period_frames):
                return self.room.engine
            self._leave_engine()
        self._card = self._asked or self._card
        monitor = self._config.monitor
        chain, head = fit(self._layout, monitor.hrtf if monitor.binaural else None, rate_hz)
        role = self._config.role
        engine = engine_of(role, self._link.names, rate_hz, self._latency_frames(rate_hz, period_frames), chain)
        if self._card is not None and self._config.separation.enabled:
            # Before there is a room: then the loop may ask for another model.
            start = partial(self._start_worker, engine, self._card)
            self.supervisor = Supervisor(engine.exchange, start, _patience_s(self._card))
        if role == "separation":
            self.room, head = StemOutputs(engine), None
        else:
            stem_row = SILENT_ROWS if role == "renderer" else 0
            self.room = Room(self._layout, self._panner, engine, head, stem_row)
        self._headphones.rate_hz = rate_hz if head is not None and self._link.is_clock else 0
        if self._scene is not None:
            # Not `apply`, which the loop may have called with a newer one by now: `start` puts that in force after us.
            self._gains.offer((TimedScene(self._scene),))
            self._gains.settle(TEND_S)
        if self._player is not None:
            try:
                self._player.start(engine)
            except AudioFileError as error:
                log.error("%s", error)
        return engine

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
        supervisor, self.supervisor = self.supervisor, None
        room, self.room = self.room, None
        self._card, self._next = self._next or self._card, None  # it would have taken over soon
        if self._player is not None:
            self._player.pause()

        def end() -> None:
            if supervisor is not None:
                supervisor.close()
            if room is not None:
                room.engine.exchange.close()

        # The old worker may take its time: it has a timeline of its own, and the next engine need not wait for it.
        leaving = threading.Thread(target=end, name="old worker")
        leaving.start()
        self._leaving = [*(thread for thread in self._leaving if thread.is_alive()), leaving]

    def close(self) -> None:
        """Sinks into silence, leaves the server, ends the worker and the player."""
        room = self.room
        if room is not None and self.playing:
            fade_out(room.engine)
        is_open = self._link.give_up()  # otherwise the lane may be at the audio code, which takes its time
        leaving = self._lane.submit(self._link.leave)
        try:
            leaving.result(LEAVE_S if is_open else SOON_S)
        except NotInTimeError:
            if is_open:
                log.warning("the sound server does not let us go: left to itself")
        except OSError as error:
            log.warning("%s", error)
        self._lane.close(SOON_S)
        self._gains.close(LEAVE_S)
        self._leave_engine()
        for thread in self._leaving:
            thread.join()
        if self._player is not None:
            self._player.close()


def _overtaken(older: Sequence[TimedScene], newer: Sequence[TimedScene]) -> Sequence[TimedScene]:
    """What is newer, and a cross-fade that has not begun yet."""
    return replace(newer[0], fade_s=max(older[0].fade_s, newer[0].fade_s)), *newer[1:]


def _least_latency_frames(card: ModelCard | None, rate_hz: int, lateness_frames: int) -> int:
    """The latency that a model needs whose worker may be so late, which is a period at least, with the fade."""
    model = round(WITHOUT_MODEL_S * rate_hz) if card is None else live_latency_frames(card, rate_hz)
    return model + fade_frames(rate_hz) + lateness_frames


def _patience_s(card: ModelCard) -> float:
    """How long a worker may give no sign of life: it has none while a chunk is computed."""
    return max(PATIENCE_S, 2.0 * card.patience_samples / card.sample_rate.nominal_hz)
