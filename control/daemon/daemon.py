"""The daemon: puts the parts together, starts them forward and stops them backward."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.audio.model_worker import ModelWorker
from stemfield.control.audio.player import Player
from stemfield.control.audio.roles import elsewhere
from stemfield.control.audio.scene_delay import SceneDelay
from stemfield.control.audio.service import AudioService
from stemfield.control.config.configuration import Config
from stemfield.control.config.network import delay_of
from stemfield.control.daemon.last_resort import end_in_time
from stemfield.control.daemon.last_run import LastRun
from stemfield.control.daemon.log import begin_log
from stemfield.control.daemon.reload import Reloader
from stemfield.control.daemon.services import NetworkServices, open_network
from stemfield.control.daemon.standard_streams import whoever_reads
from stemfield.control.daemon.watchdog import Pulse
from stemfield.control.faults import Contained
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.recorder import Recorder
from stemfield.control.parameters.context import Context
from stemfield.control.problems import shortened
from stemfield.control.scenes.changes import Dirty
from stemfield.control.scenes.lock import StateLock
from stemfield.control.scenes.presets import presets
from stemfield.control.scenes.store import Saver, SceneStore
from stemfield.control.status import Counters, Status
from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.bass import with_bass
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.scene.scene import STEMS, Scene
from stemfield.renderer.scene.timed_scene import TimedScene
from stemfield.separation.cards.card import CardError, ModelCard, available_models, load_card
from stemfield.separation.cards.presets import DEFAULT, PRESETS
from stemfield.systemd.notify import notify, watchdog_interval_s

HOUSEKEEPING_S = 0.1
MENDING_S = 0.5
EXTENDED_S = 60
"""So much longer systemd is to wait for a start at which the daemon is still at work."""
ENDS = signal.SIGTERM, signal.SIGINT
TURN_S = 0.0005
"""A thread that works out gains gives the interpreter back to the loop within this time: it waits for each packet."""

log = logging.getLogger(__name__)


class Daemon:
    """One running stemfield.

    Args:
        config: checked.
        reread: reads the configuration anew, for SIGHUP; raises UserError.
        announce: gets the lines that tell a person where to steer it.
        on_ready: called after these lines.

    Raises:
        LayoutError: the layout cannot be used.
        AudioFileError: the input file cannot be played.
    """

    def __init__(
        self,
        config: Config,
        reread: Callable[[], Config],
        announce: Callable[[str], None] = print,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._reread = reread
        self._announce = announce
        self._on_ready = on_ready
        self._layout = with_bass(load_layout(config.layout, config.layout_folders), config.bass_crossover_hz)
        self._wanted = config.model or DEFAULT
        self._switching: asyncio.Task[None] | None = None
        self._ready = False
        # Where another machine separates, the models are there.
        separates = config.role != "renderer"
        card = self._find_card(self._wanted) if separates else None
        if card is None and separates:
            log.error("there is no separation: the recording is played as it is")
        usable = [e for e in available_models(config.model_folders) if not e.problems] if separates else []
        models = dict.fromkeys(name for entry in usable for name in (entry.name, *entry.presets))
        self._models = tuple(models)
        player = Player(config.input, loop=config.loop) if config.input is not None else None
        self._headphones = HeadphoneStream()
        model = ModelWorker(config, card)
        self._audio = AudioService(config, self._layout, model, player, self._tell_status, self._headphones)
        self._delay: SceneDelay | None = None
        self._last_run = LastRun(config.state_folder)
        self._counters = Counters()
        self._stopping = asyncio.Event()

    def _find_card(self, name: str) -> ModelCard | None:
        """The model, or None with the reason in the log: the music goes on without."""
        try:
            return load_card(name, self._config.model_folders, STEMS)
        except CardError as error:
            for problem in shortened(error.problems):
                log.error("model %s: %s", error.source, problem)
            return None

    async def run(self) -> int:
        """Runs until SIGTERM or SIGINT; returns the exit status.

        Raises:
            OSError: a port or the state folder is taken, or the sound cannot start.
        """
        loop = asyncio.get_running_loop()
        for number in ENDS:
            loop.add_signal_handler(number, self._stopping.set)
        end_in_time(ENDS)
        loop.add_signal_handler(signal.SIGXCPU, self._last_run.over_budget)
        async with AsyncExitStack() as stack:
            hub = self._restore(stack)
            network = await open_network(stack, self._config, hub, self._layout, self._headphones)
            if network.upstream is not None:
                self._audio.upstream_ms = partial(getattr, network.upstream, "latency_ms")
            stack.enter_context(self._last_run)  # whoever has the ports is the one that runs
            reloader = Reloader(self._config, self._reread, partial(self._take, hub, network))
            stack.push_async_callback(reloader.close)
            # `nohup` has it ignored, and means the terminal
            ends_with_terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
            loop.add_signal_handler(signal.SIGHUP, self._hang_up, reloader, ends_with_terminal)
            if ends_with_terminal:
                end_in_time([signal.SIGHUP])
            stack.callback(self._tell_control)
            stack.callback(self._end_sound)
            await self._play(network.places)
            notify("STOPPING=1")
        return 0

    def _hang_up(self, reloader: Reloader, ends_with_terminal: bool) -> None:
        """SIGHUP: read the configuration anew, or end with the terminal in which a person started us."""
        if ends_with_terminal and not _has_terminal():
            self._stopping.set()
        else:
            if not self._stopping.is_set():
                signal.alarm(0)  # it does not mean the end
            reloader.ask()

    async def _take(self, hub: Hub, network: NetworkServices, config: Config) -> None:
        """What of the configuration can change while it plays has changed."""
        self._config = config
        logging.getLogger().setLevel(config.log_level.upper())
        hands = config.hands.model_dump()
        hold_s = hands.pop("hold_s")
        hub.rank(hands, hold_s)
        self._audio.reconfigure(config)
        self._delay_scenes(hub)
        await network.reconfigure(config)
        self._follow_model(hub.scene.separation.model)

    def _restore(self, stack: AsyncExitStack) -> Hub:
        """The hub with the scene of last time, and the listeners that put each change in force and on disk."""
        stack.enter_context(StateLock(self._config.state_folder))
        # The parts are looked up when they are read: some of them need the context to be built.
        status = Status(
            counters=self._counters,
            levels=self._audio.levels,
            sound=self._audio.state,
            callback=self._audio.callback,
            heard=self._audio.heard,
            sounding=self._audio.sounding,
            match_db=self._audio.match_db,
            bad=self._audio.bad_samples,
            holder=lambda key: hub.ownership.holder(key, time.monotonic()),
            scenes=lambda: hub.library.names(),
            scene=lambda: hub.library.present,
            scene_changed=lambda: hub.library.is_changed(hub.scene),
            refused=lambda: hub.reports.refused,
            recorder=lambda: recorder.state,
            recordings=lambda: recorder.names(),
        )
        context = self._context(status)
        store = SceneStore(self._config.state_folder, context)
        scene, problems = store.load()
        for problem in shortened(problems):
            log.warning("%s", problem)
        try:
            store.prepare()
        except OSError as error:
            log.warning("%s: %s", store.folder, error.strerror)
        saver = Saver(store, lambda text: log.warning("%s", text))
        stack.push_async_callback(saver.close)
        hands = self._config.hands.model_dump()
        hub = Hub(
            scene,
            context,
            store,
            hold_s=hands.pop("hold_s"),
            ranks=hands,
            adm_answer_port=self._config.osc.adm_answer_port,
        )
        stack.push_async_callback(hub.close)

        def changed(scene: Scene, dirty: Dirty) -> None:
            saver.offer(scene)
            if "separation" in dirty.parts:
                self._follow_model(scene.separation.model)

        hub.listen(changed)
        hub.follow(self._audio.follow)
        self._delay_scenes(hub)
        recorder = Recorder(
            self._config.state_folder / "recordings",
            hub,
            lambda text: log.warning("%s", text),
            self._captured,
        )
        stack.push_async_callback(recorder.close)
        if self._wants_other_model(scene.separation.model):
            self._use_model(self._find_card(self._wanted))  # at once: the latency of the whole run is that of this one
        self._audio.apply(scene)
        return hub

    def _context(self, status: Status) -> Context:
        config, defaults = self._config, self._config.default_scene()
        return Context(
            self._layout.labels,
            defaults,
            self._models,
            presets(self._layout, defaults),
            partial(elsewhere, config.role, config.peer.host is not None),
            config.role,
            status=status,
        )

    def _delay_scenes(self, hub: Hub) -> None:
        """Put a delay between hub and audio while a mirror is sent scenes ahead of time, and take it away after."""
        delay_s = delay_of(self._config.mirror)
        if delay_s and self._delay is not None:
            self._delay.delay_s = delay_s
        elif delay_s:
            self._delay = SceneDelay(self._audio.follow, delay_s, TimedScene(hub.scene), lambda: hub.told_s)
            hub.follow(self._delay.follow)
        elif self._delay is not None:
            self._delay.end()
            self._delay = None
            hub.follow(self._audio.follow)

    def _captured(self) -> Engine | None:
        """The engine whose rows are objects as a capture knows them: not where two machines share the work."""
        room = self._audio.renderer
        return room.engine if room is not None and self._config.role == "both" else None

    def _wants_other_model(self, name: str) -> bool:
        """Notes which model the scene asks for; each is tried once each time it asks for another."""
        wanted = name or self._config.model or DEFAULT
        if wanted == self._wanted or self._config.role == "renderer":
            return False
        self._wanted = wanted
        return True

    def _follow_model(self, name: str) -> None:
        """Uses the model that the scene asks for, as soon as it is read."""
        if self._wants_other_model(name) and (self._switching is None or self._switching.done()):
            self._switching = asyncio.get_running_loop().create_task(self._switch_model())

    async def _switch_model(self) -> None:
        """Reads models in a thread, because checksums take a while, until one is still wanted then."""
        with Contained("the model cannot be changed"):
            wanted, card = "", None
            while wanted != self._wanted:
                wanted = self._wanted
                card = await asyncio.to_thread(self._find_card, wanted)
            self._use_model(card)

    def _use_model(self, card: ModelCard | None) -> None:
        refusal = "it cannot be used" if card is None else self._audio.use_model(card)
        if refusal or card is None:
            log.error("model %s: %s; %s plays on", self._wanted, refusal, self._audio.model or "the recording as it is")
        else:
            log.info("model %s is asked for", _name_of(self._wanted, card.name))

    def _tell_control(self) -> None:
        count = self._counters.read
        dropped = ", ".join(f"{count(name)} {name.replace('_', ' ')}" for name in ("not_allowed", "limited", "lost"))
        log.info("%d messages heard, %d refused; datagrams dropped: %s", count("messages"), count("problems"), dropped)

    def _end_sound(self) -> None:
        if self._switching is not None:
            self._switching.cancel()
        if self._delay is not None:
            self._delay.close()
        log.info("%s", self._audio.summary())
        self._audio.close()

    async def _play(self, places: Sequence[str]) -> None:
        """Sounds until it is time to stop."""
        starting = asyncio.get_running_loop().create_task(self._start(places))
        tasks = {starting, *map(asyncio.ensure_future, (self._keep_house(), self._stopping.wait()))}
        try:
            while not self._stopping.is_set():
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                tasks -= done
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self, places: Sequence[str]) -> None:
        begun_s = time.monotonic()
        notify("STATUS=starting")
        await self._audio.prepare()
        if self._config.driver == "jack":
            self._tell_ready()  # control answers; a server that comes later is no failed start
        await self._audio.start()
        self._last_run.sounding()
        self._tell_ready()
        log.debug("sound after %.2f s", time.monotonic() - begun_s)
        with whoever_reads():
            for line in self._welcome(places):
                self._announce(line)
        self._on_ready()
        while True:
            await asyncio.sleep(MENDING_S)
            with Contained("the sound server cannot be looked after"):  # tried again the next time
                await self._audio.mend()

    def _tell_ready(self) -> None:
        self._ready = True
        notify("READY=1")

    async def _keep_house(self) -> None:
        watchdog_s = watchdog_interval_s()
        pulse, told_s, extended_s = Pulse(watchdog_s or 0.0), 0.0, 0.0
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            now_s = time.monotonic()
            if not self._ready and now_s - extended_s > EXTENDED_S / 60:
                notify(f"EXTEND_TIMEOUT_USEC={EXTENDED_S * 1_000_000}")
                extended_s = now_s
            with Contained("the separation cannot be looked after"):  # the music goes on without
                self._audio.look_after(now_s)
            if watchdog_s is None:
                continue
            with Contained("the watchdog cannot be told"):  # which then ends this process, as it should
                lives = pulse.lives(now_s, joined=self._audio.playing, blocks=self._audio.blocks)
                if lives and now_s - told_s > watchdog_s / 2:
                    notify("WATCHDOG=1")
                    told_s = now_s

    def _tell_status(self, text: str) -> None:
        notify(f"STATUS={text}")
        log.info("%s", text)

    def _welcome(self, places: Sequence[str]) -> list[str]:
        config, layout = self._config, self._layout
        model = self._audio.model
        playing = f"room   {layout.name}, {len(layout.labels)} loudspeakers: {layout.title}"
        if config.role == "separation":
            playing = "role   separation: stems to the machine that has the loudspeakers"
        separating = _name_of(self._wanted, model) if model else "none: the recording is played as it is"
        if config.role == "renderer":
            far = config.peer.host or "another machine, which is not told what the scene asks of it (peer.host)"
            separating = f"on {far}"
        if config.input is not None:
            music = str(config.input)
        else:
            music = "the input ports" if config.driver != "clock" else "none"
        objects = ", ".join(item.name for item in config.default_scene().objects)
        return [
            f"stemfield {version('stemfield')} is ready",
            f"  {playing}",
            f"  sound  {self._audio.describe()}",
            f"  music  {music}",
            f"  model  {separating}",
            f"  steer  {'; '.join(places)}; objects: {objects}",
            f"         stemfield send --port {config.osc.port} /object/vocals/aed 180 0 1    # the singer behind you",
            f"         stemfield send --port {config.osc.port} /scene/reset                  # as it was",
        ]


def _name_of(wanted: str, name: str) -> str:
    """What a person reads: the preset too, where one was asked for."""
    return f"{name} ({wanted})" if PRESETS.get(wanted) == name else name


def _has_terminal() -> bool:
    """Whether there is a terminal in which this process runs; one that was closed is none."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def run(config: Config, reread: Callable[[], Config], on_ready: Callable[[], None] = lambda: None) -> int:
    """Runs the daemon in this thread; returns the exit status.

    Args:
        config: checked.
        reread: reads it anew, when SIGHUP asks for that; raises UserError.
        on_ready: called when it plays.

    Raises:
        LayoutError, AudioFileError, OSError: it cannot start.
    """
    begin_log(config.log_level)
    sys.setswitchinterval(TURN_S)

    async def main() -> int:
        return await Daemon(config, reread, lambda line: print(line, flush=True), on_ready).run()

    return asyncio.run(main())
