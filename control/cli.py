"""The command line: what can be asked for, and how errors are told.

Only this module is loaded before the command is known, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from types import TracebackType
from typing import Any, NoReturn

from stemfield.control.arguments import did_you_mean
from stemfield.control.cli_error import BAD_INPUT, FAILED, CliError

INTERRUPTED = 130
TERMINATED = 143

_NUMBER = re.compile(r"-\.?\d")


class Parser(argparse.ArgumentParser):
    """An argument parser that tells every error in one line and suggests what may have been meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)
        self.commands: dict[str, Parser] = {}

    def branch(self) -> argparse._SubParsersAction[Parser]:
        """The place where commands are added."""
        branch = self.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
        self.commands = branch.choices
        return branch

    def check_words(self, words: Sequence[str]) -> None:
        """Refuse the first word that is no command or option, before anything else is found missing."""
        parser = self
        for word in words:
            name = word.partition("=")[0]
            if word == "--":
                return
            if word.startswith("-") and word != "-" and not _NUMBER.match(word):
                if name not in parser._option_string_actions:
                    options = [option for option in parser._option_string_actions if option.startswith("--")]
                    parser.error(f"unknown option {name}{did_you_mean(name, options)}")
            elif word in parser.commands:
                parser = parser.commands[word]
            elif parser.commands:
                known = ", ".join(parser.commands)
                parser.error(f"unknown command {word}{did_you_mean(word, parser.commands) or f'; known are {known}'}")

    def error(self, message: str) -> NoReturn:
        """One line on stderr, status 2."""
        self.exit(BAD_INPUT, f"stemfield: error: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after the program's name; None takes those of the process.

    Returns:
        The exit status: 0 done, 1 failed while working, 2 bad usage or input, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    parser.check_words(words)
    options = parser.parse_args(words)
    if not options.debug:
        sys.excepthook = _tell_fault
        sys.unraisablehook = lambda _: None  # an interrupt may leave a library's object half made
    module, function = options.run
    # what was begun is cleared away, as on an interrupt
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        status = int(getattr(importlib.import_module(f"stemfield.control.{module}"), function)(options))
        sys.stdout.flush()
    except CliError as error:
        if options.debug:
            raise
        for line in error.lines:
            print(f"stemfield: error: {line}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # the reader of our output has seen enough; Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        if options.debug:
            raise
        return INTERRUPTED
    return status


def _tell_fault(kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
    text = " ".join(str(error).split())
    print(f"stemfield: error: {kind.__name__}: {text} (run with --debug to see where)", file=sys.stderr)


def _parser() -> Parser:
    everywhere = Parser(add_help=False)
    everywhere.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    parser = Parser(
        prog="stemfield",
        description="Live stereo music in, instruments as objects, a room of loudspeakers out.",
        parents=[everywhere],
    )
    parser.set_defaults(debug=False)
    parser.add_argument("--version", action="version", version=f"stemfield {version('stemfield')}")
    commands = parser.branch()

    def command(
        branch: argparse._SubParsersAction[Parser], name: str, text: str, run: tuple[str, str] | None = None
    ) -> Parser:
        made = branch.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", parents=[everywhere])
        if run:
            made.set_defaults(run=run)
        return made

    def with_json(made: Parser) -> Parser:
        made.add_argument("--json", action="store_true", help="print data for programs")
        return made

    def with_rule(made: Parser) -> Parser:
        text = "what of a frequency bin the stems get; default: as configured"
        made.add_argument("--rule", choices=("soft", "surrey"), help=text)
        return made

    made = command(commands, "serve", "run the daemon", ("cli_commands", "serve"))
    made.add_argument("--config", metavar="FILE", help="YAML configuration; see docs/config.md")
    made.add_argument("--layout", metavar="L", help="name or YAML file of the loudspeaker layout")
    made.add_argument("--driver", choices=("jack", "clock"), help="default: JACK where a server runs, else the clock")
    made.add_argument("--input", metavar="FILE", help="play this file in a loop; `demo` is the shipped song")
    made.add_argument("--model", metavar="M", help="name or card of the separation model")

    made = command(commands, "upmix", "render a recording for a room, into one file", ("cli_offline", "upmix"))
    made.add_argument("source", metavar="IN", help="WAV, FLAC, OGG or MP3; mono or stereo")
    made.add_argument("target", metavar="OUT", help="WAV, or FLAC where 8 channels suffice")
    made.add_argument("--layout", metavar="L", required=True, help="name or YAML file of the loudspeaker layout")
    made.add_argument("--scene", metavar="FILE", help="YAML or JSON scene; default: the scene the daemon starts with")
    made.add_argument("--model", metavar="M", help="name or card of the separation model")
    with_rule(made)

    made = command(commands, "separate", "write the stems of a recording into a folder", ("cli_offline", "separate"))
    made.add_argument("source", metavar="IN", help="WAV, FLAC, OGG or MP3; mono or stereo")
    made.add_argument("folder", metavar="OUTDIR", help="is made where it is missing")
    made.add_argument("--model", metavar="M", help="name or card of the separation model")
    with_rule(made)

    made = command(commands, "remix", "re-balance the instruments of a recording", ("cli_offline", "remix"))
    made.add_argument("source", metavar="IN", help="WAV, FLAC, OGG or MP3; mono or stereo")
    made.add_argument("target", metavar="OUT", help="WAV or FLAC, stereo")
    made.add_argument("--threshold", metavar="T", type=_number(0.0, 1.0), default=0.0, help="0..1, default 0")
    made.add_argument(
        "--gain", metavar="NAME=DB", type=_gain, action="append", default=[], help="such as vocals=-6; may be repeated"
    )
    made.add_argument("--model", metavar="M", help="name or card of the separation model")
    with_rule(made)

    made = with_json(
        command(commands, "evaluate", "measure models on songs with true stems", ("evaluation", "evaluate"))
    )
    made.add_argument("folder", metavar="DIR", help="songs as in MUSDB18-HQ or SiSEC, or a stems.yaml")
    made.add_argument("--model", metavar="M", action="append", help="name or card; may be repeated")
    made.add_argument("--rule", choices=("soft", "surrey"), help="default: both")
    made.add_argument("--threshold", metavar="T", type=_number(0.0, 1.0), default=0.0, help="0..1, default 0")
    made.add_argument("--seconds", metavar="S", type=_number(1.0, 86400.0), help="only the beginning of each song")
    made.add_argument("--no-baselines", dest="baselines", action="store_false", help="only the models")
    made.add_argument("--plot", metavar="F.png", help="draw a picture (needs matplotlib)")

    made = with_json(command(commands, "gains", "print the loudspeaker gains of positions", ("cli_layouts", "gains")))
    made.add_argument("--layout", metavar="L", required=True, help="name or YAML file of the loudspeaker layout")
    made.add_argument(
        "--from",
        metavar="F.csv",
        required=True,
        dest="positions",
        help="columns azimuth_deg, elevation_deg, distance_m, and perhaps width_deg, height_deg",
    )

    branch = command(commands, "layouts", "loudspeaker layouts").branch()
    with_json(command(branch, "list", "list the layouts that have a name", ("cli_layouts", "layouts_list")))
    made = with_json(command(branch, "show", "print the loudspeakers of a layout", ("cli_layouts", "layouts_show")))
    made.add_argument("layout", metavar="L", help="name or file")
    made = with_json(command(branch, "check", "review layouts as an expert would", ("cli_layouts", "layouts_check")))
    made.add_argument("names", metavar="L", nargs="+", help="names or files")
    made = command(branch, "plot", "draw the room, its regions and its errors", ("cli_layouts", "layouts_plot"))
    made.add_argument("layout", metavar="L", help="name or file")
    made.add_argument("target", metavar="OUT", help=".svg, or .png with the extra stemfield[plot]")
    made = with_json(
        command(
            branch, "convert", "turn another renderer's layout into one of ours", ("cli_layouts", "layouts_convert")
        )
    )
    made.add_argument("source", metavar="IN", help="file of EAR (YAML), VISR (XML), IEM (JSON) or SpatGRIS (XML)")
    made.add_argument("target", metavar="OUT.yaml", help="the file to write")

    branch = command(commands, "models", "separation models").branch()
    with_json(command(branch, "list", "list the models that have a name", ("cli_commands", "models_list")))
    made = with_json(command(branch, "check", "look for problems in models", ("cli_commands", "models_check")))
    made.add_argument("names", metavar="M", nargs="+", help="names or cards")
    made = with_json(command(branch, "bench", "time models on this machine", ("cli_models", "models_bench")))
    made.add_argument("names", metavar="M", nargs="+", help="names or cards")
    made.add_argument("--sample-rate", metavar="HZ", type=int, default=48000, help="default 48000")
    made = command(branch, "import", "copy a model into one's own folder, with a card", ("cli_models", "models_import"))
    made.add_argument("files", metavar="FILE", nargs="+", help="a model's folder or card, or ONNX files of a family")
    made.add_argument("--family", metavar="F", help="openunmix, spleeter, mdx, htdemucs or wave")
    made.add_argument("--n-fft", metavar="N", type=int, help="length of the transform (mdx)")
    made.add_argument("--compensate", metavar="X", type=_number(0.01, 4.0), default=1.0, help="level (mdx); default 1")
    _add_answers(made)
    text = "turn checkpoints of Open-Unmix into a model"
    made = command(branch, "export-openunmix", text, ("cli_models", "models_export_openunmix"))
    made.add_argument("files", metavar="FILE.pth", nargs="+", help="one a source")
    made.set_defaults(n_fft=None, compensate=1.0)
    _add_answers(made)

    made = with_json(command(commands, "check", "look for problems in a configuration", ("cli_commands", "check")))
    made.add_argument("config", metavar="CONFIG", help="YAML configuration")

    made = with_json(command(commands, "browse", "find daemons on the network", ("cli_commands", "browse")))
    made.add_argument("--timeout", metavar="S", type=_number(0.1, 60.0), default=2.0, help="seconds, default 2")
    return parser


def _add_answers(made: Parser) -> None:
    """What only a person can say of a model."""
    made.add_argument("--name", metavar="NAME", help="default: that of the first file")
    made.add_argument(
        "--source", metavar="NAME", action="append", default=[], help="what it gives, in its order; may be repeated"
    )
    made.add_argument("--rest", metavar="NAME", help="a name for what is left of the mixture, as a stem of its own")
    made.add_argument(
        "--stem",
        metavar="NAME=STEM",
        type=_pair,
        action="append",
        default=[],
        help="where in the room a source belongs",
    )
    made.add_argument("--samples", metavar="N", type=int, help="length of a chunk, where the file leaves it open")
    made.add_argument("--licence", metavar="TEXT", help="of the weights")
    made.add_argument("--attribution", metavar="TEXT", action="append", default=[], help="who is to be named")
    made.add_argument("--trained-on", metavar="TEXT", help="what it learnt from")
    made.add_argument("--title", metavar="TEXT", help="one line for people")
    made.add_argument("--into", metavar="DIR", help="default: the first of model_folders")
    made.add_argument("--replace", action="store_true", help="overwrite a model of this name")


def _number(low: float, high: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text}: allowed a number from {low:g} to {high:g}")
        return value

    return convert


def _pair(text: str) -> tuple[str, str]:
    name, equals, stem = text.partition("=")
    if not (name and equals and stem):
        raise argparse.ArgumentTypeError(f"{text}: allowed NAME=STEM, such as accompaniment=other")
    return name, stem


def _gain(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text}: allowed NAME=DB, such as vocals=-6")
    return name, _number(-120.0, 20.0)(value)


if __name__ == "__main__":
    sys.exit(main())
