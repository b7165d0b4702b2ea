"""The model in use, and the supervised worker process that runs it."""

from __future__ import annotations

import logging
import time
from functools import partial

from stemfield.control.audio.supervisor import TIMEOUT_S, Supervisor
from stemfield.control.config.configuration import Config
from stemfield.renderer.engine.engine import Engine, fade_frames
from stemfield.renderer.scene.scene import STEMS
from stemfield.separation.cards.card_schema import ModelCard
from stemfield.separation.streaming.latency import live_latency_frames
from stemfield.separation.worker.process import WorkerProcess

WITHOUT_MODEL_S = 0.025
"""Latency reserved for a model while there is none."""

log = logging.getLogger(__name__)


class ModelWorker:
    """Separates for one engine after the other, with one model after the other; without a model the mixture plays."""

    def __init__(self, config: Config, card: ModelCard | None) -> None:
        self._config = config.separation
        self._separates = config.role != "renderer"
        self._card = card
        self._next: ModelCard | None = None
        """Model whose worker has not taken over yet."""
        self._requested: ModelCard | None = None
        """Model requested while there was no engine."""
        self.supervisor: Supervisor | None = None
        """Supervisor of the worker, while there is an engine and a model."""

    @property
    def name(self) -> str:
        """The model's name, or an empty string."""
        card = self._requested or self._card
        return card.name if card is not None else ""

    def fits(self, engine: Engine, period_frames: int) -> bool:
        """Whether an engine has the latency that the model needs."""
        least = self._least_frames(self._card, engine.sample_rate_hz, period_frames) if self._separates else 0
        return engine.stem_latency_frames >= least

    def prepare(self, rate_hz: int, period_frames: int) -> int:
        """Take the requested model and return the latency of an engine for it, with the margin for a late worker."""
        self._card = self._requested or self._card
        if not self._separates:
            return 0
        margin = round(self._config.margin_ms * 1e-3 * rate_hz)
        return self._least_frames(self._card, rate_hz, max(margin, period_frames))

    def begin(self, engine: Engine) -> None:
        """Separate for a new engine."""
        if self._card is not None and self._config.enabled:
            start = partial(self._start, engine, self._card)
            self.supervisor = Supervisor(engine.timeline, start, _timeout_s(self._card))

    def check(self, now_s: float) -> None:
        """Look after the worker; see `Supervisor.check`."""
        supervisor = self.supervisor
        if supervisor is not None:
            supervisor.check(now_s)

    def end(self) -> Supervisor | None:
        """Leave the engine; return the supervisor to close."""
        supervisor, self.supervisor = self.supervisor, None
        self._card, self._next = self._next or self._card, None  # it would have taken over soon
        return supervisor

    def use(self, card: ModelCard, engine: Engine | None, period_frames: int) -> str:
        """Switch the model; the current one plays until the new worker is ready.

        Args:
            card: model to use.
            engine: engine that plays now; without one the next engine gets the model.
            period_frames: period of its driver, or 0.

        Returns:
            Why not, or an empty string.
        """
        if engine is None:
            self._requested = card  # an engine may be in the making, with the latency of the model before
            return ""
        latency, needed = engine.stem_latency_frames, self._least_frames(card, engine.sample_rate_hz, period_frames)
        if needed > latency:
            return (
                f"model {card.name} needs {needed} frames and the daemon runs with {latency}: "
                "make it the configured model, or enlarge separation.margin_ms, and restart"
            )
        self._requested = None  # this request is newer
        if not self._config.enabled:
            self._card = card
        elif self.supervisor is None:
            self._card = card
            self.begin(engine)
        else:
            self._next = card
            start, ended = partial(self._start, engine, card), partial(self._replaced, card)
            self.supervisor.replace(start, time.monotonic(), _timeout_s(card), ended)
        return ""

    def take_request(self) -> ModelCard | None:
        """The model requested while the engine was made, if it is not the one in use; each only once."""
        requested, self._requested = self._requested, None
        return requested if requested is not self._card else None

    def _replaced(self, card: ModelCard, taken: bool) -> None:
        self._next = None
        if taken:
            self._card = card
            log.info("model %s plays", card.name)

    def _least_frames(self, card: ModelCard | None, rate_hz: int, margin_frames: int) -> int:
        """Latency that a model needs, with the fade, if its worker may be that late: a period at least."""
        model = round(WITHOUT_MODEL_S * rate_hz) if card is None else live_latency_frames(card, rate_hz)
        return model + fade_frames(rate_hz) + margin_frames

    def _start(self, engine: Engine, card: ModelCard, successor: bool) -> WorkerProcess:
        return WorkerProcess(
            engine.timeline,
            card.folder,
            engine.sample_rate_hz,
            engine.stem_latency_frames,
            self._config.providers,
            rule=self._config.rule,
            stems=STEMS,
            successor=successor,
        )


def _timeout_s(card: ModelCard) -> float:
    """Longest time between two signs of life of a worker: it gives none while it computes a chunk."""
    return max(TIMEOUT_S, 2.0 * card.compute_margin_samples / card.sample_rate.nominal_hz)
