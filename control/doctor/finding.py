"""Findings of the doctor: one line each, with a stable id, the cause, and one command that fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Id = Literal[
    "config-unusable",
    "jack-server-missing",
    "jack-server-late",
    "jack-server-hangs",
    "jack-library-wrong",
    "jack-servers-several",
    "jack-remnants",
    "realtime-refused",
    "memory-lock-refused",
    "limits-without-effect",
    "service-limits",
    "service-without-linger",
    "device-busy",
    "nothing-connected",
    "port-missing",
    "hdmi-channels",
    "xruns-ours",
    "xruns-server",
    "pipewire-forced",
    "sample-rate-mismatch",
    "process-vanished",
    "address-missing",
    "page-unreachable",
    "osc-port-taken",
    "osc-ignored",
]
"""Each is the title of a section of the manual."""

IDS: Final[tuple[str, ...]] = get_args(Id)
PAGE: Final = "docs/doctor.md"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem.

    Attributes:
        id: stable name.
        cause: what is wrong, in one line, with the names and numbers of this machine.
        cure: one command.
    """

    id: Id
    cause: str
    cure: str

    @property
    def page(self) -> str:
        """The section of the manual."""
        return f"{PAGE}#{self.id}"

    def __post_init__(self) -> None:
        # The text contains names of other programs and files.
        for name in ("cause", "cure"):
            text = getattr(self, name)
            object.__setattr__(self, name, "".join(c if c.isprintable() else "?" for c in text))

    def __str__(self) -> str:
        return f"{self.id}: {self.cause}; cure: {self.cure}"
