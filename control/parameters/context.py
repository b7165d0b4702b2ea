"""What a command can count on but cannot change: the loudspeakers, the configured scene, the models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from stemfield.control.status import Status
from stemfield.renderer.scene.scene import RESIDUAL, Scene

if TYPE_CHECKING:
    from stemfield.control.config.configuration import Role


@dataclass(frozen=True)
class Context:
    """The fixed surroundings of the scene for as long as the daemon runs."""

    labels: tuple[str, ...]
    """Loudspeaker labels in layout order, LFE included."""
    defaults: Scene
    """The scene of the configuration: every object, with its first name."""
    models: tuple[str, ...] = ()
    """Names of the model cards that may be switched to; where empty, any name may be tried."""
    presets: Mapping[str, Scene] = field(default_factory=dict)
    """The scenes that suit the room."""
    elsewhere: Callable[[str], str] = field(default=lambda _: "", compare=False)
    """Says of an address of the table why it cannot be set on this machine, or nothing."""
    role: Role = "both"
    """What this machine does of the whole."""
    status: Status = field(kw_only=True, compare=False)
    """What the daemon counts."""

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The separator's instruments, by the names they have in the default scene."""
        return tuple(o.name for o in self.defaults.objects if o.kind == "stem" and o.name != RESIDUAL)

    @cached_property
    def routing(self) -> Mapping[str, tuple[int, ...]]:
        """The configured input channels of each direct input, by its first name."""
        return {o.name: o.channels for o in self.defaults.objects if o.kind == "input"}

    @cached_property
    def direct_inputs(self) -> int:
        """How many direct input channels there are."""
        return 1 + max((channel for channels in self.routing.values() for channel in channels), default=-1)
