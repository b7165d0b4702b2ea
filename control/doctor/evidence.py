"""All that is looked at, before anything is judged."""

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
from stemfield.control.config.errors import ConfigError
from stemfield.control.daemon.last_run import Run, last_runs
from stemfield.control.doctor.probe_cards import Card, sound_cards
from stemfield.control.doctor.probe_daemon import DaemonLook, look_at_daemon
from stemfield.control.doctor.probe_jack import JackLook, JackVisit
from stemfield.control.doctor.probe_pipewire import PipeWireLook, look_at_pipewire
from stemfield.control.doctor.probe_rights import NotTriedError, Rights, look_at_rights
from stemfield.control.doctor.probe_units import Unit, installed_units, lingers
from stemfield.control.doctor.processes import SoundServer, environment_of, jack_servers, user_of
from stemfield.control.doctor.remnants import Remnant, remnants

WATCH_S: Final = 2.0
"""How long xruns and the server's clock are watched, where nothing else is asked for."""

FINDERS: Final = frozenset({"LD_LIBRARY_PATH", "PIPEWIRE_REMOTE", "PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"})
"""The variables by which a program finds its libjack, and that its server."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What this machine, its sound server and the daemon show.

    Attributes:
        config: what the daemon would take; the defaults where its file cannot be used.
        config_problems: what is wrong with the file.
        jack: what a client of the configured JACK server sees; None where none is wanted, or it is not for us to see.
        servers: JACK servers of the one whose server is meant that run, whatever their names.
        rights: None where they could not be tried.
        runs: the trace of the last run of the daemon, and of those that vanished before it.
        watched_s: how long the server was watched.
        unseen: what could not be looked at, and why.
        root: below which files of the system were read.
    """

    config: Config
    config_problems: tuple[str, ...]
    jack: JackLook | None
    servers: tuple[SoundServer, ...]
    remnants: tuple[Remnant, ...]
    pipewire: PipeWireLook
    rights: Rights | None
    units: tuple[Unit, ...]
    lingers: bool
    cards: tuple[Card, ...]
    daemon: DaemonLook
    runs: tuple[Run, ...]
    watched_s: float
    unseen: tuple[str, ...]
    root: Path

    @property
    def server_name(self) -> str:
        """The JACK server that the daemon would join."""
        return self.config.jack.server_name or os.environ.get("JACK_DEFAULT_SERVER") or "default"

    @property
    def wanted_server(self) -> SoundServer | None:
        """The process of that server, if it is a jackd that runs."""
        return next((server for server in self.servers if server.name == self.server_name), None)


def look(config_file: Path | None = None, watch_s: float = WATCH_S, root: Path = Path("/")) -> Evidence:
    """Look at everything; takes some seconds and never hangs.

    Args:
        config_file: None takes the one that the daemon would take.
        watch_s: how long the sound server is watched.
        root: below which files of the system are read.
    """
    problems: tuple[str, ...] = ()
    try:
        config = load_config(config_file)
    except ConfigError as error:
        config, problems = Config(), tuple(f"{error.source}: {problem}" for problem in error.problems)
    unseen: list[str] = []
    name = config.jack.server_name or os.environ.get("JACK_DEFAULT_SERVER") or "default"
    before = look_at_daemon(config, page=False)
    servers = jack_servers()
    other = _somebody_else(name, before, servers)
    user = os.geteuid() if other is None else other.pw_uid
    jack = _look_at_jack(config, other, before, watch_s) if wants_jack(config, before) else None
    daemon = look_at_daemon(config)  # its numbers are of the time that was watched
    try:
        rights = look_at_rights(root)
    except NotTriedError as error:
        rights = None
        unseen.append(str(error))
    servers = tuple(server for server in servers if server.user == user)
    pipewire = look_at_pipewire()
    unseen += [pipewire.problem] if pipewire.problem else []
    if jack is not None and not jack.opened and _plays_elsewhere(daemon):
        jack = None
        unseen.append("the daemon's JACK server is another user's: sudo stemfield doctor looks at it, too")
    elif jack is not None and not jack.library and other is not None:
        jack = None
        unseen.append(f"the JACK server is user {other.pw_name}'s, who cannot run the program that would look at it")
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
        sound_cards(root),
        daemon,
        last_runs(config.state_folder),
        watch_s,
        tuple(unseen),
        root,
    )


def _somebody_else(name: str, daemon: DaemonLook, servers: Sequence[SoundServer]) -> struct_passwd | None:
    """Whose JACK server is meant, where that is not ours and we are root, who may look at it."""
    if os.geteuid() != 0:
        return None
    user = user_of(daemon.pid) if daemon.driver == "jack" else None
    if user is None:
        user = min((server.user for server in servers if server.name == name), default=0)  # root's own comes first
    try:
        return getpwuid(user) if user else None
    except KeyError:
        return None


def _look_at_jack(config: Config, user: struct_passwd | None, daemon: DaemonLook, watch_s: float) -> JackLook:
    around = environment_of(daemon.pid) if user is not None else {}
    try:
        with JackVisit(config.jack.server_name, user, {key: around[key] for key in FINDERS & set(around)}) as visit:
            if visit.seen.opened:
                time.sleep(watch_s)
            return visit.look_again()
    except PermissionError as error:  # another user, who may not even begin it
        return JackLook(reason=str(error))


def _plays_elsewhere(daemon: DaemonLook) -> bool:
    """Whether a daemon that is not ours to see plays into a server of its own user."""
    return daemon.answers and daemon.driver == "jack" and daemon.pid == 0


def wants_jack(config: Config, daemon: DaemonLook) -> bool:
    """Whether the daemon plays, or would play, into JACK: unless the clock was chosen."""
    command = daemon.osc_owner.command if daemon.runs and daemon.osc_owner is not None else ()
    chosen = next((after for word, after in pairwise(command) if word == "--driver"), "")
    return (chosen or config.driver) != "clock"
