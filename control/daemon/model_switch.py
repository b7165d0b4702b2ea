"""Switches to the model that the scene asks for, or else the configuration."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from stemfield.control.audio.service import AudioService
from stemfield.control.config.configuration import Config
from stemfield.control.faults import Contained
from stemfield.separation.cards.card import ModelCard
from stemfield.separation.cards.presets import DEFAULT, PRESETS

log = logging.getLogger(__name__)


class ModelSwitch:
    """Tries a model once each time that another one is requested.

    Args:
        config: configuration of the daemon, whose model is used where the scene names none.
        load: loads a model by its name; returns None after logging why it cannot be used.
        audio: audio service that plays it.
    """

    def __init__(self, config: Config, load: Callable[[str], ModelCard | None], audio: AudioService) -> None:
        self._config = config
        self._load = load
        self._audio = audio
        self._wanted = config.model or DEFAULT
        self._task: asyncio.Task[None] | None = None

    def reconfigure(self, config: Config) -> None:
        """Use another configuration from now on."""
        self._config = config

    def switch(self, name: str) -> None:
        """Use the model of a scene at once; an empty name is the configured one."""
        if self._is_new(name):
            self._use(self._load(self._wanted))

    def follow(self, name: str) -> None:
        """Use the model of a scene once it is loaded, on a thread, because checksums take a while."""
        if self._is_new(name) and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Stop loading."""
        if self._task is not None:
            self._task.cancel()

    def displayed(self, name: str) -> str:
        """Name of the model in use as shown to a person: with its preset if that was requested."""
        return f"{name} ({self._wanted})" if PRESETS.get(self._wanted) == name else name

    def _is_new(self, name: str) -> bool:
        if self._config.role == "renderer":  # another machine has the models
            return False
        before, self._wanted = self._wanted, name or self._config.model or DEFAULT
        return self._wanted != before

    async def _run(self) -> None:
        """Load models until the one loaded is still the one wanted."""
        with Contained("the model cannot be changed"):
            wanted, card = "", None
            while wanted != self._wanted:
                wanted = self._wanted
                card = await asyncio.to_thread(self._load, wanted)
            self._use(card)

    def _use(self, card: ModelCard | None) -> None:
        refusal = "it cannot be used" if card is None else self._audio.use_model(card)
        if refusal or card is None:
            present = self._audio.model or "the unseparated recording"
            log.error("model %s: %s; still playing %s", self._wanted, refusal, present)
        else:
            log.info("model %s requested", self.displayed(card.name))
