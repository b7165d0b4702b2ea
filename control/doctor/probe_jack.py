"""The JACK server as a client meets it: joined by a child process that may hang, and is ended if it does."""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pwd import struct_passwd
from types import TracebackType
from typing import Any, Final, Self

from stemfield.renderer.drivers.connections import heard_sinks

JOIN_S: Final = 6.0
"""A libjack that does not come back within this time hangs."""
ANSWER_S: Final = 3.0
LEAVE_S: Final = 2.0
PRIORITY: Final = 95
OURS: Final = "stemfield"
"""So begin the names of our clients, and of the sink of the manual."""


@dataclass(frozen=True, slots=True)
class Port:
    """An audio port of any client.

    Attributes:
        is_input: whether sound goes into it.
        is_physical: whether it is the sound card's.
        connections: full names of the ports that it is connected to.
        channel: which channel of the sound card it is, such as `FL`, where anything says so.
        aliases: other names of it.
    """

    name: str
    is_input: bool
    is_physical: bool
    connections: tuple[str, ...]
    channel: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JackLook:
    """What a client sees.

    Attributes:
        library: path of the libjack that was loaded; empty where there is none.
        from_pipewire: whether that is PipeWire's.
        opened: whether a server took us in.
        hung: whether there was no answer.
        reason: why there is no server, in libjack's words.
        rate_hz: the server's, as it says.
        measured_rate_hz: frames that it asked for in a second of our own clock; 0 where that was not measured.
        realtime: whether it runs with real-time priority, as it says.
        load: its own measure, percent.
        xruns: reported while we listened.
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
        """The sound cards', without the sinks that we hear: PipeWire calls sinks without a card physical too.

        We hear a sink whose monitors are connected to us, or one with our name, as the manual makes it.
        """
        heard = heard_sinks([port.name for port in self.ports if any(map(_is_ours, port.connections))])
        return tuple(
            port
            for port in self.ports
            if port.is_physical and port.name not in heard and not (port.is_input and _is_ours(port.name))
        )


class JackVisit:
    """One stay with a server, from `with` to its end.

    Args:
        server: its name; None is the default one.
        user: as whom root joins it; nobody joins another user's server.
        environment: variables by which that user finds it.
    """

    def __init__(
        self, server: str | None, user: struct_passwd | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._server = server
        self._identity: dict[str, Any] = {}
        if user is not None:
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
        self._environment = dict(environment or {})
        self.seen = JackLook(hung=True)

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", "-m", "stemfield.control.doctor.jack_probe"]
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [*command, *([self._server] if self._server else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"JACK_NO_START_SERVER": "1"} | self._environment,
            start_new_session=True,  # an interrupt is for us
            **self._identity,
        )
        if self._identity:
            with suppress(OSError):  # a client that is late would disturb what it looks at
                resource.prlimit(self._process.pid, resource.RLIMIT_RTPRIO, (PRIORITY, PRIORITY))
        try:
            facts = self._line(JOIN_S)
        except BaseException:  # an interrupt: who waits for a server that hangs would wait for ever
            self._process.kill()
            self.__exit__(None, None, None)
            raise
        if facts is not None:
            self.seen = JackLook(**facts | {"ports": tuple(map(_port, facts.get("ports", ())))})
        elif self._process.poll() is not None:
            self.seen = JackLook(reason=f"libjack ended its process with status {self._process.returncode}")
        return self

    def look_again(self) -> JackLook:
        """What has happened since we joined."""
        if self.seen.opened:
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()
                facts = self._line(ANSWER_S)
            except OSError:
                facts = None
            self.seen = replace(self.seen, **(facts or {"hung": True}))
        return self.seen

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(0.0 if self.seen.hung else LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _line(self, patience_s: float) -> dict[str, Any] | None:
        """The next line of the child; None where it does not come in time, or is the last that it will say."""
        assert self._process.stdout is not None
        end_s, text = time.monotonic() + patience_s, b""
        while not text.endswith(b"\n"):
            left_s = end_s - time.monotonic()
            if left_s <= 0.0 or not select.select([self._process.stdout], [], [], left_s)[0]:
                return None
            more = os.read(self._process.stdout.fileno(), 65_536)
            if not more:
                self._process.wait()
                return None
            text += more
        facts: dict[str, Any] = json.loads(text)
        return facts


def _is_ours(name: str) -> bool:
    return name.casefold().startswith(OURS)


def _port(facts: dict[str, Any]) -> Port:
    return Port(**facts | {key: tuple(facts[key]) for key in ("connections", "aliases")})
