"""`stemfield browse` and `stemfield send`: daemons on the network, found and controlled."""

from __future__ import annotations

import argparse
import sys

from stemfield.control.cli.printing import print_json, print_table
from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.dialects.osc import Message, encode
from stemfield.control.network.client import NoReplyError, request
from stemfield.control.parameters.argument import Value
from stemfield.layouts.numerals import real, whole

Endpoint = tuple[str, int]
"""Address and OSC port of a daemon."""
_WORDS: dict[str, Value] = {"true": True, "false": False}


def browse(options: argparse.Namespace) -> int:
    """Find daemons on the network."""
    from stemfield.control.network.discovery import browse as listen

    try:
        found = listen(options.timeout)
    except OSError as error:
        raise CommandError([f"cannot listen to the network: {error.strerror or error}"], FAILED) from error
    if options.json:
        keys = ("name", "host", "port", "http_port", "layout", "objects", "version")
        print_json([{key: getattr(daemon, key) for key in keys} for daemon in found])
    elif found:
        print_table(
            [
                (
                    d.name,
                    f"osc.udp://{d.host}:{d.port}",
                    f"http://{d.host}:{d.http_port}" if d.http_port else "",
                    d.layout,
                    f"{d.objects} objects",
                )
                for d in found
            ]
        )
    else:
        print(f"no daemon answered within {options.timeout:g} s", file=sys.stderr)
    return 0


def send(options: argparse.Namespace) -> int:
    """Send one OSC message to a daemon and print the answers."""
    host, port = _found(options.daemon) if options.daemon else (options.host, options.port)
    answers = ask((host, port), options.address, *map(_value, options.values))
    if options.json:
        print_json([{"address": a.address, "values": a.arguments} for a in answers])
    else:
        for answer in answers:
            print(answer.address, *map(_shown, answer.arguments))
    return 0


def _found(name: str) -> tuple[str, int]:
    """Host and port of a daemon by its name on the network.

    Raises:
        CommandError: no daemon has this name.
    """
    from stemfield.control.network.discovery import browse as listen

    daemons = listen()
    for daemon in daemons:
        if daemon.name == name:
            return daemon.host, daemon.port
    known = f"expected {' or '.join(daemon.name for daemon in daemons)}" if daemons else "none answers"
    raise CommandError([f"--daemon {name}: no such daemon on the network: {known}"], FAILED)


def _value(word: str) -> Value:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    for kind in (whole, real):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _tag(value: Value) -> str:
    if isinstance(value, bool):
        return "T"
    if isinstance(value, int):
        return "i" if -(2**31) <= value < 2**31 else "f"
    return "f" if isinstance(value, float) else "s"


def ask(daemon: Endpoint, address: str, *values: Value) -> list[Message]:
    """The answers of a daemon to an OSC message.

    Raises:
        CommandError: there is no answer, or it is an error.
    """
    host, port = daemon
    try:
        answers = list(request([encode(address, "".join(map(_tag, values)), values)], host, port))
    except NoReplyError as error:
        raise CommandError([f"{error}: see stemfield browse"], FAILED) from error
    except OSError as error:
        raise CommandError([f"{host} port {port}: {error.strerror or error}"], FAILED) from error
    if refused := [answer for answer in answers if answer.address == "/error" and len(answer.arguments) == 2]:
        raise CommandError([f"{answer.arguments[0]}: {answer.arguments[1]}" for answer in refused], FAILED)
    return answers


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
