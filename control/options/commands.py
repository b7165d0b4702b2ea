"""All commands with their arguments; what each does is in the module that it names.

Nothing else is loaded before the command is known, so that `--help` is quick.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from stemfield.control.options.device import add_device
from stemfield.control.options.parser import Parser
from stemfield.control.options.source import add_source
from stemfield.control.options.train import add_training
from stemfield.control.options.types import address, count, gain, mirror, number, pair, pair_of_ports, port

HRTF: Final = "HRTF for --binaural; default: as configured, else the built-in one"
LAYOUT: Final = "name or YAML file of the loudspeaker layout"
MODEL: Final = "name, preset or card of the separation model"
MUSIC: Final = "WAV, FLAC, OGG or MP3; mono or stereo"
OUTPUT: Final = "file to write: WAV, or FLAC for up to 8 channels"
SCENE: Final = "YAML or JSON scene; default: the default scene"
DRIVER: Final = "default: JACK if a server runs, else the clock"


def make_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog="stemfield",
        description="Live stereo music in, instruments as objects, a room of loudspeakers out.",
    )
    parser.set_defaults(debug=False)
    parser.add_argument("--version", action="version", version=f"stemfield {version('stemfield')}")
    for add in (_playing, _files, _measuring, _layouts, _models, add_training, _machine, _service, _network):
        add(parser)
    add_device(parser)
    add_source(parser)
    return parser


def _playing(commands: Parser) -> None:
    made = commands.command("serve", "run the daemon", "serve.serve")
    made.add("--config", "FILE", "YAML configuration; see docs/config.md")
    made.choice("--role", ("both", "separation", "renderer"), "role of this machine, of two that share the work")
    made.add("--layout", "L", LAYOUT)
    made.choice("--driver", ("jack", "clock"), DRIVER)
    made.add("--input", "FILE", "play this file in a loop; `demo` is the shipped song")
    made.add("--model", "M", MODEL)
    text = "send every change to another renderer, such as s3a:192.168.1.7 or adm:192.168.1.7:4001"
    made.repeated("--mirror", "DIALECT:HOST[:PORT]", text, type=mirror)
    text = "number of further objects, each with an input port, input1 to inputN"
    made.add("--objects", "N", text, type=count(0, 123), default=0)
    made.flag("--binaural", "also play for headphones: ports monitor_left, monitor_right")
    made.add("--hrtf", "FILE.sofa", HRTF)

    made = commands.command("demo", "play the demo song at once, without a configuration", "demo.demo")
    made.add("--layout", "L", "name or YAML file; default: what the sound card can play")
    made.choice("--driver", ("jack", "clock"), DRIVER)
    made.flag("--network", "allow phones in the local network, with a secret token")
    made.add("--interface", "NAME", "the same, on this network interface")
    made.flag("--open", "open the page in a browser")


def _files(commands: Parser) -> None:
    made = commands.command("upmix", "render a recording for a room, into one file", "upmix.upmix")
    made.add("source", "IN", MUSIC)
    made.add("target", "OUT", OUTPUT, nargs="?")
    made.add("--adm", "OUT.adm.wav", "write the objects with their positions, for other programs")
    made.add("--layout", "L", LAYOUT)
    made.add("--scene", "FILE", SCENE)
    made.add("--recording", "NAME|FILE", "control recorded by the daemon (/recorder/record)")
    _add_output(made)
    _add_model(made)

    made = commands.command("separate", "write the stems of a recording into a folder", "stems.separate")
    made.add("source", "IN", MUSIC)
    made.add("folder", "OUTDIR", "folder to write to; created if missing")
    _add_threshold(made)
    _add_model(made)

    made = commands.command("remix", "re-balance the instruments of a recording", "stems.remix")
    made.add("source", "IN", MUSIC)
    made.add("target", "OUT", "file to write: WAV or FLAC, stereo")
    _add_threshold(made)
    made.repeated("--gain", "NAME=DB", "gain of a stem, such as vocals=-6", type=gain)
    _add_model(made)

    text = "process many recordings as a plan says, in many processes"
    made = commands.command("batch", text, "batch.batch", json=True)
    made.add("plan", "PLAN.yaml", "recordings, jobs and an output folder; see docs/batch.md")
    made.add("--workers", "N", "number of processes; default: one per core, with 2 GB each", type=count(1, 1024))
    made.add("--scheduler", "ADDRESS", "use a running Dask cluster, such as tcp://10.0.0.5:8786")
    text = "retries of a recording whose process died; default 3; an external scheduler has its own setting"
    made.add("--retries", "N", text, type=count(0, 100), default=3)
    text = "timeout for a scheduler and its first worker, in seconds; default 10"
    made.add("--timeout", "S", text, type=number(0.1, 3600.0), default=10.0)

    made = commands.command("render", "render objects of another program, or of --adm, for a room", "render.render")
    made.add("source", "FILE.adm.wav", "BW64 or WAV with the Audio Definition Model (BS.2076)")
    made.add_argument("--output", "-o", metavar="OUT", required=True, help=OUTPUT)
    made.add("--layout", "L", LAYOUT)
    made.add("--programme", "P", "name or ID of an audioProgramme; default: the first")
    _add_output(made)

    text = "record what a running daemon plays, as objects for other programs"
    made = commands.command("record", text, "record.record")
    made.add("target", "OUT.adm.wav", "file to write")
    made.add("--seconds", "S", "duration; default: until interrupted (Ctrl-C)", type=number(0.1, 86400.0))
    made.add("--config", "FILE", "YAML configuration of the daemon; default: the user's")
    made.add("--port", "P", "OSC port of the daemon; default: as configured", type=port)
    made.add("--layout", "L", "layout of the loudspeakers that scenes name; default: as configured")


def _measuring(commands: Parser) -> None:
    made = commands.command("evaluate", "measure models on songs with true stems", "evaluate.evaluate", json=True)
    made.add("folder", "DIR", "songs as in MUSDB18-HQ or SiSEC, or a stems.yaml")
    made.repeated("--model", "M", "name, preset or card")
    made.choice("--rule", ("soft", "surrey"), "default: both")
    _add_threshold(made)
    made.add("--seconds", "S", "use only the beginning of each song", type=number(1.0, 86400.0))
    made.add("--layout", "L", "also measure what the loudspeakers of this layout play")
    made.add("--scene", "FILE", f"scene for --layout: {SCENE}")
    made.flag("--no-baselines", "measure the models only", dest="baselines", action="store_false")
    made.flag("--routing", "also measure which estimates the power of each true stem goes to, by register")
    made.add("--plot", "F.png", "draw a chart, with --routing also F-routing.png (needs matplotlib)")
    made.add("--report", "F.md", "write all tables in Markdown")

    made = commands.command("gains", "print the loudspeaker gains of positions", "layouts.gains", json=True)
    made.add("--layout", "L", LAYOUT, required=True)
    text = "table with the columns azimuth_deg, elevation_deg, distance_m, and optionally width_deg, height_deg"
    made.add("--from", "F.csv", text, required=True, dest="positions")


def _layouts(commands: Parser) -> None:
    branch = commands.command("layouts", "loudspeaker layouts")
    branch.command("list", "list all layouts by name", "layouts.layouts_list", json=True)
    made = branch.command("show", "print the loudspeakers of a layout", "layouts.layouts_show", json=True)
    made.add("layout", "L", "name or file")
    made = branch.command("check", "review layouts as an expert would", "layouts.layouts_check", json=True)
    made.add("names", "L", "names or files", nargs="+")
    made = branch.command("plot", "draw a layout, its regions and its errors", "layouts.layouts_plot")
    made.add("layout", "L", "name or file")
    made.add("target", "OUT", "file to write: .svg, or .png with the extra stemfield[plot]")
    made = branch.command("convert", "convert a layout of another renderer", "layouts.layouts_convert", json=True)
    made.add("source", "IN", "file of EAR (YAML), VISR, SpatGRIS (XML), IEM (JSON) or SSR (.asd)")
    made.add("target", "OUT.yaml", "file to write")
    text = "start a layout of your own with a copy of another"
    made = branch.command("copy", text, "layouts.layouts_copy", json=True)
    made.add("layout", "L", "name or file, such as 22.2")
    made.add("target", "OUT.yaml", "file to write; its name becomes the name of the layout")


def _models(commands: Parser) -> None:
    branch = commands.command("models", "separation models")
    branch.command("list", "list all models by name", "models.models_list", json=True)
    made = branch.command("check", "look for problems in models", "models.models_check", json=True)
    made.add("names", "M", "names, presets or cards", nargs="+")
    made = branch.command("bench", "time models on this machine", "models.models_bench", json=True)
    made.add("names", "M", "names, presets or cards", nargs="+")
    made.add("--sample-rate", "HZ", "default 48000", type=count(1, 1_000_000), default=48000)
    made = branch.command("import", "copy a model into the user's folder, with a card", "models.models_import")
    made.add("files", "FILE", "a model's folder or card, or the ONNX files of a family", nargs="+")
    made.add("--family", "F", "openunmix, spleeter, mdx, htdemucs or wave")
    made.add("--n-fft", "N", "length of the transform (mdx)", type=count(1, 1 << 24))
    made.add("--compensate", "X", "level (mdx); default 1", type=number(0.01, 4.0), default=1.0)
    _add_card(made)
    made = branch.command("join", "combine models of one instrument each into one model", "models.models_join")
    made.add("names", "M", "names or cards; the first source of each is used", nargs="+")
    made.add("--name", "NAME", "name of the new model", required=True)
    made.add("--rest", "NAME", "name of a stem for what none of them claims")
    made.add("--title", "TEXT", "title of one line")
    _add_place(made)
    text = "convert checkpoints of Open-Unmix to a model"
    made = branch.command("export-openunmix", text, "models.models_export_openunmix")
    made.add("files", "FILE.pth", "one per source", nargs="+")
    made.set_defaults(n_fft=None, compensate=1.0)
    _add_card(made)


def _machine(commands: Parser) -> None:
    made = commands.command("check", "look for problems in a configuration", "check.check", json=True)
    made.add("config", "CONFIG", "YAML configuration")

    made = commands.command("doctor", "find out why there is no sound", "doctor.doctor", json=True)
    made.add("--config", "FILE", "YAML configuration; default: the one that serve would use")
    made.add("--report", "FILE", "also write a text report; - is the standard output", nargs="?", const="")
    text = "duration of watching xruns and the server's clock, in seconds; default 2"
    made.add("--watch", "S", text, type=number(0.5, 3600.0), default=2.0)

    made = commands.command("init", "write a first configuration", "init.init")
    made.add("--config", "FILE", "file to write; default: ~/.config/stemfield/config.yaml")
    made.flag("--yes", "ask nothing: use the suggestions, except where an option is given")
    made.flag("--replace", "overwrite an existing file")
    made.add("--layout", "L", LAYOUT)
    made.add("--input", "I", "source of the music: jack, capture, or a music file")
    made.add("--model", "M", MODEL)
    made.add("--server", "NAME", "name of the JACK server")
    made.switch("--connect-outputs", "connect the loudspeakers to the playback ports, by channel name or in order")
    made.switch("--bass", "the subwoofer plays the bass of the other loudspeakers")
    made.switch("--headphones", "also play for headphones")
    made.switch("--network", "allow other machines")
    made.add("--interface", "NAME", "network interface for --network")
    made.repeated("--allow", "NET", "network that may change things, such as 192.168.1.0/24")
    made.add("--token", "WORD", "token that pages need, `none` for none; default: a random one")
    made.switch("--device", "make it a sound device of this desktop, started with the session (PipeWire)")
    made.flag("--connect", "also find out by ear which loudspeaker is on which port")

    text = "find out by ear which loudspeaker is on which port, and write that into the configuration"
    made = commands.command("connect", text, "connect.connect")
    made.add("--config", "FILE", "file to change; default: the user's configuration")
    made.repeated("--port", "PORT", "port to play; default: all playback ports of the sound card")
    made.repeated("--speaker", "LABEL=PORT", "write this without playing", type=pair_of_ports)
    made.flag("--yes", "write the result without asking")

    made = commands.command("completion", "print the completion script of a shell", "completion.completion")
    made.add_argument("shell", choices=("bash", "zsh", "fish"), help="name of the shell")


def _service(commands: Parser) -> None:
    branch = commands.command("service", "the daemon as a service of systemd")
    made = branch.command("install", "install the units, after showing what that changes", "service.install")
    _add_scope(made)
    text = "sound server, none if it is started otherwise; default: what is installed"
    made.choice("--server", ("jackd", "pipewire", "none"), text)
    made.add("--program", "FILE", "absolute path of the stemfield that the service runs; default: this one")
    _add_caution(made)
    made.flag("--no-start", "only install the files", dest="start", action="store_false")
    made = branch.command("uninstall", "remove the units; configuration and scenes stay", "service.uninstall")
    _add_scope(made)
    _add_caution(made)
    text = "show whether the service runs, and why it ended last time"
    _add_scope(branch.command("status", text, "service.status", json=True))


def _network(commands: Parser) -> None:
    made = commands.command("browse", "find daemons on the network", "network.browse", json=True)
    made.add("--timeout", "S", "seconds, default 2", type=number(0.1, 60.0), default=2.0)

    made = commands.command("send", "send one OSC message to a daemon", "network.send", json=True)
    made.add("address", "ADDRESS", "such as /object/vocals/aed; see docs/osc.md", type=address)
    made.add("values", "VALUE", "numbers, true, false or words; without any it is a query", nargs="*")
    made.add("--host", "H", "default 127.0.0.1", default="127.0.0.1")
    made.add("--port", "P", "default 4001", type=port, default=4001)
    made.add("--daemon", "NAME", "name of a daemon, as browse shows it, instead of host and port")


def _add_output(made: Parser) -> None:
    made.flag("--binaural", "stereo for headphones instead, for any layout")
    made.add("--hrtf", "FILE.sofa", HRTF)
    text = "keep peaks above full scale, and above a loudspeaker's max_level_db"
    made.flag("--no-limit", text, dest="limit", action="store_false")


def _add_model(made: Parser) -> None:
    made.add("--model", "M", f"{MODEL}; default: files, which hears what follows")
    made.flag("--live", "separate as the daemon does, with the configured model")
    made.choice("--rule", ("soft", "surrey"), "how stems share a frequency bin; default: as configured")


def _add_threshold(made: Parser) -> None:
    text = "minimum share of a frequency bin, 0..1, default 0"
    made.add("--threshold", "T", text, type=number(0.0, 1.0), default=0.0)


def _add_card(made: Parser) -> None:
    made.add("--name", "NAME", "name of the model; default: the name of the first file")
    made.repeated("--source", "NAME", "name of an output, in the order of the model")
    made.add("--rest", "NAME", "name of a stem for the rest of the mixture")
    made.repeated("--stem", "NAME=STEM", "instrument of the room that a source belongs to", type=pair)
    made.add("--samples", "N", "length of a chunk, if the file leaves it open", type=count(1, 1 << 30))
    made.add("--licence", "TEXT", "licence of the weights")
    made.repeated("--attribution", "TEXT", "author to be named")
    made.add("--trained-on", "TEXT", "training data")
    made.add("--title", "TEXT", "title of one line")
    _add_place(made)


def _add_place(made: Parser) -> None:
    made.add("--into", "DIR", "folder of models; default: the first of model_folders")
    made.flag("--replace", "overwrite a model of this name")


def _add_scope(made: Parser) -> None:
    scope = made.add_mutually_exclusive_group()
    text = "service of the user who is logged in; default, except for root"
    scope.add_argument("--user", dest="scope", action="store_const", const="user", help=text)
    text = "service of the machine: starts at boot, needs root"
    scope.add_argument("--system", dest="scope", action="store_const", const="system", help=text)


def _add_caution(made: Parser) -> None:
    made.add("--root", "DIR", "root folder of another machine, with --system", default="/")
    made.flag("--yes", "do not ask")
