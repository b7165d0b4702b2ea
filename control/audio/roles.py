"""What one machine does of the whole: separate, place, or both. Its ports, its engine, and what is set elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stemfield.control.config.configuration import Config, Role
from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.scene.rows import STEM_ROWS
from stemfield.renderer.scene.scene import RESIDUAL, STEMS

STEM_PORTS: Final = tuple(f"{name}_{side}" for name in (*STEMS, RESIDUAL) for side in "LR")
"""Ports by which stems leave the one machine and come into the other, in the order of the engine's rows."""
SILENT_ROWS: Final = 4
"""Rows of a renderer's engine before those of the stems: what it would separate itself, which is nothing."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Names of a role's ports, in the engine's order."""

    music: tuple[str, ...]
    """What the recording comes in by: the mixture, or its stems."""
    direct: tuple[str, ...]
    """Of the direct inputs."""
    feeds: tuple[str, ...]
    """What goes out: to loudspeakers, or the stems."""
    channels: tuple[int, ...]
    """The 1-based channel that each feed is wired to."""


def ports_of(config: Config, layout: Layout) -> Ports:
    """The ports of the configured role."""
    mixture = ("mixture",) if config.jack.channels == 1 else ("mixture_L", "mixture_R")
    if config.role == "separation":
        return Ports(mixture, (), STEM_PORTS, tuple(range(1, STEM_ROWS + 1)))
    music = STEM_PORTS if config.role == "renderer" else mixture
    return Ports(music, direct_ports(config), layout.labels, tuple(speaker.channel for speaker in layout.speakers))


def direct_ports(config: Config) -> tuple[str, ...]:
    """Port names of the direct inputs, in the order of their channels."""
    return tuple(
        f"{given.name}{side}" for given in config.inputs for side in (("_L", "_R") if given.channels == 2 else ("",))
    )


def engine_of(role: Role, ports: Ports, sample_rate_hz: int, latency_frames: int, chain: Chain) -> Engine:
    """An engine with these ports.

    Args:
        role: `renderer` plays stems that come in like direct inputs, at once; otherwise they are separated here.
        ports: of that role.
        sample_rate_hz: of the driver.
        latency_frames: how far the stems run behind the mixture where they are separated here.
        chain: of the loudspeakers, of which stems that leave have none.
    """
    music, direct, feeds = len(ports.music), len(ports.direct), len(ports.feeds)
    if role == "separation":
        return Engine(sample_rate_hz, music, 0, feeds, len(STEMS), latency_frames)
    if role == "renderer":
        return Engine(sample_rate_hz, 0, music + direct, feeds, 1, 0, chain)
    return Engine(sample_rate_hz, music, direct, feeds, len(STEMS), latency_frames, chain)


_SEPARATED: Final = frozenset({"/separation/threshold", "/separation/bypass", "/separation/model"})
_PLACED: Final = ("object", "adm", "group", "speaker", "listener", "monitor", "master")


def elsewhere(role: Role, has_peer: bool, address: str) -> str:
    """Why an address of the table cannot be set on this machine, or nothing.

    Args:
        role: of this machine.
        has_peer: whether it knows the machine that separates, and tells it.
        address: of the parameter, with its variable part.
    """
    if role == "renderer" and address in _SEPARATED and not has_peer:
        return "belongs to the machine that separates (role: separation): send it there, or name that as peer.host here"
    placed = address == "/separation/{stem}/gain" or address.split("/")[1] in _PLACED
    if role == "separation" and (placed or address in ("/scene/amount", "/scene/compare")):
        return "belongs to the machine that has the loudspeakers (role: renderer): this one only separates"
    return ""
