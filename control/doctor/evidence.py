"""All facts that the checks need, collected by the probes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from pwd import getpwuid, struct_passwd
from typing import Final

from stemfield.control.config.configuration import Config, load_config
from stemfield.control.config.schema import ConfigError
from stemfield.control.daemon.last_run import Run, last_runs
from stemfield.control.doctor.hdmi import Receiver, probe_receivers
from stemfield.control.doctor.probe_cards import Card, probe_cards
from stemfield.control.doctor.probe_daemon import DaemonState, probe_daemon
from stemfield.control.doctor.probe_jack import JackProbe, JackState
from stemfield.control.doctor.probe_pipewire import PipeWireState, probe_pipewire
from stemfield.control.doctor.probe_rights import ProbeError, Rights, probe_rights
from stemfield.control.doctor.probe_units import Unit, installed_units, lingers
from stemfield.control.doctor.processes import SoundServer, environment_of, jack_servers, user_of
from stemfield.control.doctor.remnants import Remnant, remnants

WATCH_S: Final = 2.0
"""Default time for which xruns and the server's clock are watched."""

SERVER_VARIABLES: Final = frozenset({"LD_LIBRARY_PATH", "PIPEWIRE_REMOTE", "PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"})
"""Environment variables that select libjack and its server."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """State of this machine, its sound server and the daemon.

    Attributes:
        config: configuration of the daemon; the defaults if its file is invalid.
        config_problems: problems of the file.
        jack: state of the configured JACK server; None if JACK is not used, or its user cannot be examined.
        servers: running JACK servers of the same user, of any name.
        rights: privileges; None if they could not be tried.
        receivers: what is at HDMI.
        runs: the last run of the daemon, and those before it that ended without a message.
        watched_s: time for which the server was watched.
        unseen: what could not be examined, and why.
        root: folder below which files of the system were read.
    """

    config: Config
    config_problems: tuple[str, ...]
    jack: JackState | None
    servers: tuple[SoundServer, ...]
    remnants: tuple[Remnant, ...]
    pipewire: PipeWireState
    rights: Rights | None
    units: tuple[Unit, ...]
    lingers: bool
    cards: tuple[Card, ...]
    receivers: tuple[Receiver, ...]
    daemon: DaemonState
    runs: tuple[Run, ...]
    watched_s: float
    unseen: tuple[str, ...]
    root: Path

    @property
    def server_name(self) -> str:
        """Name of the JACK server that the daemon connects to."""
        return self.config.jack.server_name or os.environ.get("JACK_DEFAULT_SERVER") or "default"

    @property
    def wanted_server(self) -> SoundServer | None:
        """The process of that server, if it is a running jackd."""
        return next((server for server in self.servers if server.name == self.server_name), None)


def collect(config_file: Path | None = None, watch_s: float = WATCH_S, root: Path = Path("/")) -> Evidence:
    """Run all probes; takes some seconds longer than the server is watched, and never hangs."""
    problems: tuple[str, ...] = ()
    try:
        config = load_config(config_file)
    except ConfigError as error:
        config, problems = Config(), tuple(f"{error.source}: {problem}" for problem in error.problems)
    unseen: list[str] = []
    name = config.jack.server_name or os.environ.get("JACK_DEFAULT_SERVER") or "default"
    before = probe_daemon(config, page=False)
    servers = jack_servers()
    other = _server_user(name, before, servers)
    user = os.geteuid() if other is None else other.pw_uid
    jack = _probe_jack(config, other, before, watch_s) if wants_jack(config, before) else None
    daemon = probe_daemon(config)  # again, so that its counters include the watched time
    try:
        rights = probe_rights(root)
    except ProbeError as error:
        rights = None
        unseen.append(str(error))
    servers = tuple(server for server in servers if server.user == user)
    pipewire = probe_pipewire()
    unseen += [pipewire.problem] if pipewire.problem else []
    plays_elsewhere = daemon.answers and daemon.driver == "jack" and daemon.pid == 0
    if jack is not None and not jack.opened and plays_elsewhere:
        jack = None
        unseen.append("the daemon's JACK server belongs to another user: run sudo stemfield doctor")
    elif jack is not None and not jack.library and other is not None:
        jack = None
        unseen.append(f"the JACK server belongs to user {other.pw_name}, who may not run this program")
    return Evidence(
        config,
        problems,
        jack,
        servers,
        remnants(name, user=user) if all(server.name != name for server in servers) else (),
        pipewire,
        rights,
        installed_units(root),
        rights is not None and lingers(rights.user, root),
        probe_cards(root),
        probe_receivers(root),
        daemon,
        last_runs(config.state_folder),
        watch_s,
        tuple(unseen),
        root,
    )


def _server_user(name: str, daemon: DaemonState, servers: Sequence[SoundServer]) -> struct_passwd | None:
    """The user of the intended JACK server, if it is another one and this process runs as root."""
    if os.geteuid() != 0:
        return None
    user = user_of(daemon.pid) if daemon.driver == "jack" else None
    if user is None:
        user = min((server.user for server in servers if server.name == name), default=0)  # root's own comes first
    try:
        return getpwuid(user) if user else None
    except KeyError:
        return None


def _probe_jack(config: Config, user: struct_passwd | None, daemon: DaemonState, watch_s: float) -> JackState:
    environment = environment_of(daemon.pid) if user is not None else {}
    variables = {key: environment[key] for key in SERVER_VARIABLES & set(environment)}
    try:
        with JackProbe(config.jack.server_name, user, variables) as probe:
            if probe.state.opened:
                time.sleep(watch_s)
            return probe.update()
    except PermissionError as error:  # the other user may not execute Python
        return JackState(reason=str(error))


def wants_jack(config: Config, daemon: DaemonState) -> bool:
    """Whether the daemon uses JACK, or would: unless the clock was chosen."""
    command = daemon.osc_owner.command if daemon.runs and daemon.osc_owner is not None else ()
    chosen = next((after for word, after in pairwise(command) if word == "--driver"), "")
    return (chosen or config.driver) != "clock"
