"""Models that a scene asks for, one after another."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from stemfield.control.config.configuration import Config
from stemfield.control.daemon.model_switch import ModelSwitch
from stemfield.separation.cards.card import ModelCard, load_card
from stemfield.separation.cards.presets import PRESETS


class Audio:
    """Takes every model."""

    model = "present"

    def __init__(self) -> None:
        self.used: list[ModelCard] = []

    def use_model(self, card: ModelCard) -> str:
        self.used.append(card)
        return ""


def test_nothing_waits_while_models_are_loaded() -> None:
    """Checksums take a tenth of a second each; of the requests that come meanwhile the last one counts."""
    card, audio, loaded, free = load_card("light"), Audio(), [], threading.Event()

    def load(name: str) -> ModelCard | None:
        loaded.append(name)
        return card if free.wait(10.0) else None

    async def run(switch: Any) -> None:
        for model in ("light", "studio", "", "light"):
            switch.follow(model)
            await asyncio.sleep(0.01)
        assert (loaded, audio.used) == (["light"], [])
        free.set()
        await switch._task
        assert audio.used == [card]
        switch.follow("studio")
        await switch._task
        assert loaded == ["light", "studio"]

    asyncio.run(run(ModelSwitch(Config(), load, audio)))  # type: ignore[arg-type]


def test_a_model_that_cannot_be_used_is_tried_once_for_each_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loaded: list[str] = []

    def load(name: str) -> None:
        loaded.append(name)

    switch = ModelSwitch(Config(model="light"), load, Audio())  # type: ignore[arg-type]
    for name in ("light", "", "bad", "bad", "", "bad"):
        switch.switch(name)
    assert loaded == ["bad", "light", "bad"]
    assert caplog.messages[0] == "model bad: it cannot be used; still playing present"


def test_where_another_machine_separates_no_model_is_loaded() -> None:
    switch = ModelSwitch(Config(role="renderer"), lambda _: pytest.fail("loaded"), Audio())  # type: ignore[arg-type]
    switch.switch("light")


def test_a_preset_is_shown_beside_its_model() -> None:
    switch = ModelSwitch(Config(model="light"), lambda _: None, Audio())  # type: ignore[arg-type]
    assert switch.displayed(PRESETS["light"]) == f"{PRESETS['light']} (light)"
    assert switch.displayed("other") == "other"
