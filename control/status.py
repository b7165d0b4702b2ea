"""Live values of the daemon: what plays, what is counted, who controls what."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.engine.bad_samples import BadSamples
from stemfield.renderer.engine.levels import SILENT, Levels
from stemfield.renderer.engine.loudness import UNHEARD, ShownLoudness

MAX_COUNT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Wiring:
    """The daemon's ports on a JACK server and what they could be connected to; empty without a server."""

    server: str = ""
    """Name of the server; empty for the default one."""
    client: str = ""
    """Name of the daemon's client."""
    mixture: tuple[str, ...] = ()
    """Input ports of the recording."""
    direct: tuple[str, ...] = ()
    """Ports of the direct inputs, in channel order."""
    monitor: tuple[str, ...] = ()
    """Ports of the binaural monitor."""
    unconnected: tuple[str, ...] = ()
    """Own ports without a connection; those of loudspeakers by their labels."""
    sources: tuple[str, ...] = ()
    """Foreign output ports, programs before hardware."""
    sinks: tuple[str, ...] = ()
    """Foreign input ports for loudspeakers, hardware before programs."""
    capture_frames: int = 0
    """Latency of the recording when it arrives, as reported by the server."""
    local_stems: bool = False
    """Whether stems come from a separation on the same server, which then reports their latency."""


@dataclass(frozen=True, slots=True)
class Track:
    """A piece of music that some program plays; unknown texts are empty."""

    title: str = ""
    artist: str = ""
    album: str = ""
    source: str = ""
    """Name of the program."""

    @classmethod
    def of(cls, *texts: object) -> Track:
        """A track of foreign texts: on one line, and not too long."""
        return cls(*(_plain(text) for text in texts))


NOTHING_PLAYS: Final = Track()
MAX_TEXT: Final = 200


def _plain(text: object) -> str:
    found = " ".join("".join(c if c.isprintable() else " " for c in str(text or "")[: 4 * MAX_TEXT]).split())
    return found if len(found) <= MAX_TEXT else f"{found[: MAX_TEXT - 1]}…"


@dataclass(frozen=True, slots=True)
class SoundState:
    """The audio chain from the driver to the worker at one moment."""

    driver: Literal["", "clock", "jack"] = ""
    """What calls the engine; empty while waiting for a server."""
    text: str = ""
    """The same in words."""
    model: str = ""
    """Model in use; empty without separation."""
    stems_share: float = 0.0
    """0 where the recording plays unseparated, 1 where all stems play."""
    load: float = 0.0
    """Share of real time that the worker computes."""
    late: int = 0
    """Number of times the worker fell behind."""
    restarts: int = 0
    """Number of workers that were replaced."""
    problem: str = ""
    """Why no worker runs."""
    missing_s: float = 0.0
    """Time played without stems."""
    latency_ms: float = 0.0
    """Latency from the mixture to the loudspeakers; from incoming stems where another machine separates."""
    before_ms: float = 0.0
    """Latency from the source of the music to the inputs, as reported by the server and the separating machine."""
    xruns: int = 0
    """Xruns of the sound server."""
    block_load: float = 0.0
    """Longest block of the last two seconds as a share of its period; above 1 the daemon causes xruns."""
    binaural: bool = False
    """Whether the binaural monitor plays."""
    separated_s: float = 0.0
    """Duration of the music that went through a model; it stands still in silence."""
    wiring: Wiring = Wiring()

    @property
    def path_ms(self) -> float:
        """Latency from the source of the music to the loudspeakers, as far as it is known."""
        return round(self.before_ms + self.latency_ms, 1)


@dataclass(frozen=True, slots=True)
class CallbackState:
    """Counters and duration of the audio callback since the engine started."""

    blocks: int = 0
    played_s: float = 0.0
    cuts: int = 0
    """Cross-fades that found no stem frames left, which is audible as a click."""
    bad_input: int = 0
    """Invalid input samples."""
    shares: Mapping[float, float] = field(default_factory=dict)
    """Quantiles of the share of a period that a call takes, over the last calls; empty while nothing calls."""


QUIET: Final = SoundState()
UNCALLED: Final = CallbackState()
"""The states without an engine."""


class Counters:
    """Numbers by name, each read from the parts that count it."""

    def __init__(self) -> None:
        self._sources: dict[str, list[Callable[[], float]]] = {}
        started_s = time.monotonic()
        self.add("heartbeat", lambda: time.monotonic() - started_s)

    def add(self, name: str, source: Callable[[], float]) -> None:
        """Add a source; several sources of one name add up."""
        self._sources.setdefault(name, []).append(source)

    def read(self, name: str) -> int:
        """The current number; 0 where nothing counts it."""
        return min(int(sum(source() for source in self._sources.get(name, ()))), MAX_COUNT)


@dataclass(frozen=True, slots=True)
class Status:
    """Sources of the live values. The daemon builds it once, from all its parts."""

    counters: Counters
    levels: Callable[[], Levels]
    """Levels of the meters."""
    loudness: Callable[[], ShownLoudness]
    """Loudness of the mixture and of the room."""
    levelling_db: Callable[[], float]
    """Gain of the levelling."""
    sound: Callable[[], SoundState]
    callback: Callable[[], CallbackState]
    energy_vectors: Callable[[], NDArray[np.float32]]
    """Energy vector of each object of the scene, shape (objects, 3): length 1 where all energy comes from one
    direction."""
    sounding: Callable[[str], str]
    """Test signal that a loudspeaker plays now, by its label."""
    match_db: Callable[[], float]
    """How much louder the scene is than the recording."""
    bad_samples: Callable[[], BadSamples]
    """Invalid samples by their source."""
    holder: Callable[[int], str]
    """The peer that controls an object, by the object's id."""
    scenes: Callable[[], tuple[str, ...]]
    """Names of the scenes."""
    scene_name: Callable[[], str]
    """Name of the scene that was loaded or saved last."""
    scene_changed: Callable[[], bool]
    """Whether the scene has changed since."""
    refused: Callable[[], tuple[str, str, int]]
    """Address and reason of the last refused message, and the heartbeat at that time."""
    recorder: Callable[[], str]
    """What the recorder is doing."""
    recordings: Callable[[], tuple[str, ...]]
    """Names of the recordings."""
    track: Callable[[], Track]
    """What plays in the programs of this machine."""
    music_scene: Callable[[], str]
    """Name of the scene that belongs to it."""


def idle_status() -> Status:
    """The status where nothing runs, as when files are rendered."""
    return Status(
        counters=Counters(),
        levels=lambda: SILENT,
        loudness=lambda: UNHEARD,
        levelling_db=lambda: 0.0,
        sound=lambda: QUIET,
        callback=lambda: UNCALLED,
        energy_vectors=lambda: np.zeros((0, 3), np.float32),
        sounding=lambda _: "",
        match_db=lambda: 0.0,
        bad_samples=BadSamples,
        holder=lambda _: "",
        scenes=tuple,
        scene_name=str,
        scene_changed=bool,
        refused=lambda: ("", "", 0),
        recorder=str,
        recordings=tuple,
        track=lambda: NOTHING_PLAYS,
        music_scene=lambda: "",
    )
