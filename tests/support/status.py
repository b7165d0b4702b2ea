"""A status whose sources a test replaces while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from stemfield.control.status import Status, idle_status


def replaceable(sources: dict[str, Callable[..., Any]]) -> Status:
    """A status that takes each value from the source of its name, or is idle where there is none."""
    idle = idle_status()

    def source(name: str) -> Callable[..., Any]:
        return lambda *arguments: sources.get(name, getattr(idle, name))(*arguments)

    return Status(counters=idle.counters, **{f.name: source(f.name) for f in fields(Status) if f.name != "counters"})
