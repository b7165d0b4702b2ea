"""`stemfield device` where jackd is the sound server: shows, writes and removes what the ALSA device needs."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from stemfield.control.cli.printing import confirm, print_json
from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.config.configuration import Config
from stemfield.control.config.device import Sink
from stemfield.control.device import loopback
from stemfield.control.device.loopback_files import MODULE, PCM, module_files
from stemfield.control.doctor.probe_jack import JackProbe
from stemfield.control.doctor.processes import jack_servers
from stemfield.renderer.drivers.pipewire_library import is_running
from stemfield.systemd.files import is_untouched
from stemfield.systemd.install import write

ROOT: Final = Path("/")


def is_for_jackd(config: Config, options: argparse.Namespace) -> bool:
    """Whether a command is about jackd's device: if asked, or if the daemon's jackd runs and PipeWire does not."""
    if options.server:
        return bool(options.server == "jackd")
    runs = loopback.server_of(config) in _servers()
    if not is_running():
        return runs or bool(loopback.remains(ROOT))
    if runs:
        text = "PipeWire and jackd both run: this is about the device of PipeWire; --server jackd for the other"
        print(f"note: {text}", file=sys.stderr)
    return False


def install_loopback(config: Config, sink: Sink, options: argparse.Namespace) -> None:
    """Write the device's files after showing them, and start the bridge."""
    if problems := loopback.missing(config, ROOT, _servers()):
        raise CommandError(problems, FAILED)
    is_root = os.geteuid() == 0
    files = [*loopback.wanted_files(config, sink, default=options.default), *(module_files(ROOT) if is_root else ())]
    changes = {file: difference for file in files if (difference := file.difference())}
    for file, difference in changes.items():
        if (there := file.installed) is not None and not is_untouched(there):
            print(f"{file.path} was changed since it was installed, or is not from stemfield:")
        print(difference, end="")
    if changes:
        confirm("write these files?", yes=options.yes)
    for file in changes:
        write(file)
    if is_root:
        loopback.load_card(ROOT)
    started = loopback.start()
    print(f"the device is installed: {sink.title}, ALSA's {PCM}{'' if started else '; systemd does not run here'}")
    for note in loopback.notes(config, files[1], ROOT):
        print(f"note: {note}")


def remove_loopback(options: argparse.Namespace) -> None:
    """Remove the device's files; changed ones stay."""
    there = loopback.remains(ROOT)
    if not there:
        print("no device is installed")
        return
    is_root, system = os.geteuid() == 0, {file.path for file in module_files(ROOT)}
    removed = [path for path, untouched in there.items() if untouched and (is_root or path not in system)]
    for path, untouched in there.items():
        if path in removed:
            print(f"remove {path}")
        elif not untouched:
            print(f"keep   {path}: changed since, or not from stemfield")
    confirm("remove the device?", yes=options.yes)
    loopback.remove(removed)
    if left := [str(path) for path, untouched in there.items() if untouched and path not in removed]:
        print(f"note: as root, the sound card itself: sudo rm {' '.join(left)} && sudo modprobe -r {MODULE}")


def show_loopback(config: Config, sink: Sink, options: argparse.Namespace) -> bool:
    """Show the device; return whether all is well."""
    with JackProbe(config.jack.server_name) as probe:
        jack = probe.state
    ports = {port.name: port.connections for port in jack.ports} if jack.opened and not jack.from_pipewire else None
    state = loopback.loopback_state(config, sink, ROOT, ports)
    if options.json:
        print_json({"server": "jackd", "title": sink.title} | asdict(state))
        return not state.problems
    words = {
        "installed": state.installed,
        "the sound card is there": state.module,
        "the bridge runs": state.bridge,
        "connected": state.connected,
        "the default device": state.default,
    }
    print(f"{sink.title}: {', '.join(word for word, true in words.items() if true) or 'not there'}")
    for problem in state.problems:
        print(f"problem: {problem}")
    return not state.problems


def _servers() -> list[str]:
    """Names of the JACK servers that this user can reach."""
    return [server.name for server in jack_servers() if server.user == os.geteuid()]
