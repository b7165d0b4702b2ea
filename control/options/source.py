"""The options of `stemfield source`."""

from __future__ import annotations

from pathlib import Path

from stemfield.control.options.parser import Parser
from stemfield.control.options.types import count, number, port


def add_source(commands: Parser) -> None:
    """Add the commands."""
    branch = commands.command("source", "feed the daemon with the sound of other programs")
    made = branch.command(
        "list", "show what can play into the room, and what is missing", "source_service.show", json=True
    )
    _add_place(made)
    text = "install a program as a source, after showing what that writes"
    made = branch.command("enable", text, "source_service.enable")
    made.add("source", "SOURCE", "name of a source, as list shows it")
    made.add("--name", "TEXT", "name shown on the network; default: stemfield")
    made.add("--host", "HOST", "server that it plays from; default: found on the network")
    made.add("--music", "DIR", "folder of the music; default: ~/Music")
    made.add("--fifo", "PATH", "named pipe to read, made if it does not exist; default: one of its own")
    made.add("--port", "PORT", "TCP port to listen on; default: 4953, for mpd 6600", type=port)
    _add_format(made)
    _add_place(made)
    made.flag("--yes", "ask nothing")
    made.flag("--no-start", "only write the files", dest="start", action="store_false")
    made = branch.command("disable", "stop a source and remove its files; changed ones stay", "source_service.disable")
    made.add("source", "SOURCE", "name of a source, as list shows it")
    _add_place(made)
    made.flag("--yes", "ask nothing")
    _add_pcm(branch)


def _add_pcm(branch: Parser) -> None:
    made = branch.command("pcm", "play raw PCM from a FIFO or a TCP port into JACK", "source.pcm")
    place = made.add_mutually_exclusive_group(required=True)
    place.add_argument("--fifo", metavar="PATH", type=Path, help="named pipe to read, made if it does not exist")
    text = "TCP port to listen on: this machine only, unless network.bind and network.allow say otherwise"
    place.add_argument("--tcp", metavar="PORT", type=port, help=text)
    _add_format(made)
    text = "sound held against jitter, in milliseconds; default: 100"
    made.add("--latency", "MS", text, type=number(50.0, 2_000.0), default=100.0)
    made.add("--name", "NAME", "name of the JACK client; default: pcm", default="pcm")
    text = "port or pattern to connect to, left and right in order, whenever they appear"
    made.repeated("--connect", "PORT", text)
    made.add("--server", "NAME", "JACK server; default: as configured")
    made.add("--config", "FILE", "YAML configuration of the daemon; default: the user's")


def _add_format(made: Parser) -> None:
    made.choice("--format", ("s16le", "s24le", "s32le", "f32le"), "format of the samples; default: s16le")
    made.add("--rate", "HZ", "sample rate of the sender; default: 48000", type=count(8_000, 192_000))
    made.add("--channels", "N", "1 or 2; default: 2", type=count(1, 2))


def _add_place(made: Parser) -> None:
    scope = made.add_mutually_exclusive_group()
    text = "services of the user who is logged in; default, except for root"
    scope.add_argument("--user", dest="scope", action="store_const", const="user", help=text)
    text = "services of the machine: start at boot, need root"
    scope.add_argument("--system", dest="scope", action="store_const", const="system", help=text)
    text = (
        "play into the device of the desktop, or by a FIFO into the JACK server; default: the device, if there is one"
    )
    made.choice("--through", ("device", "fifo"), text)
