"""`stemfield device`: makes the daemon a sound device of the desktop, removes it, and shows its state."""

from __future__ import annotations

import argparse
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stemfield.control.cli.loopback import install_loopback, is_for_jackd, remove_loopback, show_loopback
from stemfield.control.cli.printing import confirm, print_json
from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.config.configuration import Config, load_config, parse_config, user_config_file
from stemfield.control.config.device import Sink
from stemfield.control.config.edit import changed, write_config
from stemfield.control.daemon.last_run import last_runs
from stemfield.control.device.nodes import check_titles, make, problems_of, states_of
from stemfield.control.device.pipewire import destroy, read_pipewire, set_default
from stemfield.control.device.sink_file import previous_default, sink_file
from stemfield.systemd.files import ServiceFile, is_untouched
from stemfield.systemd.install import write

NOT_PLAYING = 3
"""Exit status of `device status` if nothing would sound, as that of `service status`."""


def install(options: argparse.Namespace) -> int:
    """Make the devices, now and whenever PipeWire starts."""
    path = Path(options.config) if options.config else None
    before = load_config(path)
    config = _with_options(before, options)
    client, sinks = config.jack.client_name, _sinks(config)
    if is_for_jackd(config, options):
        install_loopback(config, sinks[0], options)
        if config.device != before.device:
            _configure(path or user_config_file(), config)
            _reload(config)
        return 0
    pipewire = read_pipewire()
    check_titles(pipewire, sinks)
    if not pipewire.managed:
        problem = "no session manager runs, without which no program finds a device"
        raise CommandError([f"PipeWire: {problem} (systemctl --user start wireplumber)"], FAILED)
    own = {sink.node for sink in sinks}
    previous = previous_default(sink_file(client, sinks, "").installed or "")
    if options.default and pipewire.default not in own:
        previous = pipewire.default
    file = sink_file(client, sinks, previous)
    if difference := file.difference():
        _show(file, difference)
        confirm("write this file?", yes=options.yes)
        write(file)
    if config.device != before.device:
        _configure(path or user_config_file(), config)
        _reload(config)
    make(pipewire, client, sinks)
    if options.default:
        set_default(sinks[0].node)
    print(f"the device is there: {', '.join(sink.title for sink in sinks)}")
    for problem in problems_of(config, read_pipewire(), sinks):
        print(f"note: {problem}")
    if config.device.surround != before.device.surround:
        print("note: the daemon has other inputs from its next start on: systemctl --user restart stemfield")
    return 0


def _with_options(config: Config, options: argparse.Namespace) -> Config:
    """The configuration with what the options say.

    Raises:
        ConfigError: an option has a wrong value.
    """
    update: dict[str, Any] = {}
    if options.title is not None:
        update["title"] = options.title
    if options.surround is not None:
        update["surround"] = int(options.surround) or None
    given = parse_config({"device": update}, "the options").device
    device = config.device.model_copy(update={key: getattr(given, key) for key in update})
    return config.model_copy(update={"device": device})


def remove(options: argparse.Namespace) -> int:
    """Remove the devices; a changed file stays."""
    config = load_config(Path(options.config) if options.config else None)
    sinks = _sinks(config)
    if is_for_jackd(config, options):
        remove_loopback(options)
        return 0
    file = sink_file(config.jack.client_name, sinks, "")
    there = file.installed
    pipewire = read_pipewire()
    live = [node for sink in sinks if (node := pipewire.node(sink.node)) is not None]
    if there is None and not live:
        print("no device is installed")
        return 0
    if there is not None:
        kept = not is_untouched(there)
        print(f"keep   {file.path}: changed since, or not from stemfield" if kept else f"remove {file.path}")
    confirm("remove the device?", yes=options.yes)
    if there is not None and is_untouched(there):
        file.path.unlink()
    if pipewire.default in {sink.node for sink in sinks}:
        set_default(previous_default(there or ""))
    for node in live:
        destroy(node)
    return 0


@dataclass(frozen=True, slots=True)
class _State:
    """State of the devices for programs."""

    pipewire: str
    installed: bool
    devices: list[dict[str, object]]
    problems: list[str]


def status(options: argparse.Namespace) -> int:
    """Show the devices, and why nothing sounds."""
    config = load_config(Path(options.config) if options.config else None)
    sinks = _sinks(config)
    if is_for_jackd(config, options):
        return 0 if show_loopback(config, sinks[0], options) else NOT_PLAYING
    pipewire = read_pipewire()
    devices = states_of(pipewire, sinks)
    installed = sink_file(config.jack.client_name, sinks, "").installed is not None
    problems = problems_of(config, pipewire, sinks)
    if options.json:
        print_json(asdict(_State(pipewire.version, installed, devices, problems)))
        return NOT_PLAYING if problems else 0
    for each in devices:
        words = ["there" if each["present"] else "not there", "the default device" if each["default"] else ""]
        words.append("muted" if each["mute"] else "")
        if each["latency_ms"] is not None:
            words.append(f"players are told a latency of {each['latency_ms']} ms")
        else:
            words.append(f"players are told no latency: PipeWire {pipewire.version}, expected 1.2")
        print(f"{each['title']}: {', '.join(filter(None, words))}")
    for problem in problems:
        print(f"problem: {problem}")
    return NOT_PLAYING if problems else 0


def _sinks(config: Config) -> tuple[Sink, ...]:
    if sinks := config.device.sinks(config.jack.client_name):
        return sinks
    raise CommandError(["device.title: expected a name, got null, which means no device"])


def _configure(path: Path, config: Config) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = config.device.model_dump(exclude_defaults=True)
    write_config(path, changed(text, "device", {key: kept.get(key) for key in type(config.device).model_fields}))


def _reload(config: Config) -> None:
    """Have a running daemon of this user read its configuration again."""
    run = next(iter(last_runs(config.state_folder)), None)
    if run is not None and run.is_alive:
        os.kill(run.pid, signal.SIGHUP)


def _show(file: ServiceFile, difference: str) -> None:
    there = file.installed
    if there is not None and not is_untouched(there):
        print(f"{file.path} was changed since it was installed, or is not from stemfield:")
    print(difference, end="")
