"""Arguments of the commands that train a model; nothing heavy is loaded here."""

from __future__ import annotations

import os
from pathlib import Path

from stemfield.control.cli.parser import Parser
from stemfield.control.cli.types import count, number


def music(made: Parser) -> None:
    """Arguments of `train music`."""
    made.word("out", "OUT", "folder for the songs; existing ones are kept", type=Path)
    made.option("--voices", "DIR", "folder of recorded speech and singing", type=Path, required=True)
    made.option("--instruments", "DIR", "folder of recorded instruments", type=Path)
    made.option("--songs", "N", "number of songs; default 100", type=count(1), default=100)
    made.option("--first", "N", "number of the first song; default 0", type=count(0), default=0)
    made.option("--seed", "N", "seed of the collection; default 1", type=count(0), default=1)
    made.option("--seconds", "S", "approximate length of each song; default 24", type=float, default=24.0)
    made.repeated("--soundfont", "FILE", "soundfont to use instead of Debian's", type=Path, default=None)
    made.flag("--no-soundfonts", "use recordings and synthesisers only")
    made.flag("--held-out", "use only sources that training never uses, for validation")
    _add_processes(made)


def records(made: Parser) -> None:
    """Arguments of `train records`."""
    made.word("out", "OUT", "folder for the music; existing files are kept", type=Path)
    made.option("--root", "DIR", "where the packages are unpacked; default /", type=Path, default=Path("/"))
    made.option("--seconds", "S", "maximum length of each; default 105", type=float, default=105.0)
    made.flag("--held-out", "extract only music that training never uses, for validation")
    _add_processes(made)


def learn(made: Parser) -> None:
    """Arguments of `train learn`."""
    made.word("out", "RUN", "folder of the run; with a checkpoint in it the run continues", type=Path)
    made.repeated(
        "--songs", "DIR", "folder of songs or recordings to train with", type=Path, default=None, required=True
    )
    _add_validation(made)
    made.option("--judge-every", "N", "steps between validations; default 100", type=count(1), default=100)
    text = "maximum length of each recording in a validation; default 24"
    made.option("--judge-seconds", "S", text, type=float, default=24.0)
    length = made.add_mutually_exclusive_group(required=True)
    text = "total number of steps, earlier ones included"
    length.add_argument("--steps", type=count(1), metavar="N", default=10**9, help=text)
    length.add_argument("--minutes", type=float, metavar="M", default=0.0, help="duration, instead of --steps")
    made.option("--seed", "N", "default 1", type=count(0), default=1)
    made.option("--width", "N", "width of the network", type=count(4))
    made.option("--layers", "N", "layers of the network", type=count(1))
    made.option("--lookahead", "N", "additional latency of the stems, in hops of 11.6 ms; default 0", type=count(0))
    text = "train a network for this instrument alone, for `stemfield models join`"
    made.choice("--instrument", ("vocals", "bass", "drums", "other"), text)
    made.option("--batch", "N", "examples per step; default 8", type=count(1), default=8)
    made.option("--hops", "N", "length of an example in hops of 11.6 ms; default 160", type=count(2), default=160)
    share = number(0.0, 1.0)
    made.option("--average", "X", "decay of the averaged weights; default 0.99", type=share, default=0.99)
    made.option("--partial", "X", "share of examples with incomplete stems; default 0.35", type=share, default=0.35)
    text = "share of instrumental recordings used for self-training; default 0"
    made.option("--guesses", "X", text, type=share, default=0.0)
    made.flag("--watch", "add songs that appear during the run")
    made.option("--threads", "N", "default: one per core", type=count(1))
    made.option("--device", "D", "cpu or cuda; default: cuda if there is one")


def release(made: Parser) -> None:
    """Arguments of `train release`."""
    text = "best.pt or step-N.pt; weights of one run are averaged, those of several runs form an ensemble"
    made.word("weights", "FILE.pt", text, type=Path, nargs="+")
    made.word("folder", "MODEL", "folder of the model, whose name becomes the model's", type=Path)
    made.option("--title", "TEXT", "title of one line", required=True)
    _add_validation(made)
    made.option("--seconds", "S", "maximum length of each recording; default 60", type=float, default=60.0)
    made.repeated("--beside", "M", "another model for the report")
    made.option("--vocals-logits", "X", "offset of the logits of vocals; default 0", type=float, default=0.0)


def _add_validation(made: Parser) -> None:
    text = "folder of recordings with true stems, for validation and scores"
    made.repeated("--validation", "DIR", text, type=Path, default=None, required=True)


def _add_processes(made: Parser) -> None:
    made.option("--processes", "N", "default: one per core", type=count(1), default=os.cpu_count() or 1)
