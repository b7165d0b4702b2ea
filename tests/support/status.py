"""Status with sources that a test can replace at any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from stemfield.control.status import Status, idle_status


def replaceable(sources: dict[str, Callable[..., Any]]) -> Status:
    """Status that takes each value from the source with its name, or from the idle status."""
    idle = idle_status()

    def source(name: str) -> Callable[..., Any]:
        return lambda *arguments: sources.get(name, getattr(idle, name))(*arguments)

    return Status(counters=idle.counters, **{f.name: source(f.name) for f in fields(Status) if f.name != "counters"})
