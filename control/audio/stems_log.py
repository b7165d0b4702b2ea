"""Logs when stems arrive, when they are missing, and what an export in freewheel had to do without."""

from __future__ import annotations

import logging

from stemfield.renderer.engine.engine import Engine

MISSING_S = 0.5
"""Time without stems that is worth a line in the log."""

log = logging.getLogger(__name__)


class StemsLog:
    """Watches the stems of one engine after the other."""

    def __init__(self) -> None:
        self._arrive = False
        self._last_s = 0.0
        self._freewheel: int | None = None
        """Frames played without stems before the server went into freewheel."""

    def update(self, engine: Engine, now_s: float, *, freewheeling: bool) -> None:
        """Log what has changed; call it a few times a second with a monotonic time."""
        self._log_stems(engine, now_s)
        self._log_freewheel(engine, freewheeling)

    def _log_stems(self, engine: Engine, now_s: float) -> None:
        share = engine.stems_share
        if share > 0.0:
            self._last_s = now_s
        if share == 1.0 and not self._arrive:
            self._arrive = True
            missed_s = engine.counters().missing_frames / engine.sample_rate_hz
            log.info("stems arrive; %.3f s were played without", missed_s)
        elif self._arrive and now_s - self._last_s > MISSING_S:
            self._arrive = False
            log.warning("no stems: the recording is played as it is")

    def _log_freewheel(self, engine: Engine, freewheeling: bool) -> None:
        missing, before = engine.counters().missing_frames, self._freewheel
        if freewheeling and before is None:
            self._freewheel = missing
            log.info("freewheel: rendering as fast as the separation allows")
        elif before is not None and not freewheeling:
            self._freewheel = None
            missed_s = max(missing - before, 0) / engine.sample_rate_hz
            level = logging.WARNING if missed_s else logging.INFO
            log.log(level, "freewheel ended; %.3f s of it were played without stems", missed_s)
