"""The surroundings of a scene that commands cannot change: loudspeakers, configured scene, models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from stemfield.control.status import Status
from stemfield.renderer.scene.scene import RESIDUAL, Scene

if TYPE_CHECKING:
    from stemfield.control.config.audio import Role


@dataclass(frozen=True)
class Context:
    """The surroundings of the scene, fixed while the daemon runs."""

    labels: tuple[str, ...]
    """Loudspeaker labels in layout order, LFE included."""
    defaults: Scene
    """The configured scene: every object, with its configured name."""
    models: tuple[str, ...] = ()
    """Names of the available model cards; if empty, any name may be tried."""
    presets: Mapping[str, Scene] = field(default_factory=dict)
    """Scenes that suit the room, by name."""
    elsewhere: Callable[[str], str] = field(default=lambda _: "", compare=False)
    """Why an address of the table cannot be set on this machine, or nothing."""
    role: Role = "both"
    """Role of this machine."""
    status: Status = field(kw_only=True, compare=False)
    """Live values of the daemon."""

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The separated instruments, by their names in the default scene."""
        return tuple(o.name for o in self.defaults.objects if o.kind == "stem" and o.name != RESIDUAL)

    @cached_property
    def routing(self) -> Mapping[str, tuple[int, ...]]:
        """Configured input channels of each direct input, by its configured name."""
        return {o.name: o.channels for o in self.defaults.objects if o.kind == "input"}

    @cached_property
    def direct_inputs(self) -> int:
        """Number of direct input channels."""
        return 1 + max((channel for channels in self.routing.values() for channel in channels), default=-1)
