"""What commands cost before they are carried out, so that one datagram cannot block the loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from stemfield.control.parameters.actions import Ping, Subscribe
from stemfield.control.parameters.commands import Ask, Command, Problem, SetParameter, Touch
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.patterns import is_pattern
from stemfield.control.parameters.routes import routes
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import Scene

MAX_COST: Final = 8192
"""Maximum cost of a datagram: a thousand patterns that match everything would block the loop for a minute."""
PATTERN_COST: Final = 16
"""Cost of finding what a pattern matches."""


def cost_of(due: Sequence[Command | Problem], scene: Scene, context: Context) -> tuple[int, int]:
    """The cost of commands, and the part of it that changes the scene; the count ends above `MAX_COST`."""

    def matches(address: str) -> int:
        return PATTERN_COST + len(routes(address, scene, context)) if is_pattern(address) else 0

    cost = changes = len(due)
    for command in due:
        if cost > MAX_COST:
            break
        with suppress(RefusedError):
            match command:
                case SetParameter(address) | Touch(address):
                    found = matches(address)
                    cost, changes = cost + found, changes + found
                case Ask(address) | Subscribe(address):
                    cost += matches(address) or len(routes(address, scene, context))
                case Ping():
                    cost += 1
    return cost, changes
