"""What the commands about the service can be asked for; nothing heavy is loaded here."""

from __future__ import annotations

import argparse


def install(parser: argparse.ArgumentParser) -> None:
    """Of `service install`."""
    _add_scope(parser)
    parser.add_argument(
        "--server",
        choices=("jackd", "pipewire", "none"),
        help="who plays; none starts no server; default: what this machine has",
    )
    text = "absolute path of the stemfield that the service runs; default: this one"
    parser.add_argument("--program", metavar="FILE", help=text)
    _add_caution(parser)
    parser.add_argument("--no-start", dest="start", action="store_false", help="only put the files in place")


def uninstall(parser: argparse.ArgumentParser) -> None:
    """Of `service uninstall`."""
    _add_scope(parser)
    _add_caution(parser)


def status(parser: argparse.ArgumentParser) -> None:
    """Of `service status`."""
    _add_scope(parser)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    scope = parser.add_mutually_exclusive_group()
    text = "of the person who is logged in; default, except for root"
    scope.add_argument("--user", dest="scope", action="store_const", const="user", help=text)
    text = "of the machine: starts with it, and needs root"
    scope.add_argument("--system", dest="scope", action="store_const", const="system", help=text)


def _add_caution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", metavar="DIR", default="/", help="the tree of another machine, with --system")
    parser.add_argument("--yes", action="store_true", help="do not ask")
