"""The options of `stemfield train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from stemfield.control.options.parser import Parser
from stemfield.control.options.types import count, number

SONGS: Final = "folder for the songs; existing ones are kept"


def add_training(commands: Parser) -> None:
    """Add the commands."""
    branch = commands.command("train", "train a separation model (needs the extra stemfield[train])")
    made = branch.command("music", "make songs to train with", "train.music")
    _add_players(made)
    made.add("--songs", "N", "number of songs; default 100", type=count(1), default=100)
    made.add("--first", "N", "number of the first song; default 0", type=count(0), default=0)
    made.add("--seed", "N", "seed of the collection; default 1", type=count(0), default=1)
    made.add("--seconds", "S", "approximate length of each song; default 24", type=float, default=24.0)
    made.flag("--held-out", "use only sources that training never uses, for validation")
    _add_processes(made)

    made = branch.command("records", "extract instrumental music to train with from Debian packages", "train.records")
    made.add("out", "OUT", "folder for the music; existing files are kept", type=Path)
    made.add("--root", "DIR", "where the packages are unpacked; default /", type=Path, default=Path("/"))
    made.add("--seconds", "S", "maximum length of each; default 105", type=float, default=105.0)
    made.flag("--held-out", "extract only music that training never uses, for validation")
    _add_processes(made)

    made = branch.command("multitracks", "read songs with named stems to train with", "train.multitracks")
    made.add("out", "OUT", SONGS, type=Path)
    made.add("--root", "DIR", "folder of the repositories, named owner+name", type=Path, required=True)
    made.flag("--held-out", "extract clips of the songs that training never uses, for validation")
    _add_processes(made)

    made = branch.command("modules", "separate tracker modules from Debian packages to train with", "train.modules")
    made.add("out", "OUT", SONGS, type=Path)
    made.add("--root", "DIR", "where the packages are unpacked; default /", type=Path, default=Path("/"))
    made.flag("--held-out", "extract only the module that training never uses, for validation")
    _add_processes(made)

    made = branch.command("arrangements", "play MIDI arrangements to train with", "train.arrangements")
    _add_players(made)
    text = "folder of the repositories, named owner+name, or of unpacked packages"
    made.repeated("--midi", "DIR", text, type=Path, default=None, required=True)
    made.add("--excerpts", "N", "maximum number of excerpts of a piece; default 4", type=count(1), default=4)
    made.add("--seconds", "S", "length of an excerpt; default 40", type=float, default=40.0)
    made.add("--seed", "N", "seed of the collection; default 1", type=count(0), default=1)
    made.flag("--held-out", "use only voices and instruments that training never uses, for validation")
    _add_processes(made)

    made = branch.command("contents", "print what training music is made of", "train.contents")
    made.add("songs", "SONGS", "folder of songs", type=Path, nargs="+")
    made.repeated("--beside", "DIR", "folder of songs to compare with", type=Path)
    made.add("--image", "FILE.png", "draw it", type=Path)

    made = branch.command("learn", "train a separator, or continue a run", "train.learn")
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
    text = "model whose training is continued; width, layers and lookahead are its own"
    made.add("--from", "MODEL", text, dest="origin")
    made.choice("--direction", ("forward", "backward"), "train for files, hearing them in this direction of time")
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

    made = branch.command("release", "make a model of a run's weights", "train.release")
    text = "best.pt or step-N.pt; weights of one run are averaged, those of several runs form an ensemble"
    made.add("weights", "FILE.pt", text, type=Path, nargs="*")
    made.add("folder", "MODEL", "folder of the model, whose name becomes the model's", type=Path)
    made.add("--title", "TEXT", "title of one line", required=True)
    _add_validation(made)
    made.add("--seconds", "S", "maximum length of each recording; default 60", type=float, default=60.0)
    made.repeated("--network", "MODEL", "use the networks of a released model too")
    text = "make a model for files, in which the first N networks also hear the music backwards"
    made.add("--backward", "N", text, type=count(0), default=0)
    made.repeated("--beside", "M", "another model for the report")
    made.add("--vocals-logits", "X", "offset of the logits of vocals; default 0", type=float, default=0.0)


def _add_players(made: Parser) -> None:
    made.add("out", "OUT", SONGS, type=Path)
    made.add("--voices", "DIR", "folder of recorded speech and singing", type=Path, required=True)
    made.add("--instruments", "DIR", "folder of recorded instruments and performances", type=Path)
    made.repeated("--soundfont", "FILE", "soundfont to use instead of Debian's", type=Path, default=None)
    made.flag("--no-soundfonts", "use recordings and synthesisers only")


def _add_validation(made: Parser) -> None:
    text = "folder of recordings with true stems, for validation and scores"
    made.repeated("--validation", "DIR", text, type=Path, default=None, required=True)


def _add_processes(made: Parser) -> None:
    made.add("--processes", "N", "default: one per core", type=count(1), default=os.cpu_count() or 1)
