"""The daemon: puts the parts together, starts them forward and stops them backward."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version

from zeroconf import Error as ZeroconfError

from stemfield.control.changes import Dirty
from stemfield.control.config import Config
from stemfield.control.hub import Hub
from stemfield.control.network.discovery import Advert
from stemfield.control.network.udp import UdpServer
from stemfield.control.notify import notify, watchdog_interval_s
from stemfield.control.player import Player
from stemfield.control.sound import Sound
from stemfield.control.state import Saver, SceneStore
from stemfield.control.venue import Venue
from stemfield.layouts import load_layout
from stemfield.renderer.scene import STEMS, Scene
from stemfield.separation.card import CardError, ModelCard, available_models, load_card
from stemfield.separation.streaming import stem_order

DEFAULT_MODEL = "first"
HOUSEKEEPING_S = 0.1
MENDING_S = 0.5

log = logging.getLogger(__name__)


class Daemon:
    """One running stemfield.

    Args:
        config: checked.
        announce: gets the lines that tell a person where to steer it.

    Raises:
        LayoutError: the layout cannot be used.
        AudioFileError: the input file cannot be played.
    """

    def __init__(self, config: Config, announce: Callable[[str], None] = print) -> None:
        self._config = config
        self._announce = announce
        self._layout = load_layout(config.layout, config.layout_folders)
        self._wanted = config.model or DEFAULT_MODEL
        card = self._find_card(self._wanted)
        if card is None:
            log.error("there is no separation: the recording is played as it is")
        models = tuple(entry.name for entry in available_models(config.model_folders) if not entry.problems)
        self._venue = Venue(self._layout.labels, config.default_scene(), models)
        self._store = SceneStore(config.state_folder, self._venue)
        player = Player(config.input, loop=config.loop) if config.input is not None else None
        self._model = card.name if card is not None else ""
        self._sound = Sound(config, self._layout, card, player, self._tell_status)
        self._stopping = asyncio.Event()

    def _find_card(self, name: str) -> ModelCard | None:
        """The model, or None with the reason in the log: the music goes on without."""
        try:
            return usable_card(name, self._config)
        except CardError as error:
            for problem in error.problems:
                log.error("model %s: %s", error.source, problem)
            return None

    async def run(self) -> int:
        """Runs until SIGTERM or SIGINT; returns the exit status.

        Raises:
            OSError: a port is taken, or the sound cannot start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        async with AsyncExitStack() as stack:
            hub = self._restore(stack)
            server = await self._open_door(stack, hub)
            stack.callback(self._end_sound)
            await self._advertise(stack, server.port)
            await self._play(server.port)
            notify("STOPPING=1")
        return 0

    def _restore(self, stack: AsyncExitStack) -> Hub:
        """The hub with the scene of last time, and the listeners that put each change in force and on disk."""
        scene, problems = self._store.load()
        for problem in problems:
            log.warning("%s", problem)
        saver = Saver(self._store, lambda text: log.warning("%s", text))
        stack.push_async_callback(saver.close)
        hub = Hub(scene, self._venue, self._store)
        stack.push_async_callback(hub.close)

        def changed(scene: Scene, dirty: Dirty) -> None:
            if "separation" in dirty.parts:
                self._follow_model(scene.separation.model)
            self._sound.apply(scene, dirty.fade_s)
            saver.offer(scene)

        hub.listen(changed)
        self._follow_model(scene.separation.model)
        self._sound.apply(scene)
        return hub

    def _follow_model(self, name: str) -> None:
        """Uses the model that the scene asks for, tried once each time it asks for another."""
        wanted = name or self._config.model or DEFAULT_MODEL
        if wanted == self._wanted:
            return
        self._wanted = wanted
        card = self._find_card(wanted)
        refusal = "it cannot be used" if card is None else self._sound.use_model(card)
        if refusal:
            log.error("model %s: %s; %s plays on", wanted, refusal, self._model or "the recording as it is")
        else:
            self._model = wanted
            log.info("model %s", wanted)

    async def _open_door(self, stack: AsyncExitStack, hub: Hub) -> UdpServer:
        osc = self._config.osc
        server = UdpServer(osc.bind, osc.port, osc.allow, osc.max_messages_per_s, hub.submit)
        await server.start()
        stack.callback(server.close)
        hub.send_with(server.send)
        return server

    def _end_sound(self) -> None:
        log.info("%s", self._sound.summary())
        self._sound.close()

    async def _advertise(self, stack: AsyncExitStack, port: int) -> None:
        """Announces us; a network without multicast is no reason not to play."""
        config = self._config
        if not config.discovery.enabled:
            return
        advert = Advert(
            config.discovery.name or default_name(),
            config.osc.bind,
            port,
            layout=self._layout.name,
            objects=len(self._venue.defaults.objects),
            version=version("stemfield"),
        )

        async def start() -> None:
            try:
                await advert.start()
            except (OSError, ZeroconfError) as error:
                log.warning("not announced on the network: %s", error)

        task = asyncio.get_running_loop().create_task(start())

        async def stop() -> None:
            await asyncio.wait([task])
            await advert.stop()

        stack.push_async_callback(stop)

    async def _play(self, port: int) -> None:
        """Sounds until it is time to stop."""
        starting = asyncio.get_running_loop().create_task(self._start(port))
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

    async def _start(self, port: int) -> None:
        begun_s = time.monotonic()
        notify("STATUS=starting")
        if self._config.driver == "jack":
            notify("READY=1")  # control answers; a server that comes later is no failed start
        await self._sound.start()
        notify("READY=1")
        log.debug("sound after %.2f s", time.monotonic() - begun_s)
        for line in self._welcome(port):
            self._announce(line)
        while True:
            await asyncio.sleep(MENDING_S)
            await self._sound.mend()

    async def _keep_house(self) -> None:
        watchdog_s = watchdog_interval_s()
        told_s, calls = 0.0, -1
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            now_s = time.monotonic()
            self._sound.look_after(now_s)
            if watchdog_s is not None and now_s - told_s > watchdog_s / 2:
                room, playing = self._sound.room, self._sound.playing
                rendered = room.engine.counters().calls if room is not None else 0
                # Sign of life: the loop runs and, where there is a driver, blocks are being rendered.
                if not playing or rendered != calls:
                    notify("WATCHDOG=1")
                told_s, calls = now_s, rendered

    def _tell_status(self, text: str) -> None:
        notify(f"STATUS={text}")
        log.info("%s", text)

    def _welcome(self, port: int) -> list[str]:
        config, layout = self._config, self._layout
        if config.input is not None:
            music = str(config.input)
        else:
            music = "the input ports" if config.driver != "clock" else "none"
        host = config.osc.bind
        return [
            f"stemfield {version('stemfield')} is ready",
            f"  room   {layout.name}, {len(layout.labels)} loudspeakers: {layout.title}",
            f"  sound  {self._sound.describe()}",
            f"  music  {music}",
            f"  model  {self._model or 'none: the recording is played as it is'}",
            f"  steer  OSC to {host} port {port} (UDP); objects: "
            + ", ".join(item.name for item in self._venue.defaults.objects),
            f"         oscsend {host} {port} /object/vocals/aed fff 180 0 1    # the singer behind you",
            f"         oscsend {host} {port} /scene/reset                      # as it was",
        ]


def usable_card(name: str, config: Config) -> ModelCard:
    """A model that the daemon can use.

    Raises:
        CardError: it cannot be loaded, or it has an instrument that is none of the scene's.
    """
    card = load_card(name, config.model_folders)
    try:
        stem_order(card, STEMS)
    except ValueError as error:
        raise CardError(name, (str(error),)) from error
    return card


def default_name() -> str:
    """What the network sees when nothing is configured."""
    import socket

    return f"stemfield on {socket.gethostname().partition('.')[0]}"


def run(config: Config) -> int:
    """Runs the daemon in this thread; returns the exit status.

    Raises:
        LayoutError, AudioFileError, OSError: it cannot start.
    """
    logging.basicConfig(
        level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )

    async def main() -> int:
        return await Daemon(config, lambda line: print(line, flush=True)).run()

    return asyncio.run(main())
