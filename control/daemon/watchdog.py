"""Whether the daemon still does what it is there for, so that the service manager starts it anew where it does not.

A server that asks for blocks and gets none for too long is the sign. Where there is no server nothing can be asked for,
and the daemon lives although it is silent.

>>> pulse = Pulse(5.0)
>>> [pulse.lives(now_s, joined=True, blocks=100) for now_s in (0.0, 4.0, 5.1)]
[True, True, False]
>>> pulse.lives(5.2, joined=True, blocks=101)
True
"""

from __future__ import annotations

ABSENT_S = 3.0
"""A server that is not there for so long is gone; while one is joined anew for its silence, the silence goes on."""


class Pulse:
    """Feels the heartbeat of the callback.

    Args:
        patience_s: how long a server that is there may get no block.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._blocks = -1
        self._beat_s: float | None = None
        self._joined_s: float | None = None

    def lives(self, now_s: float, *, joined: bool, blocks: int) -> bool:
        """To be asked a few times a second.

        Args:
            now_s: monotonic.
            joined: whether a driver is there that should call.
            blocks: how many blocks have been rendered; any other number than before is a sign of life.
        """
        if joined:
            self._joined_s = now_s
        absent = self._joined_s is None or now_s - self._joined_s > ABSENT_S
        if absent or blocks != self._blocks or self._beat_s is None:
            self._blocks, self._beat_s = blocks, now_s
        return now_s - self._beat_s <= self._patience_s
