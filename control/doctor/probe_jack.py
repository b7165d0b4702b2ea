"""Probes the JACK server by connecting a client in a child process, which is killed if it hangs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pwd import struct_passwd
from types import TracebackType
from typing import Any, Final, Self

from stemfield.control.doctor.processes import next_line, wait_or_kill
from stemfield.renderer.drivers.connections import heard_sinks

JOIN_S: Final = 6.0
"""Timeout for opening a client."""
REPLY_S: Final = 3.0
LEAVE_S: Final = 2.0
PRIORITY: Final = 95
OWN_PREFIX: Final = "stemfield"
"""Prefix of the names of stemfield's clients, and of the sink described in the manual."""


@dataclass(frozen=True, slots=True)
class Port:
    """An audio port of any client.

    Attributes:
        name: full name.
        is_input: whether it receives sound.
        is_physical: whether it belongs to a sound card.
        connections: full names of the connected ports.
        channel: channel of the sound card, such as `FL`, if known.
        aliases: other names.
    """

    name: str
    is_input: bool
    is_physical: bool
    connections: tuple[str, ...]
    channel: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JackState:
    """State of a JACK server, as seen by a client.

    Attributes:
        library: path of the loaded libjack; empty if there is none.
        from_pipewire: whether it is PipeWire's.
        opened: whether the client could connect.
        hung: whether the server did not reply.
        reason: why the client could not connect, as libjack reports it.
        rate_hz: nominal sample rate.
        period_frames: frames per period.
        realtime: whether the server reports real-time priority.
        ports: audio ports of all clients.
        measured_rate_hz: frames requested per second of the system clock; 0 if not measured.
        load: load reported by the server, percent.
        xruns: xruns reported while watching.
    """

    library: str = ""
    from_pipewire: bool = False
    opened: bool = False
    hung: bool = False
    reason: str = ""
    rate_hz: int = 0
    period_frames: int = 0
    realtime: bool = False
    ports: tuple[Port, ...] = ()
    measured_rate_hz: float = 0.0
    load: float = 0.0
    xruns: int = 0

    @property
    def card_ports(self) -> tuple[Port, ...]:
        """The ports of sound cards, without sinks that feed stemfield; PipeWire marks all sinks as physical.

        A sink feeds stemfield if its monitors are connected to it, or if it has its name, as in the manual.
        """
        feeding = heard_sinks([port.name for port in self.ports if any(map(_is_own, port.connections))])
        return tuple(
            port
            for port in self.ports
            if port.is_physical and port.name not in feeding and not (port.is_input and _is_own(port.name))
        )


class JackProbe:
    """A client of a server, connected within a `with` block.

    Args:
        server: name of the server; None for the default one.
        user: user to run the client as, if this process is root; only that user can connect to the server.
        environment: environment variables by which that user finds the server.
    """

    def __init__(
        self, server: str | None, user: struct_passwd | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._server = server
        self._identity: dict[str, Any] = {}
        if user is not None:
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
        self._environment = dict(environment or {})
        self.state = JackState(hung=True)

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", "-m", "stemfield.control.doctor.child_jack"]
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [*command, *([self._server] if self._server else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"JACK_NO_START_SERVER": "1"} | self._environment,
            start_new_session=True,  # an interrupt must reach only this process
            **self._identity,
        )
        if self._identity:
            with suppress(OSError):  # without priority the client would be late and cause xruns itself
                resource.prlimit(self._process.pid, resource.RLIMIT_RTPRIO, (PRIORITY, PRIORITY))
        try:
            facts = self._line(JOIN_S)
        except BaseException:  # an interrupt: the child may hang forever
            self._process.kill()
            self.__exit__(None, None, None)
            raise
        if facts is not None:
            self.state = JackState(**facts | {"ports": tuple(map(_port, facts.get("ports", ())))})
        elif self._process.poll() is not None:
            self.state = JackState(reason=f"libjack ended its process with status {self._process.returncode}")
        return self

    def update(self) -> JackState:
        """Add xruns, measured rate and load since the connection."""
        if self.state.opened:
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()
                facts = self._line(REPLY_S)
            except OSError:
                facts = None
            self.state = replace(self.state, **(facts or {"hung": True}))
        return self.state

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        wait_or_kill(self._process, 0.0 if self.state.hung else LEAVE_S)
        self._process.stdout.close()

    def _line(self, timeout_s: float) -> dict[str, Any] | None:
        """The next line of the child; None after a timeout, or if the child has ended."""
        text = next_line(self._process, timeout_s)
        facts: dict[str, Any] | None = json.loads(text) if text else None
        return facts


def _is_own(name: str) -> bool:
    return name.casefold().startswith(OWN_PREFIX)


def _port(facts: dict[str, Any]) -> Port:
    return Port(**facts | {key: tuple(facts[key]) for key in ("connections", "aliases")})
