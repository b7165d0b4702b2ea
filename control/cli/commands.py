"""The commands: their words, options and descriptions; what each does is in the module that it names.

Only this is loaded before the command is known, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from typing import Final

from stemfield.control.cli import service_options, train_options
from stemfield.control.cli.parser import Branch, Parser, command, with_debug, with_json
from stemfield.control.cli.types import address, count, gain, mirror, number, pair, pair_of_ports, port

EARS: Final = "whose ears, with --binaural; default: a built-in head, or as configured"


def make_parser() -> Parser:
    """The parser of all commands."""
    parser = with_debug(
        Parser(
            prog="stemfield",
            description="Live stereo music in, instruments as objects, a room of loudspeakers out.",
        )
    )
    parser.set_defaults(debug=False)
    parser.add_argument("--version", action="version", version=f"stemfield {version('stemfield')}")
    commands = parser.branch()
    for add in (_playing, _files, _judging, _layouts, _models, _machine, _network):
        add(commands)
    return parser


def _playing(commands: Branch[Parser]) -> None:
    """The daemon, at work."""
    made = command(commands, "serve", "run the daemon", ("cli.serve", "serve"))
    made.add_argument("--config", metavar="FILE", help="YAML configuration; see docs/config.md")
    text = "what this machine does of two that share the work; default: both"
    made.add_argument("--role", choices=("both", "separation", "renderer"), help=text)
    made.add_argument("--layout", metavar="L", help="name or YAML file of the loudspeaker layout")
    made.add_argument("--driver", choices=("jack", "clock"), help="default: JACK where a server runs, else the clock")
    made.add_argument("--input", metavar="FILE", help="play this file in a loop; `demo` is the shipped song")
    made.add_argument("--model", metavar="M", help="name, preset or card of the separation model")
    made.add_argument(
        "--mirror",
        metavar="DIALECT:HOST[:PORT]",
        type=mirror,
        action="append",
        help="tell another renderer of every change, such as s3a:192.168.1.7 or adm:192.168.1.7:4001; may be repeated",
    )
    text = "further objects with an input port each, input1 to inputN"
    made.add_argument("--objects", metavar="N", type=count(0, 123), default=0, help=text)
    made.add_argument("--binaural", action="store_true", help="headphones, too: the ports monitor_left, monitor_right")
    made.add_argument("--hrtf", metavar="FILE.sofa", help=EARS)

    made = command(commands, "demo", "play the demo song with whatever there is, at once", ("cli.demo", "demo"))
    made.add_argument("--layout", metavar="L", help="name or YAML file; default: what the sound card can play")
    made.add_argument("--driver", choices=("jack", "clock"), help="default: JACK where a server runs, else the clock")
    made.add_argument("--network", action="store_true", help="let telephones in the local network in, by a secret word")
    made.add_argument("--interface", metavar="NAME", help="the same, at this network interface")
    made.add_argument("--open", action="store_true", help="open the page in a browser")


def _files(commands: Branch[Parser]) -> None:
    """What is made of files, and of what plays."""
    made = command(commands, "upmix", "render a recording for a room, into one file", ("cli.upmix", "upmix"))
    made.add_argument("source", metavar="IN", help="WAV, FLAC, OGG or MP3; mono or stereo")
    made.add_argument("target", metavar="OUT", nargs="?", help="WAV, or FLAC where 8 channels suffice")
    made.add_argument("--adm", metavar="OUT.adm.wav", help="write the objects with their places, for other programs")
    made.add_argument("--layout", metavar="L", help="name or YAML file of the loudspeaker layout")
    made.add_argument("--binaural", action="store_true", help="stereo for headphones instead, of any room")
    made.add_argument("--hrtf", metavar="FILE.sofa", help=EARS)
    _with_limit(made)
    made.add_argument("--scene", metavar="FILE", help="YAML or JSON scene; default: the scene the daemon starts with")
    made.add_argument("--recording", metavar="NAME|FILE", help="control recorded by the daemon (/recorder/record)")
    made.add_argument("--model", metavar="M", help="name, preset or card of the separation model")
    _with_rule(made)

    made = command(commands, "separate", "write the stems of a recording into a folder", ("cli.stems", "separate"))
    made.add_argument("source", metavar="IN", help="WAV, FLAC, OGG or MP3; mono or stereo")
    made.add_argument("folder", metavar="OUTDIR", help="is made where it is missing")
    made.add_argument("--threshold", metavar="T", type=number(0.0, 1.0), default=0.0, help="0..1, default 0")
    made.add_argument("--model", metavar="M", help="name, preset or card of the separation model")
    _with_rule(made)

    made = command(commands, "remix", "re-balance the instruments of a recording", ("cli.stems", "remix"))
    made.add_argument("source", metavar="IN", help="WAV, FLAC, OGG or MP3; mono or stereo")
    made.add_argument("target", metavar="OUT", help="WAV or FLAC, stereo")
    made.add_argument("--threshold", metavar="T", type=number(0.0, 1.0), default=0.0, help="0..1, default 0")
    made.add_argument(
        "--gain", metavar="NAME=DB", type=gain, action="append", default=[], help="such as vocals=-6; may be repeated"
    )
    made.add_argument("--model", metavar="M", help="name, preset or card of the separation model")
    _with_rule(made)

    text = "make what a plan asks for of many recordings, on many processes"
    made = with_json(command(commands, "batch", text, ("cli.batch", "batch")))
    made.add_argument("plan", metavar="PLAN.yaml", help="recordings, jobs and an output folder; see docs/batch.md")
    made.add_argument("--workers", metavar="N", type=count(1, 1024), help="processes; default: one a core")
    made.add_argument(
        "--scheduler", metavar="ADDRESS", help="use a Dask cluster that runs, such as tcp://10.0.0.5:8786"
    )
    text = "how often a recording is begun again whose process died; default 3; a scheduler of one's own decides itself"
    made.add_argument("--retries", metavar="N", type=count(0, 100), default=3, help=text)
    text = "how long a scheduler is waited for, and its first worker, in seconds; default 10"
    made.add_argument("--timeout", metavar="S", type=number(0.1, 3600.0), default=10.0, help=text)

    text = "render objects of another program, or of --adm, for a room"
    made = command(commands, "render", text, ("cli.render", "render"))
    made.add_argument("source", metavar="FILE.adm.wav", help="BW64 or WAV with the Audio Definition Model (BS.2076)")
    made.add_argument("--output", "-o", metavar="OUT", required=True, help="WAV, or FLAC where 8 channels suffice")
    made.add_argument("--layout", metavar="L", help="name or YAML file of the loudspeaker layout")
    made.add_argument("--programme", metavar="P", help="name or ID of an audioProgramme; default: the first")
    made.add_argument("--binaural", action="store_true", help="stereo for headphones instead, of any room")
    made.add_argument("--hrtf", metavar="FILE.sofa", help=EARS)
    _with_limit(made)

    text = "record what a running daemon plays, as objects that other programs open"
    made = command(commands, "record", text, ("cli.record", "record"))
    made.add_argument("target", metavar="OUT.adm.wav", help="the file to write")
    made.add_argument("--seconds", metavar="S", type=number(0.1, 86400.0), help="default: until interrupted (Ctrl-C)")
    made.add_argument("--config", metavar="FILE", help="YAML configuration of the daemon; default: the user's")
    made.add_argument("--port", metavar="P", type=port, help="of OSC; default: the configured one")
    made.add_argument("--layout", metavar="L", help="of the loudspeakers that scenes name; default: the configured one")


def _with_limit(made: Parser) -> None:
    text = "keep peaks as they are, above full scale and above a loudspeaker's max_level_db, too"
    made.add_argument("--no-limit", dest="limit", action="store_false", help=text)


def _judging(commands: Branch[Parser]) -> None:
    """Figures."""
    made = with_json(
        command(commands, "evaluate", "measure models on songs with true stems", ("cli.evaluate", "evaluate"))
    )
    made.add_argument("folder", metavar="DIR", help="songs as in MUSDB18-HQ or SiSEC, or a stems.yaml")
    made.add_argument("--model", metavar="M", action="append", help="name, preset or card; may be repeated")
    made.add_argument("--rule", choices=("soft", "surrey"), help="default: both")
    made.add_argument("--threshold", metavar="T", type=number(0.0, 1.0), default=0.0, help="0..1, default 0")
    made.add_argument("--seconds", metavar="S", type=number(1.0, 86400.0), help="only the beginning of each song")
    made.add_argument("--layout", metavar="L", help="judge what the loudspeakers of this room play, too")
    made.add_argument("--scene", metavar="FILE", help="YAML or JSON scene for it; default: that of the daemon's start")
    made.add_argument("--no-baselines", dest="baselines", action="store_false", help="only the models")
    made.add_argument("--plot", metavar="F.png", help="draw a picture (needs matplotlib)")

    made = with_json(command(commands, "gains", "print the loudspeaker gains of positions", ("cli.layouts", "gains")))
    made.add_argument("--layout", metavar="L", required=True, help="name or YAML file of the loudspeaker layout")
    made.add_argument(
        "--from",
        metavar="F.csv",
        required=True,
        dest="positions",
        help="columns azimuth_deg, elevation_deg, distance_m, and perhaps width_deg, height_deg",
    )


def _layouts(commands: Branch[Parser]) -> None:
    """Rooms."""
    branch = command(commands, "layouts", "loudspeaker layouts").branch()
    with_json(command(branch, "list", "list the layouts that have a name", ("cli.layouts", "layouts_list")))
    made = with_json(command(branch, "show", "print the loudspeakers of a layout", ("cli.layouts", "layouts_show")))
    made.add_argument("layout", metavar="L", help="name or file")
    made = with_json(command(branch, "check", "review layouts as an expert would", ("cli.layouts", "layouts_check")))
    made.add_argument("names", metavar="L", nargs="+", help="names or files")
    made = command(branch, "plot", "draw the room, its regions and its errors", ("cli.layouts", "layouts_plot"))
    made.add_argument("layout", metavar="L", help="name or file")
    made.add_argument("target", metavar="OUT", help=".svg, or .png with the extra stemfield[plot]")
    made = with_json(
        command(
            branch, "convert", "turn another renderer's layout into one of ours", ("cli.layouts", "layouts_convert")
        )
    )
    made.add_argument("source", metavar="IN", help="file of EAR (YAML), VISR, SpatGRIS (XML), IEM (JSON) or SSR (.asd)")
    made.add_argument("target", metavar="OUT.yaml", help="the file to write")
    text = "begin a layout of your own with a copy of another"
    made = with_json(command(branch, "copy", text, ("cli.layouts", "layouts_copy")))
    made.add_argument("layout", metavar="L", help="name or file, such as 22.2")
    made.add_argument("target", metavar="OUT.yaml", help="the file to write; its name becomes that of the layout")


def _models(commands: Branch[Parser]) -> None:
    """Models, made by others and by oneself."""
    branch = command(commands, "models", "separation models").branch()
    with_json(command(branch, "list", "list the models that have a name", ("cli.models", "models_list")))
    made = with_json(command(branch, "check", "look for problems in models", ("cli.models", "models_check")))
    made.add_argument("names", metavar="M", nargs="+", help="names, presets or cards")
    made = with_json(command(branch, "bench", "time models on this machine", ("cli.models", "models_bench")))
    made.add_argument("names", metavar="M", nargs="+", help="names, presets or cards")
    made.add_argument("--sample-rate", metavar="HZ", type=count(1, 1_000_000), default=48000, help="default 48000")
    made = command(branch, "import", "copy a model into one's own folder, with a card", ("cli.models", "models_import"))
    made.add_argument("files", metavar="FILE", nargs="+", help="a model's folder or card, or ONNX files of a family")
    made.add_argument("--family", metavar="F", help="openunmix, spleeter, mdx, htdemucs or wave")
    made.add_argument("--n-fft", metavar="N", type=count(1, 1 << 24), help="length of the transform (mdx)")
    made.add_argument("--compensate", metavar="X", type=number(0.01, 4.0), default=1.0, help="level (mdx); default 1")
    _add_answers(made)
    text = "make one model of several that know one instrument each"
    made = command(branch, "join", text, ("cli.models", "models_join"))
    made.add_argument("names", metavar="M", nargs="+", help="names or cards; the first source of each is taken")
    made.add_argument("--name", metavar="NAME", required=True, help="of the new model")
    made.add_argument("--rest", metavar="NAME", help="a name for what none of them claims, as a stem of its own")
    made.add_argument("--title", metavar="TEXT", help="one line for people")
    _add_place(made)
    text = "turn checkpoints of Open-Unmix into a model"
    made = command(branch, "export-openunmix", text, ("cli.models", "models_export_openunmix"))
    made.add_argument("files", metavar="FILE.pth", nargs="+", help="one a source")
    made.set_defaults(n_fft=None, compensate=1.0)
    _add_answers(made)

    text = "make a separation model of one's own (needs the extra stemfield[train])"
    branch = command(commands, "train", text).branch()
    train_options.music(command(branch, "music", "make songs to learn from", ("cli.train", "music")))
    text = "take instrumental records to learn from out of Debian's packages"
    train_options.records(command(branch, "records", text, ("cli.train", "records")))
    text = "train a separator, or go on with what was begun"
    train_options.learn(command(branch, "learn", text, ("cli.train", "learn")))
    train_options.release(command(branch, "release", "make a model of what was learnt", ("cli.train", "release")))


def _machine(commands: Branch[Parser]) -> None:
    """The machine that it runs on."""
    made = with_json(command(commands, "check", "look for problems in a configuration", ("cli.check", "check")))
    made.add_argument("config", metavar="CONFIG", help="YAML configuration")

    made = with_json(command(commands, "doctor", "find out why nothing sounds", ("cli.doctor", "doctor")))
    made.add_argument("--config", metavar="FILE", help="YAML configuration; default: the one that serve would take")
    text = "also write a text file for a report of a fault; - is the standard output"
    made.add_argument("--report", metavar="FILE", nargs="?", const="", help=text)
    text = "how long xruns and the server's clock are watched, in seconds; default 2"
    made.add_argument("--watch", metavar="S", type=number(0.5, 3600.0), default=2.0, help=text)

    made = command(commands, "init", "write a first configuration", ("cli.init", "init"))
    made.add_argument(
        "--config", metavar="FILE", help="what to write; default: your own, ~/.config/stemfield/config.yaml"
    )
    made.add_argument(
        "--yes", action="store_true", help="ask nothing: take what is suggested where no option says more"
    )
    made.add_argument("--replace", action="store_true", help="write a file anew that is there already")
    made.add_argument("--layout", metavar="L", help="name or YAML file of the loudspeaker layout")
    made.add_argument("--input", metavar="I", help="where the music comes from: jack, capture, or a music file")
    made.add_argument("--model", metavar="M", help="name, preset or card of the separation model")
    made.add_argument("--server", metavar="NAME", help="JACK server; default: the default one")
    text = "connect the loudspeakers to the playback ports, by the channels' names or in their order"
    made.add_argument("--connect-outputs", action=argparse.BooleanOptionalAction, help=text)
    text = "the subwoofer plays the bass of the other loudspeakers"
    made.add_argument("--bass", action=argparse.BooleanOptionalAction, help=text)
    made.add_argument("--headphones", action=argparse.BooleanOptionalAction, help="the binaural monitor, too")
    made.add_argument("--network", action=argparse.BooleanOptionalAction, help="let other machines in")
    made.add_argument("--interface", metavar="NAME", help="at this network interface")
    text = "network that may change things, such as 192.168.1.0/24; may be repeated"
    made.add_argument("--allow", metavar="NET", action="append", default=[], help=text)
    made.add_argument(
        "--token", metavar="WORD", help="word that pages have to give; none is none; default: a random one"
    )
    made.add_argument("--connect", action="store_true", help="find out by ear which loudspeaker is on which port, too")

    text = "find out by ear which loudspeaker is on which port, and write that down"
    made = command(commands, "connect", text, ("cli.connect", "connect"))
    made.add_argument("--config", metavar="FILE", help="what to change; default: your own configuration")
    text = "play this port; may be repeated; default: all playback ports of the sound card"
    made.add_argument("--port", metavar="PORT", action="append", default=[], help=text)
    text = "write this down without playing; may be repeated"
    made.add_argument("--speaker", metavar="LABEL=PORT", type=pair_of_ports, action="append", default=[], help=text)
    made.add_argument("--yes", action="store_true", help="write what was found without a last question")
    branch = command(commands, "service", "the daemon as a service of systemd").branch()
    text = "put the units in place, after showing what that changes"
    service_options.install(command(branch, "install", text, ("cli.service", "install")))
    text = "take the units away; configuration and scenes stay"
    service_options.uninstall(command(branch, "uninstall", text, ("cli.service", "uninstall")))
    text = "say whether the service runs, and why it ended last time"
    service_options.status(with_json(command(branch, "status", text, ("cli.service", "status"))))

    text = "print the script by which a shell completes commands"
    made = command(commands, "completion", text, ("cli.completion", "completion"))
    made.add_argument("shell", choices=("bash", "zsh", "fish"), help="which one")


def _network(commands: Branch[Parser]) -> None:
    """Other daemons."""
    made = with_json(command(commands, "browse", "find daemons on the network", ("cli.network", "browse")))
    made.add_argument("--timeout", metavar="S", type=number(0.1, 60.0), default=2.0, help="seconds, default 2")

    made = with_json(command(commands, "send", "send one OSC message to a daemon", ("cli.network", "send")))
    made.add_argument("address", metavar="ADDRESS", type=address, help="such as /object/vocals/aed; see docs/osc.md")
    made.add_argument("values", metavar="VALUE", nargs="*", help="numbers, true, false or words; none is a question")
    made.add_argument("--host", metavar="H", default="127.0.0.1", help="default 127.0.0.1")
    made.add_argument("--port", metavar="P", type=port, default=4001, help="default 4001")
    made.add_argument("--daemon", metavar="NAME", help="instead of host and port: its name as browse shows it")


def _with_rule(made: Parser) -> None:
    text = "what of a frequency bin the stems get; default: as configured"
    made.add_argument("--rule", choices=("soft", "surrey"), help=text)


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
        type=pair,
        action="append",
        default=[],
        help="where in the room a source belongs",
    )
    made.add_argument(
        "--samples", metavar="N", type=count(1, 1 << 30), help="length of a chunk, where the file leaves it open"
    )
    made.add_argument("--licence", metavar="TEXT", help="of the weights")
    made.add_argument("--attribution", metavar="TEXT", action="append", default=[], help="who is to be named")
    made.add_argument("--trained-on", metavar="TEXT", help="what it learnt from")
    made.add_argument("--title", metavar="TEXT", help="one line for people")
    _add_place(made)


def _add_place(made: Parser) -> None:
    """Where a model goes."""
    made.add_argument("--into", metavar="DIR", help="default: the first of model_folders")
    made.add_argument("--replace", action="store_true", help="overwrite a model of this name")
