"""The running audio: an engine with its driver, its model worker and a player; replaces whatever fails.

The engine outlives its driver: when the JACK server goes away and comes back unchanged, gains, stems and worker are
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

from stemfield.control.audio import report
from stemfield.control.audio.driver_link import DriverLink, fade_out
from stemfield.control.audio.executor import LatestWins, SerialExecutor
from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.audio.model_worker import ModelWorker
from stemfield.control.audio.player import Player
from stemfield.control.audio.roles import MIXTURE_ROWS, StemOutputs, engine_of
from stemfield.control.config.configuration import Config
from stemfield.control.status import QUIET, UNCALLED, CallbackState, SoundState
from stemfield.layouts.model import Layout
from stemfield.renderer.engine.bad_samples import BadSamples
from stemfield.renderer.engine.chain_builder import fit
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.levels import SILENT, Levels, LoudnessMatch
from stemfield.renderer.engine.loudness import LoudnessReader, ShownLoudness
from stemfield.renderer.engine.processor import compile_ahead
from stemfield.renderer.files.audiofile import AudioFileError
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
from stemfield.renderer.scene.scene import Scene
from stemfield.renderer.scene.timed_scene import TimedScene
from stemfield.separation.cards.card_schema import ModelCard

RETRY_S = 0.5
"""Time between two attempts to join a server."""
TEND_S = 8.0
"""Timeout for any answer of a sound server."""
LEAVE_S = 3.0
"""Timeout for closing the driver; then it is abandoned."""
SILENCE_S = 10.0
"""Silence whose loudness is measured at once; less than the engine keeps."""
SOON_S = 0.1
"""Timeout for closing what is not open yet."""

log = logging.getLogger(__name__)


class AudioService:
    """Plays the scene from `start` to `close`; `look_after` and `mend` keep it playing.

    Args:
        config: configuration of the daemon.
        layout: loudspeaker layout to play on.
        model: model to begin with, and its worker.
        player: music to play beside the inputs.
        on_status: called with a short text whenever it changes what plays.
        headphones: stream to a listener on the panner page.
    """

    def __init__(
        self,
        config: Config,
        layout: Layout,
        model: ModelWorker,
        player: Player | None,
        on_status: Callable[[str], None],
        headphones: HeadphoneStream | None = None,
    ) -> None:
        self._config = config
        self._layout = layout
        self._panner = Panner(layout)
        self._model = model
        self._player = player
        self._on_status = on_status
        self._scene: Scene | None = None
        self._gains = LatestWins("gains", self._apply_scenes, _merged)
        self._match = LoudnessMatch()
        self._loudness = LoudnessReader()
        self._stems_log = report.StemsLog()
        self._heard: Levels | None = None
        """Levels when it was last looked after; None if they were not measured."""
        self._measured_s = 0.0
        """Time of the last measurement of loudness."""
        self._headphones = headphones or HeadphoneStream()
        self._link = DriverLink(config, layout, self._headphones.write)
        self._executor = SerialExecutor("sound server")
        self._abandoned: list[object] = []
        self._closing: list[threading.Thread] = []
        self.upstream_ms: Callable[[], float | None] = lambda: None
        """Latency reported by another machine that separates."""
        self.renderer: Renderer | StemOutputs | None = None
        """What the engine plays; None while there is no engine."""

    @property
    def playing(self) -> bool:
        """Whether a driver calls the engine."""
        return self._link.driver is not None

    @property
    def blocks(self) -> int:
        """Number of blocks that the engine has rendered."""
        renderer = self.renderer
        return renderer.engine.counters().calls if renderer is not None else 0

    @property
    def model(self) -> str:
        """The model's name, or an empty string."""
        return self._model.name

    def apply(self, scene: Scene) -> None:
        """Put a scene in force soon, on this engine and every later one."""
        self.follow((TimedScene(scene),))

    def follow(self, scenes: Sequence[TimedScene]) -> None:
        """Put the first scene in force soon, on this engine and every later one, and the others at their times.

        A scene with another listener position may need a new triangulation, so this never waits for it.
        """
        self._scene = scenes[0].scene
        self._gains.offer(scenes)

    def _apply_scenes(self, scenes: Sequence[TimedScene]) -> None:
        renderer = self.renderer
        if renderer is not None:
            renderer.follow(scenes)

    def levels(self) -> Levels:
        """Current meter levels; silence while there is no engine."""
        renderer = self.renderer
        return SILENT if renderer is None else renderer.levels()

    def loudness(self) -> ShownLoudness:
        """Current loudness of the mixture and of the room."""
        return self._loudness.shown

    def restart_loudness(self) -> None:
        """Begin integrated loudness, loudness range and maxima anew."""
        self._loudness.restart()

    def levelling_db(self) -> float:
        """Gain of the mixture that levels it."""
        return self._loudness.leveller.gain_db

    def heard(self) -> NDArray[np.float32]:
        """Where the objects are heard, shape (objects, 3)."""
        renderer = self.renderer
        return np.zeros((0, 3), np.float32) if renderer is None else renderer.heard

    def sounding(self, label: str) -> str:
        """Test signal that identifies a loudspeaker now, or an empty string."""
        renderer = self.renderer
        return "" if renderer is None else renderer.sounding(label)

    def bad_samples(self) -> BadSamples:
        """Invalid input samples since the engine began."""
        renderer = self.renderer
        return BadSamples() if renderer is None else renderer.engine.bad_samples()

    @property
    def is_silent(self) -> bool:
        """Whether nothing sounded when it was last looked after, at any input or output."""
        heard = self._heard
        return heard is not None and heard.is_silent

    def match_db(self) -> float:
        """How much louder the scene has been than the recording in the last seconds."""
        return self._match.gain_db

    def state(self) -> SoundState:
        """What plays, and what prevents it from playing."""
        renderer, driver = self.renderer, self._link.driver
        if renderer is None or driver is None:
            return replace(QUIET, text=self.describe(), model=self.model)
        return report.state(self._config, renderer.engine, driver, self._link, self._model, self.upstream_ms())

    def callback(self) -> CallbackState:
        """Counters of the audio callback, and the share of the period that its last calls took."""
        renderer = self.renderer
        return UNCALLED if renderer is None else report.callback_state(renderer.engine, self._link.driver)

    def describe(self) -> str:
        """What plays, in a few words."""
        renderer, driver = self.renderer, self._link.driver
        if renderer is None or driver is None:
            return "waiting for a JACK server"
        return report.description(driver, renderer.engine)

    def summary(self) -> str:
        """What happened since the engine began, in one line."""
        renderer, supervisor = self.renderer, self._model.supervisor
        if renderer is None:
            return "nothing was played"
        restarts = supervisor.restarts if supervisor is not None else 0
        return report.summary(renderer.engine, self._link.driver, restarts)

    def reconfigure(self, config: Config) -> None:
        """Take over live configuration keys: JACK connections, and the latency of a bridge."""
        self._config = config
        self._executor.submit(partial(self._link.reconfigure, config))

    def use_model(self, card: ModelCard) -> str:
        """Switch the model; the current one plays until the new worker is ready.

        Returns:
            Why not, or an empty string.
        """
        renderer, driver = self.renderer, self._link.driver
        engine = renderer.engine if renderer is not None else None
        return self._model.use(card, engine, driver.period_frames if driver is not None else 0)

    async def prepare(self) -> None:
        """Compile the audio code: minutes on a slow machine, once after an installation or an update."""
        self._on_status("preparing the audio code; after an installation or an update this takes a while")
        await self._run(lambda: compile_ahead() != 0)

    async def start(self) -> None:
        """Join a driver; return once it calls the engine, however long a JACK server takes to appear.

        Raises:
            OSError: there is no libjack.
        """
        waiting = False
        while not await self._run(lambda: self._link.join(self._engine_for, time.monotonic())):
            if not waiting:
                self._on_status("waiting for a JACK server")
                waiting = True
            await asyncio.sleep(RETRY_S)
        if self._scene is not None:
            self.apply(self._scene)  # it may have changed while the engine was made
        requested = self._model.take_request()
        if requested is not None and (refusal := self.use_model(requested)):
            log.error("%s; still playing %s", refusal, self.model or "the unseparated recording")
        self._on_status(self.describe())

    async def mend(self) -> None:
        """Restore lost connections, or join again when the server is gone."""
        try:
            # Not `wait_for`, which misses a cancellation that coincides with the answer (Python 3.11).
            async with asyncio.timeout(TEND_S):
                good = await self._run(lambda: self._link.tend(self._fits, time.monotonic()))
        except TimeoutError:
            log.warning("the sound server has not answered for %.0f s: abandoned, joining again", TEND_S)
            self._abandon()
            good = False
        if not good:
            await self.start()

    def _abandon(self) -> None:
        """Start over beside a call that hangs in the server, which may yet return and call the old engine."""
        self._abandoned.append((self._link, self._executor, self.renderer))
        self._leave_engine()
        self._link = self._link.successor(self._config)
        self._executor = SerialExecutor("sound server")

    async def _run(self, call: Callable[[], bool]) -> bool:
        return await asyncio.wrap_future(self._executor.submit(call))

    def look_after(self, now_s: float) -> None:
        """Check the worker; call it a few times a second, from the thread that the worker may die with."""
        self._model.check(now_s)
        renderer = self.renderer
        if renderer is None:
            return
        as_mixed = self._scene is None or self._scene.compare
        self._heard = None if as_mixed else renderer.levels()
        self._level(renderer.engine, now_s)
        if self._heard is not None:
            self._match.add(self._heard, self.levelling_db())
        if self.playing and self._config.role != "renderer":
            self._stems_log.update(renderer.engine, now_s, freewheeling=self._link.freewheeling)

    def _level(self, engine: Engine, now_s: float) -> None:
        """Measure loudness, and bring the mixture to its target, slowly; lasting silence is measured later."""
        levelling = None if self._scene is None else self._scene.levelling
        target_lufs = levelling.target_lufs if levelling is not None and levelling.on else None
        leveller, follows = self._loudness.leveller, self._loudness.follows(engine)
        silent = self.is_silent and self._loudness.is_silent and follows and target_lufs == leveller.target_lufs
        if silent and 0.0 < now_s - self._measured_s < SILENCE_S:
            return
        self._measured_s = now_s
        leveller.target_lufs = target_lufs
        self._loudness.follow(engine)
        engine.set_input_gain(self.levelling_db())

    def _fits(self, rate_hz: int, period_frames: int) -> bool:
        renderer = self.renderer
        if renderer is None or renderer.engine.sample_rate_hz != rate_hz:
            return False
        return self._model.fits(renderer.engine, period_frames)

    def _engine_for(self, rate_hz: int, period_frames: int) -> Engine:
        """The current engine if it fits, otherwise a new one with worker and player."""
        if self.renderer is not None:
            if self._fits(rate_hz, period_frames):
                return self.renderer.engine
            self._leave_engine()
        latency_frames = self._model.prepare(rate_hz, period_frames)
        role, monitor = self._config.role, self._config.monitor
        chain, head = fit(self._layout, monitor.hrtf if monitor.binaural else None, rate_hz)
        engine = engine_of(role, self._link.names, rate_hz, latency_frames, chain)
        engine.set_input_gain(self.levelling_db(), at_once=True)
        self._model.begin(engine)  # before there is a renderer, because then the event loop may request another model
        if role == "separation":
            self.renderer, head = StemOutputs(engine), None
        else:
            stem_row = MIXTURE_ROWS if role == "renderer" else 0
            self.renderer = Renderer(self._layout, self._panner, engine, head, stem_row)
        self._headphones.rate_hz = rate_hz if head is not None and self._link.is_clock else 0
        if self._scene is not None:
            # Not `apply`: the event loop may have called that with a newer scene, which `start` puts in force later.
            self._gains.offer((TimedScene(self._scene),))
            self._gains.settle(TEND_S)
        if self._player is not None:
            try:
                self._player.start(engine)
            except AudioFileError as error:
                log.error("%s", error)
        return engine

    def _leave_engine(self) -> None:
        supervisor = self._model.end()
        renderer, self.renderer = self.renderer, None
        if self._player is not None:
            self._player.pause()

        def end() -> None:
            if supervisor is not None:
                supervisor.close()
            if renderer is not None:
                renderer.engine.timeline.close()

        # The old worker may be slow to end; it has a timeline of its own, so the next engine need not wait for it.
        closing = threading.Thread(target=end, name="old worker")
        closing.start()
        self._closing = [*(thread for thread in self._closing if thread.is_alive()), closing]

    def close(self) -> None:
        """Fade out, leave the server, end the worker and the player."""
        renderer = self.renderer
        if renderer is not None and self.playing:
            fade_out(renderer.engine)
        is_open = self._link.give_up()  # otherwise the executor may be compiling the audio code, which takes long
        leaving = self._executor.submit(self._link.leave)
        try:
            leaving.result(LEAVE_S if is_open else SOON_S)
        except NotInTimeError:
            if is_open:
                log.warning("the sound server did not release the client within %.0f s: abandoned", LEAVE_S)
        except OSError as error:
            log.warning("%s", error)
        self._executor.close(SOON_S)
        self._gains.close(LEAVE_S)
        self._leave_engine()
        for thread in self._closing:
            thread.join()
        if self._player is not None:
            self._player.close()


def _merged(older: Sequence[TimedScene], newer: Sequence[TimedScene]) -> Sequence[TimedScene]:
    """The newer scenes, with a cross-fade of the older ones that has not begun yet."""
    return replace(newer[0], fade_s=max(older[0].fade_s, newer[0].fade_s)), *newer[1:]
