"""The renderer: puts scenes in force on an engine, for one layout."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.chain import listener_delays_s, speaker_trims
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import EqBand, Layout
from stemfield.renderer.dsp.binaural import Head, monitor_filters
from stemfield.renderer.dsp.biquad import sections
from stemfield.renderer.dsp.identify import DEFAULT_LEVEL_DB, NOISE, SPOKEN, SWEEP
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.levels import SILENT, Levels, shown_levels
from stemfield.renderer.engine.plan import Targets
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.compare import untouched
from stemfield.renderer.scene.gains import CLICK_FREE_S, bass_gains, linear, speaker_gains
from stemfield.renderer.scene.object_gains import ObjectGains
from stemfield.renderer.scene.rows import engine_rows
from stemfield.renderer.scene.scene import Scene, SpeakerTrim, TestSignal
from stemfield.renderer.scene.timed_scene import TimedScene

T = TypeVar("T", np.float32, np.int64)
Floats = NDArray[np.float32]

log = logging.getLogger(__name__)

_SOUNDS: Mapping[TestSignal, int] = {"none": 0, "noise": NOISE, "sweep": SWEEP, "spoken": SPOKEN}


class Renderer:
    """Renders scenes with an engine, for the loudspeakers of a layout.

    Without decorrelators in the engine's chain, diffuse sound goes to the loudspeakers as it is.

    Args:
        layout: loudspeaker layout.
        panner: panner of the layout.
        engine: engine with the chain of the layout, or a plain one.
        head: head of the binaural monitor; required if the chain has one.
        stem_row: row of the engine that plays the first stem.
    """

    def __init__(
        self, layout: Layout, panner: Panner, engine: Engine, head: Head | None = None, stem_row: int = 0
    ) -> None:
        self.layout = layout
        self.panner = panner
        self.engine = engine
        self._head = head
        self._stem_row = stem_row
        self._gains = ObjectGains(layout, panner, engine.sample_rate_hz)
        self._rows = np.zeros(0, np.intp)
        self._metered: tuple[tuple[int, ...], NDArray[np.intp]] = (), self._rows
        self._shown = (-1, SILENT)
        self._one_each = True
        self.heard: Floats = np.zeros((0, 3), np.float32)
        """The mean direction of each object's energy, shape (objects, 3)."""
        self._directions = cartesian(
            np.array([s.azimuth_deg for s in layout.speakers]), np.array([s.elevation_deg for s in layout.speakers])
        ).astype(np.float32)
        self._bands: dict[int, tuple[EqBand, ...]] = {}
        self._scene: Scene | None = None
        self._worked_out: Scene | None = None
        self._asked = self._place = (0.0, 0.0, 0.0)
        self._own = np.ones(len(layout.speakers), np.float32)
        self._trims = engine.chain.trims
        self._delays = engine.chain.delays_frames

    def apply(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Puts a scene in force; ramps take at least `fade_s`."""
        self.follow((TimedScene(scene, fade_s),))

    def follow(self, cues: Sequence[TimedScene]) -> None:
        """Puts the current scene and the next ones in force.

        Head rotation, identifying sounds and the settings of the separation are those of the current scene.

        Args:
            cues: scenes in the order of their times.
        """
        engine, before = self.engine, self._scene
        self._scene = scene = untouched(self._from_a_place(cues[0].scene))
        plan = [self._targets(scene, cues[0])]
        if self._metered[1] is not self._rows:
            self._metered = tuple(source.object_id for source in self._gains.sources), self._rows
        self.heard = self._gains.energies() @ self._directions
        plan += [self._targets(untouched(self._from_a_place(cue.scene)), cue) for cue in cues[1:]]
        engine.publisher.publish(plan)
        if self._head is not None and engine.chain.monitor_taps and (before is None or before.head != scene.head):
            engine.publish_head(monitor_filters(self._head, self.layout, *scene.head))
        if before is not None and before.speakers is not scene.speakers:
            self._identify(before.speakers, scene.speakers)
        engine.timeline.threshold = scene.separation.threshold
        engine.bypass(scene.separation.bypass)

    def _targets(self, scene: Scene, cue: TimedScene) -> Targets:
        """The engine's targets for a scene; only what differs from the previous scene is computed."""
        engine, before, self._worked_out = self.engine, self._worked_out, scene
        anew = self._gains.show(scene)
        if anew:
            self._rows = engine_rows(self._gains.sources, engine.sources, self._stem_row)
            self._one_each = len(set(self._rows.tolist())) == len(self._rows)
        if before is None or _loudness(before) != _loudness(scene):
            self._own = speaker_gains(scene, self.layout)
        if before is None or before.listener != scene.listener:
            self._follow_listener(scene)
        direct, diffuse = self._matrices()
        shortest = max(round(max(cue.fade_s, CLICK_FREE_S) * engine.sample_rate_hz), 1)
        return Targets(
            direct,
            np.maximum(self._on_rows(np.maximum, self._gains.ramps), shortest),
            self._own,
            shortest,
            diffuse_gains=diffuse,
            bass_gains=None if engine.chain.dual_band is None else bass_gains(direct),
            heard_together=1.0 - self._on_rows(np.maximum, 1.0 - self._gains.together),
            trims=self._trims,
            delays_frames=self._delays,
            equalisers=self._equalisers(scene, anew=anew),
            monitor_gain=0.0 if scene.monitor_mute else linear(scene.monitor_gain_db),
            night=float(scene.night),
            begin_frame=engine.frame_at(cue.at_s),
        )

    def levels(self) -> Levels:
        """Current meter levels; may be called from any thread."""
        meters = self.engine.meters()
        if meters.periods != self._shown[0]:
            self._shown = meters.periods, shown_levels(meters, *self._metered, self.layout.labels)
        return self._shown[1]

    def _from_a_place(self, scene: Scene) -> Scene:
        """The scene with the last valid place of the listener: not all loudspeakers may be in one direction."""
        if scene.listener != self._asked:
            self._asked = scene.listener
            try:
                self.panner.variant((), scene.listener)
                self._place = scene.listener
            except ValueError as error:
                log.warning("the listener cannot be at %.2f %.2f %.2f: %s", *scene.listener, error)
        return scene if self._place == scene.listener else replace(scene, listener=self._place)

    def _matrices(self) -> tuple[Floats, Floats | None]:
        """The objects' gains on the rows of the engine; those of objects that play the same input add up."""
        direct, diffuse = self._on_rows(np.add, self._gains.direct), self._on_rows(np.add, self._gains.diffuse)
        if self.engine.chain.decorrelators:
            return direct, diffuse
        return np.sqrt(direct**2 + diffuse**2), None

    def _on_rows(self, combine: np.ufunc, values: NDArray[T]) -> NDArray[T]:
        """Values of sources on the rows of the engine; several sources of a row are combined."""
        found = np.zeros((self.engine.sources, *values.shape[1:]), values.dtype)
        if self._one_each:
            found[self._rows] = values
        else:
            combine.at(found, self._rows, values)
        return found

    def _follow_listener(self, scene: Scene) -> None:
        """Updates the loudspeakers' delays and trims for the place of the listener, as far as they are compensated."""
        chain = self.engine.chain
        if not any(scene.listener):
            self._trims, self._delays = chain.trims, chain.delays_frames
            return
        self._trims = speaker_trims(self.layout, scene.listener).astype(np.float32)
        if self.layout.compensate.delay:
            delays = np.rint(listener_delays_s(self.layout, scene.listener) * chain.sample_rate_hz)
            self._delays = np.minimum(delays, chain.max_delay_frames).astype(np.int64)

    def _equalisers(self, scene: Scene, *, anew: bool) -> Sequence[NDArray[np.float64]] | None:
        """The equalisers of all rows, or None if unchanged; of objects that play the same input the last counts."""
        bands = {index: item.eq for index, item in enumerate(scene.objects) if item.eq}
        if bands == self._bands and not anew:
            return None
        self._bands = bands
        found = [np.zeros((0, 5))] * self.engine.sources
        for index, own in bands.items():
            for row in self._gains.rows_of(index):
                found[self._rows[row]] = _sections(own, self.engine.sample_rate_hz)
        return found

    def sounding(self, label: str) -> str:
        """Identifying sound that a loudspeaker plays now, or an empty string."""
        sound = self.engine.identify.sounding[self.layout.labels.index(label)]
        return next(name for name, number in _SOUNDS.items() if number == sound) if sound else ""

    def _identify(self, before: Mapping[str, SpeakerTrim], now: Mapping[str, SpeakerTrim]) -> None:
        for index, label in enumerate(self.layout.labels):
            asked = now.get(label, SpeakerTrim()).identify
            if asked != before.get(label, SpeakerTrim()).identify:
                self.engine.identify.request(index, _SOUNDS[asked.sound], linear(DEFAULT_LEVEL_DB))


@lru_cache(maxsize=256)
def _sections(bands: tuple[EqBand, ...], sample_rate_hz: int) -> NDArray[np.float64]:
    return sections(bands, sample_rate_hz)


def _loudness(scene: Scene) -> tuple[object, ...]:
    return scene.master_gain_db, scene.master_mute, dict(scene.speakers)
