"""The options of `stemfield device`."""

from __future__ import annotations

from stemfield.control.options.parser import Parser


def add_device(commands: Parser) -> None:
    """Add the commands."""
    branch = commands.command("device", "the daemon as a sound device of the desktop (PipeWire, or ALSA with jackd)")
    made = branch.command("install", "make the device, after showing what that changes", "device.install")
    made.add("--title", "TEXT", "name in the desktop's sound settings; default: as configured")
    text = "channels of a second device, for films: 6 (5.1), 8 (7.1), or 0 for none; default: as configured"
    made.choice("--surround", ("0", "6", "8"), text)
    made.flag("--default", "make it the desktop's default device")
    _add_common(made)
    made = branch.command("remove", "remove the device, and restore the default device from before", "device.remove")
    _add_common(made)
    made = branch.command("status", "show the device, and what plays into it", "device.status", json=True)
    _add_server(made)


def _add_common(made: Parser) -> None:
    made.flag("--yes", "ask nothing")
    _add_server(made)


def _add_server(made: Parser) -> None:
    made.choice("--server", ("pipewire", "jackd"), "sound server; default: PipeWire if it runs, otherwise jackd")
    made.add("--config", "FILE", "YAML configuration of the daemon; default: the user's")
