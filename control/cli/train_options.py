"""What the three steps of training can be asked for on a command line; nothing heavy is loaded here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

Add = Callable[[argparse.ArgumentParser], None]


def music(parser: argparse.ArgumentParser) -> None:
    """Of `synthesis`: songs to learn from."""
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder for the songs; those that are there stay")
    parser.add_argument("--voices", type=Path, metavar="DIR", required=True, help="recorded speech and singing")
    parser.add_argument("--instruments", type=Path, metavar="DIR", help="recorded instruments")
    parser.add_argument("--songs", type=_whole(1), metavar="N", default=100, help="how many; default 100")
    parser.add_argument("--first", type=_whole(0), metavar="N", default=0, help="number of the first; default 0")
    parser.add_argument("--seed", type=_whole(0), metavar="N", default=1, help="of the collection; default 1")
    parser.add_argument("--seconds", type=float, metavar="S", default=24.0, help="about how long each is; default 24")
    parser.add_argument(
        "--soundfont", type=Path, metavar="FILE", action="append", help="instead of Debian's; may be repeated"
    )
    parser.add_argument("--no-soundfonts", action="store_true", help="recordings and synthesisers only")
    parser.add_argument("--held-out", action="store_true", help="play what training never hears, to judge by")
    _add_processes(parser, os.cpu_count() or 1, "that make songs; default: one a core")


def records(parser: argparse.ArgumentParser) -> None:
    """Of `records`: instrumental records to learn from."""
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder for the records; those that are there stay")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", default=Path("/"), help="where the packages are unpacked; default /"
    )
    parser.add_argument("--seconds", type=float, metavar="S", default=105.0, help="of each, at the most; default 105")
    parser.add_argument("--held-out", action="store_true", help="those that training never hears, to judge by")
    _add_processes(parser, os.cpu_count() or 1, "that read and write; default: one a core")


def learn(parser: argparse.ArgumentParser) -> None:
    """Of `train`: a run."""
    parser.add_argument("out", type=Path, metavar="RUN", help="the run's folder; with a checkpoint the run goes on")
    _add_songs(parser)
    _add_validation(parser)
    parser.add_argument("--judge-every", type=_whole(1), metavar="N", default=100, help="steps; default 100")
    parser.add_argument(
        "--judge-seconds", type=float, metavar="S", default=24.0, help="of each recording, at the most; default 24"
    )
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=_whole(1), metavar="N", default=10**9, help="in all, those of before too")
    length.add_argument("--minutes", type=float, metavar="M", default=0.0, help="instead of --steps")
    parser.add_argument("--seed", type=_whole(0), metavar="N", default=1, help="default 1")
    parser.add_argument("--width", type=_whole(4), metavar="N", help="of the network")
    parser.add_argument("--layers", type=_whole(1), metavar="N", help="of the network")
    parser.add_argument(
        "--lookahead", type=_whole(0), metavar="N", help="hops of 11.6 ms that the stems come later; default 0"
    )
    parser.add_argument(
        "--instrument", choices=("vocals", "bass", "drums", "other"),
        help="a network that tells this one from the rest, for `stemfield models join`",
    )  # fmt: skip
    parser.add_argument("--batch", type=_whole(1), metavar="N", default=8, help="examples a step; default 8")
    parser.add_argument(
        "--hops", type=_whole(2), metavar="N", default=160, help="length of an example, 11.6 ms each; default 160"
    )
    parser.add_argument(
        "--average", type=_share, metavar="X", default=0.99, help="of the weights that are kept: the past's share"
    )
    parser.add_argument(
        "--partial", type=_share, metavar="X", default=0.35, help="share of examples with records; default 0.35"
    )
    parser.add_argument(
        "--guesses", type=_share, metavar="X", default=0.0,
        help="share of the instrumental records that are remixed from the network's own guesses; default 0",
    )  # fmt: skip
    parser.add_argument("--watch", action="store_true", help="take in songs that appear while it learns")
    parser.add_argument("--threads", type=_whole(1), metavar="N", help="default: one a core")
    parser.add_argument("--device", metavar="D", help="cpu or cuda; default: cuda where there is one")


def release(parser: argparse.ArgumentParser) -> None:
    """Of `release`: a model of a run."""
    parser.add_argument(
        "weights",
        type=Path,
        metavar="FILE.pt",
        nargs="+",
        help="best.pt or step-N.pt; those of a run are averaged, those of several runs decide together",
    )
    parser.add_argument("folder", type=Path, metavar="MODEL", help="the model's folder, whose name is the model's")
    parser.add_argument("--title", metavar="TEXT", required=True, help="one line for people")
    _add_validation(parser)
    parser.add_argument("--seconds", type=float, metavar="S", default=60.0, help="of each recording; default 60")
    parser.add_argument(
        "--beside", metavar="M", action="append", default=[], help="another model for the report; may be repeated"
    )
    parser.add_argument(
        "--vocals-logits", type=float, metavar="X", default=0.0, help="added to what vocals claim; default 0"
    )


def _add_songs(parser: argparse.ArgumentParser) -> None:
    text = "folder of songs or records to learn from; may be repeated"
    parser.add_argument("--songs", type=Path, metavar="DIR", action="append", required=True, help=text)


def _add_validation(parser: argparse.ArgumentParser) -> None:
    text = "folder of recordings with true stems, to choose and score by; may be repeated"
    parser.add_argument("--validation", type=Path, metavar="DIR", action="append", required=True, help=text)


def _add_processes(parser: argparse.ArgumentParser, default: int, text: str) -> None:
    parser.add_argument("--processes", type=_whole(1), metavar="N", default=default, help=text)


def _whole(least: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: allowed a whole number from {least}")
        return int(text)

    return convert


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text}: allowed 0 to 1")
    return value
