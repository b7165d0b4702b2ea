"""Arguments of the commands that train a model; nothing heavy is loaded here."""

from __future__ import annotations

import os
from pathlib import Path

from stemfield.control.cli.parser import Parser
from stemfield.control.cli.types import count, number


def music(made: Parser) -> None:
    """Arguments of `train music`."""
    made.add("out", "OUT", "folder for the songs; existing ones are kept", type=Path)
    made.add("--voices", "DIR", "folder of recorded speech and singing", type=Path, required=True)
    made.add("--instruments", "DIR", "folder of recorded instruments", type=Path)
    made.add("--songs", "N", "number of songs; default 100", type=count(1), default=100)
    made.add("--first", "N", "number of the first song; default 0", type=count(0), default=0)
    made.add("--seed", "N", "seed of the collection; default 1", type=count(0), default=1)
    made.add("--seconds", "S", "approximate length of each song; default 24", type=float, default=24.0)
    made.repeated("--soundfont", "FILE", "soundfont to use instead of Debian's", type=Path, default=None)
    made.flag("--no-soundfonts", "use recordings and synthesisers only")
    made.flag("--held-out", "use only sources that training never uses, for validation")
    _add_processes(made)


def records(made: Parser) -> None:
    """Arguments of `train records`."""
    made.add("out", "OUT", "folder for the music; existing files are kept", type=Path)
    made.add("--root", "DIR", "where the packages are unpacked; default /", type=Path, default=Path("/"))
    made.add("--seconds", "S", "maximum length of each; default 105", type=float, default=105.0)
    made.flag("--held-out", "extract only music that training never uses, for validation")
    _add_processes(made)


def learn(made: Parser) -> None:
    """Arguments of `train learn`."""
    made.add("out", "RUN", "folder of the run; with a checkpoint in it the run continues", type=Path)
    text = "folder of songs or recordings to train with"
    made.repeated("--songs", "DIR", text, type=Path, default=None, required=True)
    _add_validation(made)
    made.add("--judge-every", "N", "steps between validations; default 100", type=count(1), default=100)
    text = "maximum length of each recording in a validation; default 24"
    made.add("--judge-seconds", "S", text, type=float, default=24.0)
    length = made.add_mutually_exclusive_group(required=True)
    text = "total number of steps, earlier ones included"
    length.add_argument("--steps", type=count(1), metavar="N", default=10**9, help=text)
    length.add_argument("--minutes", type=float, metavar="M", default=0.0, help="duration, instead of --steps")
    made.add("--seed", "N", "default 1", type=count(0), default=1)
    made.add("--width", "N", "width of the network", type=count(4))
    made.add("--layers", "N", "layers of the network", type=count(1))
    made.add("--lookahead", "N", "additional latency of the stems, in hops of 11.6 ms; default 0", type=count(0))
    text = "train a network for this instrument alone, for `stemfield models join`"
    made.choice("--instrument", ("vocals", "bass", "drums", "other"), text)
    made.add("--batch", "N", "examples per step; default 8", type=count(1), default=8)
    made.add("--hops", "N", "length of an example in hops of 11.6 ms; default 160", type=count(2), default=160)
    share = number(0.0, 1.0)
    made.add("--average", "X", "decay of the averaged weights; default 0.99", type=share, default=0.99)
    made.add("--partial", "X", "share of examples with incomplete stems; default 0.35", type=share, default=0.35)
    text = "share of instrumental recordings used for self-training; default 0"
    made.add("--guesses", "X", text, type=share, default=0.0)
    made.flag("--watch", "add songs that appear during the run")
    made.add("--threads", "N", "default: one per core", type=count(1))
    made.add("--device", "D", "cpu or cuda; default: cuda if there is one")


def release(made: Parser) -> None:
    """Arguments of `train release`."""
    text = "best.pt or step-N.pt; weights of one run are averaged, those of several runs form an ensemble"
    made.add("weights", "FILE.pt", text, type=Path, nargs="+")
    made.add("folder", "MODEL", "folder of the model, whose name becomes the model's", type=Path)
    made.add("--title", "TEXT", "title of one line", required=True)
    _add_validation(made)
    made.add("--seconds", "S", "maximum length of each recording; default 60", type=float, default=60.0)
    made.repeated("--beside", "M", "another model for the report")
    made.add("--vocals-logits", "X", "offset of the logits of vocals; default 0", type=float, default=0.0)


def _add_validation(made: Parser) -> None:
    text = "folder of recordings with true stems, for validation and scores"
    made.repeated("--validation", "DIR", text, type=Path, default=None, required=True)


def _add_processes(made: Parser) -> None:
    made.add("--processes", "N", "default: one per core", type=count(1), default=os.cpu_count() or 1)
