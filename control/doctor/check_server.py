"""Checks of sound servers: whether one runs, whether it is the intended one, and whether it can open the card."""

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


def check_server(evidence: Evidence) -> Iterator[Finding]:
    """No server replies."""
    if evidence.jack is None or evidence.jack.opened or evidence.jack.hung or _is_elsewhere(evidence):
        return
    if not evidence.jack.library:
        yield Finding(
            "jack-server-missing",
            f"libjack is not installed ({evidence.jack.reason})",
            "sudo apt install jackd2 libjack-jackd2-0",
        )
        return
    yield Finding(
        "jack-server-missing",
        f"no reply from a JACK server named {evidence.server_name!r} ({evidence.jack.reason})",
        _start(evidence),
    )


def _is_elsewhere(evidence: Evidence) -> bool:
    """Whether another libjack than the loaded one would find a server."""
    jack = evidence.jack
    if jack is None or not jack.library:
        return False
    jackd_runs = evidence.wanted_server is not None
    return jackd_runs if jack.from_pipewire else evidence.pipewire.running and not jackd_runs


def _start(evidence: Evidence) -> str:
    name = "" if evidence.server_name == "default" else f" -n {shlex.quote(evidence.server_name)}"
    for manager, folder in (("systemctl --user", Path.home() / ".config/systemd/user"), ("sudo systemctl", None)):
        place = folder or evidence.root / "etc/systemd/system"
        if not name and (place / "jackd.service").exists():
            return f"{manager} enable --now jackd"
    if shutil.which("jackd") is None:
        return "sudo apt install jackd2"
    return f"jackd{name} -d alsa -d hw:{evidence.cards[0].name} -r 48000 -p 256" if evidence.cards else DUMMY


def check_start_order(evidence: Evidence) -> Iterator[Finding]:
    """The daemon was started before the server, and uses the clock from then on."""
    jack, daemon = evidence.jack, evidence.daemon
    if jack is not None and jack.opened and daemon.answers and daemon.driver == "clock":
        yield Finding(
            "jack-server-late",
            "the JACK server was started after the daemon, which plays by the clock since then: there is no sound",
            f"kill {daemon.pid}; stemfield serve --driver jack" if daemon.pid else "stemfield serve --driver jack",
        )


def check_hang(evidence: Evidence) -> Iterator[Finding]:
    """A server accepts a connection but does not reply."""
    if evidence.jack is None or not evidence.jack.hung:
        return
    server = evidence.wanted_server
    who = f"the JACK server {server.name!r} ({server.process})" if server else "PipeWire's JACK"
    yield Finding(
        "jack-server-hangs",
        f"{who} does not reply",
        f"kill -KILL {server.process.pid}" if server else "systemctl --user restart pipewire pipewire-pulse",
    )


def check_library(evidence: Evidence) -> Iterator[Finding]:
    """The loaded libjack belongs to another server than the one that runs."""
    jack = evidence.jack
    if jack is not None and not jack.opened and _is_elsewhere(evidence):
        if jack.from_pipewire:
            server = evidence.wanted_server
            yield Finding(
                "jack-library-wrong",
                f"{jack.library} connects to PipeWire, but {server.process if server else 'jackd'} runs",
                "env -u LD_LIBRARY_PATH stemfield serve",
            )
        else:
            yield Finding(
                "jack-library-wrong",
                f"{jack.library} connects to jackd, but PipeWire runs",
                "pw-jack stemfield serve" if shutil.which("pw-jack") else "sudo apt install pipewire-jack",
            )
    loaded = loaded_libjack(evidence.daemon.pid) if evidence.daemon.pid else ""
    if jack is not None and jack.opened and loaded and os.path.realpath(loaded) != os.path.realpath(jack.library):
        yield Finding(
            "jack-library-wrong",
            f"the daemon (process {evidence.daemon.pid}) has loaded {loaded}, programs of this shell load "
            f"{jack.library}: they use different servers",
            f"kill {evidence.daemon.pid}; {'pw-jack ' if jack.from_pipewire else ''}stemfield serve",
        )


def check_number(evidence: Evidence) -> Iterator[Finding]:
    """More than one server runs, and the configuration names none."""
    names = [f"{server.name!r} ({server.process})" for server in evidence.servers]
    names += ["PipeWire"] if evidence.pipewire.running and names else []
    if evidence.jack is None or evidence.config.jack.server_name is not None or len(names) < 2:
        return
    others = [server for server in evidence.servers if server.name != evidence.server_name] or list(
        evidence.servers[1:]
    )
    yield Finding(
        "jack-servers-several",
        f"{len(names)} sound servers run, {', '.join(names)}: a program sees only the ports of its own server",
        f"kill {others[0].process.pid}" if others else "systemctl --user stop pipewire.socket pipewire.service",
    )


def check_remnants(evidence: Evidence) -> Iterator[Finding]:
    """A server that was killed has left files."""
    if evidence.jack is None:
        return
    for remnant in evidence.remnants:
        paths = shlex.join(map(str, remnant.paths))
        if remnant.ghost:
            yield Finding(
                "jack-remnants",
                f"no JACK server can start: {remnant.blocked}",
                f"timeout 2 jackd -n {shlex.quote(remnant.ghost)} -r -d dummy  # frees its place",
            )
        elif remnant.blocked:
            cause = f"no JACK server can start: {remnant.paths[0]}: {remnant.blocked}"
            yield Finding("jack-remnants", cause, f"sudo rm -f {paths}")
        else:
            cause = f"the JACK server {evidence.server_name!r} was killed and has left {remnant.paths[0]}"
            yield Finding("jack-remnants", cause, f"rm -f {paths}")


def check_device(evidence: Evidence) -> Iterator[Finding]:
    """Another program has opened the sound card."""
    if evidence.jack is None or evidence.jack.opened:
        return
    own = evidence.wanted_server.process.pid if evidence.wanted_server is not None else 0
    for card in evidence.cards:
        if card.held_by is not None and "pipewire" not in card.held_by.name and card.held_by.pid != own:
            stop = "systemctl --user stop pulseaudio.socket pulseaudio.service"
            yield Finding(
                "device-busy",
                f"sound card hw:{card.name} is used by {card.held_by}: no JACK server can open it",
                stop if "pulseaudio" in card.held_by.name else f"kill {card.held_by.pid}",
            )
