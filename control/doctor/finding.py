"""What the doctor says: one line a finding, with a cause, one command that cures it, and an id that stays."""

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
"""Each has a section of its own in the manual, under this very name."""

IDS: Final[tuple[str, ...]] = get_args(Id)
PAGE: Final = "docs/doctor.md"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    id: Id
    cause: str
    """What is wrong, in one line, with the names and numbers of this machine."""
    cure: str
    """One command."""

    @property
    def page(self) -> str:
        """Where the manual explains it."""
        return f"{PAGE}#{self.id}"

    def __post_init__(self) -> None:
        # names of other people's programs and files are in it
        for name in ("cause", "cure"):
            text = getattr(self, name)
            object.__setattr__(self, name, "".join(c if c.isprintable() else "?" for c in text))

    def __str__(self) -> str:
        return f"{self.id}: {self.cause}; cure: {self.cure}"
