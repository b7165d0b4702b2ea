"""What sounds, as a frozen value, for whoever wants to know why nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Wiring:
    """Our ports on a JACK server, and what they could be connected to; empty without one."""

    server: str = ""
    """Its name; empty for the default server."""
    client: str = ""
    """As the server calls us."""
    mixture: tuple[str, ...] = ()
    """Ports that the recording comes in by."""
    direct: tuple[str, ...] = ()
    """Those of the direct inputs, in the order of their channels."""
    monitor: tuple[str, ...] = ()
    """Those of the binaural monitor."""
    unconnected: tuple[str, ...] = ()
    """Ports of ours that nothing is connected to; those of loudspeakers are called by their labels."""
    sources: tuple[str, ...] = ()
    """Ports that something may come from, programs before the hardware."""
    sinks: tuple[str, ...] = ()
    """Ports that loudspeakers may hang on, the hardware before programs."""
    capture_frames: int = 0
    """How long the recording has been on its way when it comes in, as the server knows it."""
    local_stems: bool = False
    """Whether stems come from a separation on this very server, which then knows how late they are."""


@dataclass(frozen=True, slots=True)
class SoundState:
    """The chain from the driver to the worker, at one moment."""

    driver: Literal["", "clock", "jack"] = ""
    """What calls the engine; nothing while a server is awaited."""
    text: str = ""
    """The same in words."""
    model: str = ""
    """In use; empty where there is no separation."""
    stems_share: float = 0.0
    """0 where the recording is played as it is, 1 where all stems are."""
    load: float = 0.0
    """Share of real time that the worker computes."""
    late: int = 0
    """How often the worker fell behind."""
    restarts: int = 0
    """How many workers had to be replaced."""
    problem: str = ""
    """Why there is no worker."""
    missing_s: float = 0.0
    """Time that was played without stems."""
    latency_ms: float = 0.0
    """From the mixture to the loudspeakers; from stems that come in, where they are separated elsewhere."""
    before_ms: float = 0.0
    """From the source of the music to our inputs: what the sound server knows, and the machine that separates says."""
    xruns: int = 0
    """Of the sound server."""
    block_load: float = 0.0
    """The longest of the last two seconds' blocks, as a share of its period: above 1 the xruns are ours."""
    binaural: bool = False
    """Whether the binaural monitor plays."""
    wiring: Wiring = Wiring()

    @property
    def path_ms(self) -> float:
        """From the source of the music to the loudspeakers, as far as that is known."""
        return round(self.before_ms + self.latency_ms, 1)


@dataclass(frozen=True, slots=True)
class CallbackState:
    """What the audio callback has done since the engine began, and how long it takes."""

    blocks: int = 0
    played_s: float = 0.0
    cuts: int = 0
    """Cross-fades that found no stem frames left: heard as a click."""
    bad_input: int = 0
    """Input samples that were no sound."""
    shares: Mapping[float, float] = field(default_factory=dict)
    """Quantiles of the part of a period that a call takes, over the last ones; none while nobody calls."""


QUIET: Final = SoundState()
UNCALLED: Final = CallbackState()
"""While there is no engine."""
