"""The daemon: builds the parts, starts them in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
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
from stemfield.control.daemon.device_volume import follow_device
from stemfield.control.daemon.last_resort import end_in_time
from stemfield.control.daemon.last_run import LastRun
from stemfield.control.daemon.log import begin_log
from stemfield.control.daemon.model_switch import ModelSwitch
from stemfield.control.daemon.reload import Reloader
from stemfield.control.daemon.services import NetworkServices, open_network
from stemfield.control.daemon.standard_streams import has_terminal, optional_output
from stemfield.control.daemon.watchdog import ServiceManager
from stemfield.control.faults import Contained
from stemfield.control.hub.build import build_hub
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.recorder import Recorder
from stemfield.control.parameters.actions import RestartLoudness
from stemfield.control.parameters.context import Context
from stemfield.control.playing.follower import PlayingTrack
from stemfield.control.playing.scenes import MusicScenes
from stemfield.control.scenes.changes import Dirty
from stemfield.control.scenes.lock import state_lock
from stemfield.control.scenes.presets import presets
from stemfield.control.scenes.store import Saver, SceneStore
from stemfield.control.status import Counters, Status
from stemfield.layouts.bass import with_bass
from stemfield.layouts.loader import load_layout
from stemfield.layouts.problems import shortened
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.scene.scene import STEMS, Scene
from stemfield.renderer.scene.timed_scene import TimedScene
from stemfield.separation.cards.card import CardError, ModelCard, available_models, load_card
from stemfield.separation.cards.presets import DEFAULT
from stemfield.systemd.notify import notify, watchdog_interval_s

LOOK_AFTER_S = 0.1
QUIET_S = 0.5
"""The same in silence: then nobody hears that a worker has ended."""
MEND_S = 0.5
END_SIGNALS = signal.SIGTERM, signal.SIGINT
SWITCH_INTERVAL_S = 0.0005
"""Time after which the thread that computes gains hands the interpreter to the event loop, where packets wait."""

log = logging.getLogger(__name__)


class Daemon:
    """One running stemfield.

    Args:
        config: checked configuration.
        reread: reads the configuration again, for SIGHUP; raises UserError.
        on_ready: called when the daemon plays.

    Raises:
        LayoutError: the layout cannot be used.
        AudioFileError: the input file cannot be played.
    """

    def __init__(
        self, config: Config, reread: Callable[[], Config], on_ready: Callable[[], None] = lambda: None
    ) -> None:
        self._config = config
        self._reread = reread
        self._on_ready = on_ready
        self._layout = with_bass(load_layout(config.layout, config.layout_folders), config.bass_crossover_hz)
        separates = config.role != "renderer"  # otherwise another machine has the models
        card = self._load_card(config.model or DEFAULT) if separates else None
        if card is None and separates:
            log.error("no separation: the recording is played as it is")
        usable = [e for e in available_models(config.model_folders) if not e.problems] if separates else []
        models = dict.fromkeys(name for entry in usable for name in (entry.name, *entry.presets))
        self._model_names = tuple(models)
        player = Player(config.input, loop=config.loop) if config.input is not None else None
        self._headphones = HeadphoneStream()
        model = ModelWorker(config, card)
        self._audio = AudioService(config, self._layout, model, player, self._on_status, self._headphones)
        self._models = ModelSwitch(config, self._load_card, self._audio)
        self._delay: SceneDelay | None = None
        self._manager = ServiceManager(watchdog_interval_s())
        self._last_run = LastRun(config.state_folder)
        self._counters = Counters()
        self._stopping = asyncio.Event()

    def _load_card(self, name: str) -> ModelCard | None:
        """Load a model; None with the reason in the log if it cannot be used, because the music continues without."""
        try:
            return load_card(name, self._config.model_folders, STEMS)
        except CardError as error:
            for problem in shortened(error.problems):
                log.error("model %s: %s", error.source, problem)
            return None

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; return the exit status.

        Raises:
            OSError: a port or the state folder is in use, or the audio cannot start.
        """
        loop = asyncio.get_running_loop()
        for number in END_SIGNALS:
            loop.add_signal_handler(number, self._stopping.set)
        end_in_time(END_SIGNALS)
        loop.add_signal_handler(signal.SIGXCPU, self._last_run.over_budget)
        async with AsyncExitStack() as stack:
            hub = self._restore(stack)
            network = await open_network(stack, self._config, hub, self._layout, self._headphones)
            if network.upstream is not None:
                self._audio.upstream_ms = partial(getattr, network.upstream, "latency_ms")
            follow_device(stack, self._config, hub)
            stack.enter_context(self._last_run)  # only the daemon that has the ports
            reloader = Reloader(self._config, self._reread, partial(self._reconfigure, hub, network))
            stack.push_async_callback(reloader.close)
            # `nohup` ignores SIGHUP, so that the daemon outlives its terminal
            ends_with_terminal = has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
            loop.add_signal_handler(signal.SIGHUP, self._hang_up, reloader, ends_with_terminal)
            if ends_with_terminal:
                end_in_time([signal.SIGHUP])
            stack.callback(self._log_control)
            stack.callback(self._end_audio)
            await self._play(network.access)
            notify("STOPPING=1")
        return 0

    def _hang_up(self, reloader: Reloader, ends_with_terminal: bool) -> None:
        """Handle SIGHUP: read the configuration again, or end with the terminal of the daemon."""
        if ends_with_terminal and not has_terminal():
            self._stopping.set()
        else:
            if not self._stopping.is_set():
                signal.alarm(0)  # this signal is not to end the process
            reloader.request()

    async def _reconfigure(self, hub: Hub, network: NetworkServices, config: Config) -> None:
        """Take over the live keys of a new configuration."""
        self._config = config
        logging.getLogger().setLevel(config.log_level.upper())
        hub.ownership.reconfigure(config.hands.ranks, config.hands.hold_s)
        self._audio.reconfigure(config)
        self._delay_scenes(hub)
        await network.reconfigure(config)
        self._models.reconfigure(config)
        self._models.follow(hub.scene.separation.model)

    def _restore(self, stack: AsyncExitStack) -> Hub:
        """Make the hub with the saved scene, and connect what plays and saves each change."""
        stack.enter_context(state_lock(self._config.state_folder))
        # The parts are looked up when they are read: some of them need the context to be built.
        status = Status(
            counters=self._counters,
            levels=self._audio.levels,
            loudness=self._audio.loudness,
            levelling_db=self._audio.levelling_db,
            sound=self._audio.state,
            callback=self._audio.callback,
            energy_vectors=self._audio.heard,
            sounding=self._audio.sounding,
            match_db=self._audio.match_db,
            bad_samples=self._audio.bad_samples,
            holder=lambda key: hub.ownership.holder(key, time.monotonic()),
            scenes=lambda: hub.library.names(),
            scene_name=lambda: hub.library.current,
            scene_changed=lambda: hub.library.is_changed(hub.scene),
            refused=lambda: hub.reports.refused,
            recorder=lambda: recorder.state,
            recordings=lambda: recorder.names(),
            track=lambda: playing.now,
            music_scene=lambda: music.scene,
        )
        playing = PlayingTrack(self._config)
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
        osc, hands = self._config.osc, self._config.hands
        hub = build_hub(scene, context, store, hands=hands, adm_answer_port=osc.adm_answer_port)
        stack.push_async_callback(hub.close)
        music = MusicScenes(self._config.state_folder, hub, lambda: playing.now)
        playing.on_change = music.changed
        playing.start(stack)

        def changed(scene: Scene, dirty: Dirty) -> None:
            saver.offer(scene)
            if "separation" in dirty.parts:
                self._models.follow(scene.separation.model)

        hub.on(RestartLoudness, lambda command, _: self._audio.restart_loudness() if command.pressed else None)
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
        self._models.switch(scene.separation.model)  # at once, because the engine gets the latency of this model
        self._audio.apply(scene)
        return hub

    def _context(self, status: Status) -> Context:
        config = self._config
        defaults = config.default_scene([speaker.label for speaker in self._layout.speakers if speaker.lfe])
        return Context(
            self._layout.labels,
            defaults,
            self._model_names,
            presets(self._layout, defaults),
            partial(elsewhere, config.role, config.peer.host is not None),
            config.role,
            status=status,
        )

    def _delay_scenes(self, hub: Hub) -> None:
        """Delay scenes between hub and audio while some mirror gets them ahead of time."""
        delay_s = delay_of(self._config.mirror)
        if delay_s and self._delay is not None:
            self._delay.delay_s = delay_s
        elif delay_s:
            self._delay = SceneDelay(self._audio.follow, delay_s, TimedScene(hub.scene), lambda: hub.published_s)
            hub.follow(self._delay.follow)
        elif self._delay is not None:
            self._delay.end()
            self._delay = None
            hub.follow(self._audio.follow)

    def _captured(self) -> Engine | None:
        """The engine whose rows are the objects to capture; None where two machines share the work."""
        renderer = self._audio.renderer
        return renderer.engine if renderer is not None and self._config.role == "both" else None

    def _log_control(self) -> None:
        count = self._counters.read
        dropped = ", ".join(f"{count(name)} {name.replace('_', ' ')}" for name in ("not_allowed", "limited", "lost"))
        messages, refused = count("messages"), count("problems")
        log.info("%d messages received, %d refused; datagrams dropped: %s", messages, refused, dropped)

    def _end_audio(self) -> None:
        self._models.close()
        if self._delay is not None:
            self._delay.close()
        log.info("%s", self._audio.summary())
        self._audio.close()

    async def _play(self, access: Sequence[str]) -> None:
        starting = asyncio.get_running_loop().create_task(self._start(access))
        tasks = {starting, *map(asyncio.ensure_future, (self._look_after(), self._stopping.wait()))}
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

    async def _start(self, access: Sequence[str]) -> None:
        begun_s = time.monotonic()
        notify("STATUS=starting")
        await self._audio.prepare()
        if self._config.driver == "jack":
            self._manager.ready()  # control works already; a server that appears later is not a failed start
        await self._audio.start()
        self._last_run.sounding()
        self._manager.ready()
        log.debug("playing after %.2f s", time.monotonic() - begun_s)
        with optional_output():
            for line in self._banner(access):
                print(line, flush=True)
        self._on_ready()
        while True:
            await asyncio.sleep(MEND_S)
            with Contained("the sound server cannot be checked"):  # the next check may succeed
                await self._audio.mend()

    def _banner(self, access: Sequence[str]) -> list[str]:
        """The lines printed at the start: what plays, and how to control it."""
        config, layout, audio = self._config, self._layout, self._audio.describe()
        model = self._models.displayed(self._audio.model)
        where = f"layout   {layout.name}, {len(layout.labels)} loudspeakers: {layout.title}"
        if config.role == "separation":
            where = "role     separation: sends stems to the machine that has the loudspeakers"
        if config.role == "renderer":
            model = f"on {config.peer.host or 'another machine, which is not controlled from here (peer.host)'}"
        inputs = str(config.input or ("none" if config.driver == "clock" else "the input ports"))
        objects = ", ".join(item.name for item in config.default_scene().objects)
        send = f"stemfield send --port {config.osc.port}"
        return [
            f"stemfield {version('stemfield')} is ready",
            f"  {where}",
            f"  audio    {audio}",
            f"  input    {inputs}",
            f"  model    {model or 'none: the recording plays unseparated'}",
            f"  control  {'; '.join(access)}; objects: {objects}",
            f"           {send} /object/vocals/aed 180 0 1    # vocals behind you",
            f"           {send} /scene/reset                  # back to the default scene",
        ]

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(QUIET_S if self._audio.is_silent else LOOK_AFTER_S)
            now_s = time.monotonic()
            with Contained("the separation cannot be checked"):  # the music continues without
                self._audio.look_after(now_s)
            with Contained("systemd cannot be notified"):  # its watchdog then ends this process, as it should
                self._manager.update(now_s, joined=self._audio.playing, blocks=self._audio.blocks)

    def _on_status(self, text: str) -> None:
        notify(f"STATUS={text}")
        log.info("%s", text)


def run(config: Config, reread: Callable[[], Config], on_ready: Callable[[], None] = lambda: None) -> int:
    """Run a `Daemon` in this thread; return the exit status.

    Raises:
        LayoutError, AudioFileError, OSError: it cannot start.
    """
    begin_log(config.log_level)
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    async def main() -> int:
        return await Daemon(config, reread, on_ready).run()

    return asyncio.run(main())
