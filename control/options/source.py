"""The options of `stemfield source`."""

from __future__ import annotations

from pathlib import Path

from stemfield.control.options.parser import Parser
from stemfield.control.options.types import count, number, port


def add_source(commands: Parser) -> None:
    """Add the command."""
    branch = commands.command("source", "feed the daemon with the sound of other programs")
    made = branch.command("pcm", "play raw PCM from a FIFO or a TCP port into JACK", "source.pcm")
    place = made.add_mutually_exclusive_group(required=True)
    place.add_argument("--fifo", metavar="PATH", type=Path, help="named pipe to read, made if it does not exist")
    text = "TCP port to listen on: this machine only, unless network.bind and network.allow say otherwise"
    place.add_argument("--tcp", metavar="PORT", type=port, help=text)
    made.choice("--format", ("s16le", "s24le", "s32le", "f32le"), "format of the samples; default: s16le")
    made.add("--rate", "HZ", "sample rate of the sender; default: 48000", type=count(8_000, 192_000), default=48_000)
    made.add("--channels", "N", "1 or 2; default: 2", type=count(1, 2), default=2)
    text = "sound held against jitter, in milliseconds; default: 100"
    made.add("--latency", "MS", text, type=number(50.0, 2_000.0), default=100.0)
    made.add("--name", "NAME", "name of the JACK client; default: pcm", default="pcm")
    text = "port or pattern to connect to, left and right in order, whenever they appear"
    made.repeated("--connect", "PORT", text)
    made.add("--server", "NAME", "JACK server; default: as configured")
    made.add("--config", "FILE", "YAML configuration of the daemon; default: the user's")
