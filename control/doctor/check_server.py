"""Judgements about sound servers: is there one, is it the one that is meant, has it the card."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding
from stemfield.control.doctor.processes import loaded_libjack

DUMMY: Final = "stemfield serve --driver clock"


def missing(seen: Evidence) -> Iterator[Finding]:
    """No server answers at all."""
    if seen.jack is None or seen.jack.opened or seen.jack.hung or _is_elsewhere(seen):
        return
    if not seen.jack.library:
        yield Finding(
            "jack-server-missing",
            f"there is no libjack on this machine ({seen.jack.reason})",
            "sudo apt install jackd2 libjack-jackd2-0",
        )
        return
    yield Finding(
        "jack-server-missing",
        f"no JACK server named {seen.server_name!r} answers ({seen.jack.reason})",
        _start(seen),
    )


def _is_elsewhere(seen: Evidence) -> bool:
    """Whether another libjack than ours would find a server."""
    jack = seen.jack
    if jack is None or not jack.library:
        return False
    return (
        seen.wanted_server is not None if jack.from_pipewire else seen.pipewire.running and seen.wanted_server is None
    )


def _start(seen: Evidence) -> str:
    name = "" if seen.server_name == "default" else f" -n {shlex.quote(seen.server_name)}"
    for manager, folder in (("systemctl --user", Path.home() / ".config/systemd/user"), ("sudo systemctl", None)):
        place = folder or seen.root / "etc/systemd/system"
        if not name and (place / "jackd.service").exists():
            return f"{manager} enable --now jackd"
    if shutil.which("jackd") is None:
        return "sudo apt install jackd2"
    return f"jackd{name} -d alsa -d hw:{seen.cards[0].name} -r 48000 -p 256" if seen.cards else DUMMY


def late(seen: Evidence) -> Iterator[Finding]:
    """The daemon began before the server, and has taken the clock for good."""
    jack, daemon = seen.jack, seen.daemon
    if jack is not None and jack.opened and daemon.answers and daemon.driver == "clock":
        yield Finding(
            "jack-server-late",
            "the JACK server came after the daemon, which plays by the clock since then: nothing is heard",
            f"kill {daemon.pid}; stemfield serve --driver jack" if daemon.pid else "stemfield serve --driver jack",
        )


def hangs(seen: Evidence) -> Iterator[Finding]:
    """A server takes us in, or lets us wait, and does not go on."""
    if seen.jack is None or not seen.jack.hung:
        return
    server = seen.wanted_server
    who = f"the JACK server {server.name!r} ({server.process})" if server else "what answers for JACK"
    yield Finding(
        "jack-server-hangs",
        f"{who} does not answer any more",
        f"kill -KILL {server.process.pid}" if server else "systemctl --user restart pipewire pipewire-pulse",
    )


def wrong_library(seen: Evidence) -> Iterator[Finding]:
    """Our libjack speaks to another server than the one that runs."""
    jack = seen.jack
    if jack is not None and not jack.opened and _is_elsewhere(seen):
        if jack.from_pipewire:
            server = seen.wanted_server
            yield Finding(
                "jack-library-wrong",
                f"{jack.library} speaks to PipeWire, but it is {server.process if server else 'jackd'} that runs",
                "env -u LD_LIBRARY_PATH stemfield serve",
            )
        else:
            yield Finding(
                "jack-library-wrong",
                f"{jack.library} speaks to a jackd, but it is PipeWire that runs",
                "pw-jack stemfield serve" if shutil.which("pw-jack") else "sudo apt install pipewire-jack",
            )
    loaded = loaded_libjack(seen.daemon.pid) if seen.daemon.pid else ""
    if jack is not None and jack.opened and loaded and os.path.realpath(loaded) != os.path.realpath(jack.library):
        yield Finding(
            "jack-library-wrong",
            f"the daemon (process {seen.daemon.pid}) has loaded {loaded}, the programs of this shell {jack.library}: "
            "they do not meet",
            f"kill {seen.daemon.pid}; {'pw-jack ' if jack.from_pipewire else ''}stemfield serve",
        )


def several(seen: Evidence) -> Iterator[Finding]:
    """More than one server runs, and the configuration does not say which is meant."""
    names = [f"{server.name!r} ({server.process})" for server in seen.servers]
    names += ["PipeWire"] if seen.pipewire.running and names else []
    if seen.jack is None or seen.config.jack.server_name is not None or len(names) < 2:
        return
    others = [server for server in seen.servers if server.name != seen.server_name] or list(seen.servers[1:])
    yield Finding(
        "jack-servers-several",
        f"{len(names)} sound servers run, {', '.join(names)}: a program sees only the ports of its own",
        f"kill {others[0].process.pid}" if others else "systemctl --user stop pipewire.socket pipewire.service",
    )


def left_over(seen: Evidence) -> Iterator[Finding]:
    """A server that was killed has left its files."""
    if seen.jack is None:
        return
    for remnant in seen.remnants:
        paths = shlex.join(map(str, remnant.paths))
        if remnant.ghost:
            yield Finding(
                "jack-remnants",
                f"no JACK server can start: {remnant.blocked}",
                f"timeout 2 jackd -n {shlex.quote(remnant.ghost)} -r -d dummy  # gives its place back",
            )
        elif remnant.blocked:
            cause = f"no JACK server can start: {remnant.paths[0]}: {remnant.blocked}"
            yield Finding("jack-remnants", cause, f"sudo rm -f {paths}")
        else:
            cause = f"the JACK server {seen.server_name!r} was killed and has left {remnant.paths[0]}"
            yield Finding("jack-remnants", cause, f"rm -f {paths}")


def device_busy(seen: Evidence) -> Iterator[Finding]:
    """Somebody else has the card that a server would need."""
    if seen.jack is None or seen.jack.opened:
        return
    own = seen.wanted_server.process.pid if seen.wanted_server is not None else 0
    for card in seen.cards:
        if card.held_by is not None and "pipewire" not in card.held_by.name and card.held_by.pid != own:
            stop = "systemctl --user stop pulseaudio.socket pulseaudio.service"
            yield Finding(
                "device-busy",
                f"sound card hw:{card.name} is held by {card.held_by}: no JACK server can open it",
                stop if "pulseaudio" in card.held_by.name else f"kill {card.held_by.pid}",
            )
