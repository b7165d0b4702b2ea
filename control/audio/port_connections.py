"""Connections of the daemon's ports on a JACK server: makes what is missing, and reports what is there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from stemfield.control.audio.roles import STEM_PORTS
from stemfield.control.status import Wiring
from stemfield.layouts.model import Speaker
from stemfield.renderer.drivers.connections import Connection, ConnectionKeeper
from stemfield.renderer.drivers.wanted_connections import WantedConnections

if TYPE_CHECKING:
    from stemfield.renderer.drivers.jack import JackDriver
    from stemfield.renderer.drivers.jack_settings import JackPorts

MAX_REPORTED: Final = 64
"""Maximum number of foreign ports reported."""

log = logging.getLogger(__name__)


class PortConnections:
    """What is known of the connections, over one driver after the other.

    Args:
        speakers: loudspeakers that the outputs feed; none where the outputs are stems.
    """

    def __init__(self, speakers: Sequence[Speaker]) -> None:
        self.wanted = WantedConnections(speakers)
        self.keeper = ConnectionKeeper()
        self._logged: set[str] = set()
        """Problems and notes already in the log."""

    def update(self, driver: JackDriver, ports: JackPorts, server: str) -> Wiring:
        """Make the missing connections; return the state afterwards.

        Raises:
            OSError: the server has gone meanwhile.
        """
        current = driver.connections()
        for own, before, after in driver.renamed:
            log.info("port %s was renamed to %s", before, after)
            self.keeper.rename(own, before, after)
        self.keeper.want(driver.wanted_connections(ports))
        self._log_problems()
        for connection in self.keeper.surplus(current):
            if driver.disconnect(connection):
                log.info("disconnected %s and %s", *connection)
                current.discard(connection)
        for connection in self.keeper.missing(current, driver.exists):
            if driver.connect(connection):
                log.info("connected %s and %s", *connection)
                current.add(connection)
        return _wiring(server, driver, ports, current)

    def _log_problems(self) -> None:
        """Log which configured connections are impossible, and which were chosen by number."""
        problems, notes = self.wanted.problems, self.wanted.notes
        for level, texts in ((logging.WARNING, problems), (logging.INFO, notes)):
            for text in texts:
                if text not in self._logged:
                    log.log(level, "%s", text)
        self._logged = {*problems, *notes}


def _wiring(server: str, driver: JackDriver, ports: JackPorts, current: set[Connection]) -> Wiring:
    own, connected = (*ports.inputs, *ports.outputs, *ports.monitor), {name for name, _ in current}
    mixture = ports.inputs[: ports.mixture_inputs]
    return Wiring(
        server,
        driver.client_name,
        mixture,
        ports.inputs[ports.mixture_inputs :],
        ports.monitor,
        tuple(name for name in own if name not in connected),
        driver.sources()[:MAX_REPORTED],
        driver.sinks()[:MAX_REPORTED],
        driver.capture_latency_frames(mixture),
        any(own == peer.rpartition(":")[2] for own, peer in current if own in STEM_PORTS),
    )
