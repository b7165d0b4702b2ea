"""The role of one machine: separation, rendering, or both. Its ports, its engine, and what the other machine has.

On a machine that only separates, each row of the engine has an output of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.control.config.audio import Role
from stemfield.control.config.configuration import Config
from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.levels import SILENT, Levels, shown_levels
from stemfield.renderer.scene.rows import STEM_ROWS
from stemfield.renderer.scene.scene import RESIDUAL, STEMS
from stemfield.renderer.scene.timed_scene import TimedScene

STEM_PORTS: Final = tuple(f"{name}_{side}" for name in (*STEMS, RESIDUAL) for side in "LR")
"""Ports of the stems between two machines, in the order of the engine's rows."""
MIXTURE_ROWS: Final = 2
"""Rows of a renderer's engine before those of the incoming stems: its mixture, which has no input."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Port names of a role, in the engine's order."""

    music: tuple[str, ...]
    """Inputs of the recording: the mixture, or its stems."""
    direct: tuple[str, ...]
    """Direct inputs."""
    late: tuple[bool, ...]
    """For each direct input, whether it is as late as the stems."""
    feeds: tuple[str, ...]
    """Outputs: loudspeakers, or stems."""
    channels: tuple[int, ...]
    """1-based channel of each output."""


def ports_of(config: Config, layout: Layout) -> Ports:
    """The ports of the configured role."""
    mixture = ("mixture",) if config.jack.channels == 1 else ("mixture_L", "mixture_R")
    if config.role == "separation":
        return Ports(mixture, (), (), STEM_PORTS, tuple(range(1, STEM_ROWS + 1)))
    music = STEM_PORTS if config.role == "renderer" else mixture
    sides = {1: ("",), 2: ("_L", "_R")}
    direct = tuple(f"{given.name}{side}" for given in config.direct_inputs for side in sides[given.channels])
    late = tuple(given.with_stems for given in config.direct_inputs for _ in sides[given.channels])
    return Ports(music, direct, late, layout.labels, tuple(speaker.channel for speaker in layout.speakers))


def engine_of(role: Role, ports: Ports, sample_rate_hz: int, latency_frames: int, chain: Chain) -> Engine:
    """Make an engine with these ports.

    Args:
        role: `renderer` plays incoming stems without latency, like direct inputs; otherwise they are separated here.
        ports: ports of that role.
        sample_rate_hz: sample rate of the driver.
        latency_frames: delay of the stems behind the mixture, if they are separated here.
        chain: loudspeaker chain; stems that leave the machine have none.
    """
    music, direct, feeds = len(ports.music), len(ports.direct), len(ports.feeds)
    if role == "separation":
        return Engine(sample_rate_hz, music, 0, feeds, len(STEMS), latency_frames)
    if role == "renderer":
        return Engine(sample_rate_hz, 0, music + direct, feeds, 0, 0, chain)
    return Engine(sample_rate_hz, music, ports.late, feeds, len(STEMS), latency_frames, chain)


class StemOutputs:
    """Outputs the stems and the residual of an engine unchanged; of a scene it uses only the separation settings.

    Args:
        engine: engine with as many outputs as rows.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.heard: NDArray[np.float32] = np.zeros((0, 3), np.float32)
        """Empty: this machine places no objects."""
        self._shown = (-1, SILENT)
        rows = engine.outputs
        self._metered = tuple(row // 2 for row in range(rows)), np.arange(rows)
        engine.publish(np.eye(rows, dtype=np.float32), np.ones(rows, np.int64), np.ones(rows, np.float32), 1)

    def follow(self, scenes: Sequence[TimedScene]) -> None:
        """Apply the separation settings of the current scene."""
        separation = scenes[0].scene.separation
        self.engine.timeline.threshold = separation.threshold
        self.engine.bypass(separation.bypass)

    def sounding(self, _: str) -> str:
        """Test signal of a loudspeaker: none."""
        return ""

    def levels(self) -> Levels:
        """Current meter levels; may be called from any thread."""
        meters = self.engine.meters()
        if meters.periods != self._shown[0]:
            self._shown = meters.periods, shown_levels(meters, *self._metered, STEM_PORTS)
        return self._shown[1]


_SEPARATED: Final = frozenset({"/separation/threshold", "/separation/bypass", "/separation/model"})
_PLACED: Final = ("object", "adm", "group", "speaker", "listener", "monitor", "master")


def elsewhere(role: Role, has_peer: bool, address: str) -> str:
    """Why an address cannot be set on this machine, or an empty string.

    Args:
        role: role of this machine.
        has_peer: whether it controls the machine that separates.
        address: address of the parameter, with its variable part.
    """
    if role == "renderer" and address in _SEPARATED and not has_peer:
        return "belongs to the machine that separates (role: separation): send it there, or name that as peer.host here"
    if role == "renderer" and address.split("/")[1] == "loudness":
        return "belongs to the machine that separates (role: separation), where the recording comes in: send it there"
    placed = address == "/separation/{stem}/gain" or address.split("/")[1] in _PLACED
    if role == "separation" and (placed or address in ("/scene/amount", "/scene/compare")):
        return "belongs to the machine that has the loudspeakers (role: renderer): this one only separates"
    return ""
