"""What is measured and counted while the daemon runs, for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stemfield.control.network.headphones import Ears
from stemfield.control.sound_state import QUIET, UNCALLED, CallbackState, SoundState
from stemfield.renderer.engine.bad_samples import BadSamples
from stemfield.renderer.engine.levels import SILENT, Levels

MAX_COUNT = 2**31 - 1


class Status:
    """Sources of what changes without the scene, and numbers by name, each from whoever counts it."""

    def __init__(self) -> None:
        self._counts: dict[str, list[Callable[[], float]]] = {}
        self.levels: Callable[[], Levels] = lambda: SILENT
        """What the meters show."""
        self.sound: Callable[[], SoundState] = lambda: QUIET
        """What sounds, and what keeps it from sounding."""
        self.callback: Callable[[], CallbackState] = lambda: UNCALLED
        """What the audio callback has done and how long it takes."""
        self.heard: Callable[[], NDArray[np.float32]] = lambda: np.zeros((0, 3), np.float32)
        """Where each object of the scene is heard, shape (objects, 3): the mean direction of its energy, whose length
        is 1 where all of it comes from one direction."""
        self.sounding: Callable[[str], str] = lambda _: ""
        """By which sound a loudspeaker is looked for now, by its label."""
        self.ears = Ears()
        """Who listens on the panner page."""
        self.match_db: Callable[[], float] = lambda: 0.0
        """By how much the scene is louder than the recording."""
        self.holder: Callable[[int], str] = lambda _: ""
        """Who holds an object, by its id."""
        self.scenes: Callable[[], tuple[str, ...]] = tuple
        """The names of the scenes."""
        self.scene: Callable[[], str] = str
        """The name of the scene that was taken up or kept last."""
        self.scene_changed: Callable[[], bool] = bool
        """Whether the scene is another one since."""
        self.bad: Callable[[], BadSamples] = BadSamples
        """What came in and was no sound."""
        self.recorder: Callable[[], str] = str
        """What the recorder does."""
        self.recordings: Callable[[], tuple[str, ...]] = tuple
        """The names of the recordings."""
        self.refused: Callable[[], tuple[str, str, int]] = lambda: ("", "", 0)
        """Address and reason of the message that was refused last, and the heartbeat then."""
        begun_s = time.monotonic()
        self.count("heartbeat", lambda: time.monotonic() - begun_s)

    def count(self, name: str, number: Callable[[], float]) -> None:
        """Add a source; what several sources have under one name adds up."""
        self._counts.setdefault(name, []).append(number)

    def read(self, name: str) -> int:
        """The present number; 0 where nobody counts that."""
        return min(int(sum(number() for number in self._counts.get(name, ()))), MAX_COUNT)
