"""Commands of the command line that are not about sound files: the daemon, layouts, models, gains, the network."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemfield.control.cli_error import BAD_INPUT, FAILED, CliError
from stemfield.control.config import Config, load_config
from stemfield.control.config_errors import ConfigError
from stemfield.layouts import Layout, LayoutError, available_layouts, load_layout
from stemfield.renderer.drivers.audiofile import AudioFileError, AudioReader
from stemfield.separation.card import CardError, ModelCard, available_models, load_card

DEMO = "demo"


@contextmanager
def refusals() -> Iterator[None]:
    """Turns every refusal of an input into lines for the user."""
    try:
        yield
    except (LayoutError, CardError, ConfigError) as error:
        raise CliError([f"{error.source}: {problem}" for problem in error.problems]) from error
    except AudioFileError as error:
        raise CliError([str(error)]) from error


def layout_of(name: str, config: Config) -> Layout:
    """The layout of this name or file, in the configured folders."""
    with refusals():
        return load_layout(name, config.layout_folders)


def card_of(name: str | None, config: Config, *, for_a_room: bool = False) -> ModelCard:
    """The model of this name or card, in the configured folders; None is the configured one.

    For a room, its instruments must be those of the scene.
    """
    from stemfield.control.daemon import DEFAULT_MODEL, usable_card

    wanted = name or config.model or DEFAULT_MODEL
    with refusals():
        return usable_card(wanted, config) if for_a_room else load_card(wanted, config.model_folders)


def user_config() -> Config:
    """The configuration that the daemon would take without being told one."""
    with refusals():
        return load_config(None)


def serve(options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop."""
    with refusals():
        config = load_config(Path(options.config) if options.config else None)
    changes = {key: getattr(options, key) for key in ("layout", "driver", "model") if getattr(options, key)}
    with tempfile.TemporaryDirectory(prefix="stemfield-") as folder:
        if options.input == DEMO:
            from stemfield.control.demo import demo_mixture_file

            changes["input"] = demo_mixture_file(Path(folder))
        elif options.input:
            changes["input"] = Path(options.input)
        config = config.model_copy(update=changes)
        # a model that cannot be used is no reason not to play: the daemon logs it
        if problems := _room_problems(config):
            raise CliError(problems)
        from stemfield.control.daemon import run

        try:
            with refusals():
                return run(config)
        except OSError as error:
            raise CliError([error.strerror or str(error)], FAILED) from error


def _room_problems(config: Config) -> list[str]:
    problems = _found(layout_of, config.layout, config)
    if config.input is not None:
        problems += _found(_music_of, config.input)
    return problems


def _music_of(path: Path) -> None:
    with refusals():
        AudioReader(path).close()


def check(options: argparse.Namespace) -> int:
    """Look for problems in a configuration, and in what it names."""
    problems: list[str] = []
    try:
        config = load_config(Path(options.config))
    except ConfigError as error:
        problems += [f"{error.source}: {problem}" for problem in error.problems]
    else:
        problems += _room_problems(config)
        problems += _found(lambda: card_of(None, config, for_a_room=True))
    return _verdicts([(options.config, problems)], as_json=options.json)


def gains(options: argparse.Namespace) -> int:
    """Print the gains of positions: JSON, or a table where a person looks on."""
    from stemfield.control.positions import PositionsError, read_positions
    from stemfield.renderer.panning import Panner

    layout = layout_of(options.layout, user_config())
    name = options.positions
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
        positions = read_positions(text.splitlines())
    except PositionsError as error:
        raise CliError([f"{name}: {problem}" for problem in error.problems]) from error
    except UnicodeDecodeError as error:
        raise CliError([f"{name}: not a text in UTF-8"]) from error
    except OSError as error:
        raise CliError([f"{name}: {error.strerror}"]) from error
    rows = Panner(layout).gains(positions).tolist()
    if options.json or not sys.stdout.isatty():
        _print_json({"labels": list(layout.labels), "gains": rows})
    else:
        for row in rows:
            print("  ".join(f"{label} {gain:.4f}" for label, gain in zip(layout.labels, row, strict=True) if gain))
    return 0


def layouts_list(options: argparse.Namespace) -> int:
    """List the layouts that have a name; broken ones with their problems."""
    folders = user_config().layout_folders
    entries = available_layouts(folders)
    if options.json:
        _print_json(
            [
                {"name": e.name, "aliases": list(e.aliases), "title": e.title, "path": str(e.path), **_problems(e)}
                for e in entries
            ]
        )
        return 0
    rows = [
        (e.name, ", ".join(e.aliases), e.title or f"has problems: stemfield layouts check {e.path}") for e in entries
    ]
    _print_table(rows)
    return 0


def layouts_show(options: argparse.Namespace) -> int:
    """Print the loudspeakers of a layout, in the order of ports and gains."""
    layout = layout_of(options.layout, user_config())
    if options.json:
        keys = ("label", "channel", "azimuth_deg", "elevation_deg", "radius_m", "lfe")
        speakers = [{key: getattr(speaker, key) for key in keys} for speaker in layout.speakers]
        _print_json({"name": layout.name, "title": layout.title, "speakers": speakers})
        return 0
    rows = [("channel", "label", "azimuth", "elevation", "radius", "")]
    rows += [
        (str(s.channel), s.label, f"{s.azimuth_deg:g}°", f"{s.elevation_deg:g}°", f"{s.radius_m:g} m", "LFE" * s.lfe)
        for s in layout.speakers
    ]
    print(layout.title)
    _print_table(rows)
    return 0


def layouts_check(options: argparse.Namespace) -> int:
    """Look for problems in layouts."""
    config = user_config()
    return _verdicts([(n, _found(layout_of, n, config)) for n in options.names], as_json=options.json)


def models_list(options: argparse.Namespace) -> int:
    """List the models that have a name; broken ones with their problems."""
    entries = available_models(user_config().model_folders)
    if options.json:
        _print_json([{"name": e.name, "title": e.title, "path": str(e.path), **_problems(e)} for e in entries])
        return 0
    _print_table([(e.name, e.title or f"see: stemfield models check {e.path}") for e in entries])
    return 0


def models_check(options: argparse.Namespace) -> int:
    """Look for problems in models: their cards, their files and their graphs."""
    from stemfield.separation.streaming import Separator

    config = user_config()

    def trial(name: str) -> None:
        card = card_of(name, config)
        with refusals():
            Separator(card, card.sample_rate.nominal_hz)

    return _verdicts([(n, _found(trial, n)) for n in options.names], as_json=options.json)


def browse(options: argparse.Namespace) -> int:
    """Find daemons on the network."""
    from stemfield.control.network.discovery import browse as listen

    try:
        found = listen(options.timeout)
    except OSError as error:
        raise CliError([f"no network to listen on: {error.strerror or error}"], FAILED) from error
    if options.json:
        keys = ("name", "host", "port", "layout", "objects", "version")
        _print_json([{key: getattr(daemon, key) for key in keys} for daemon in found])
    elif found:
        _print_table([(d.name, f"osc.udp://{d.host}:{d.port}", d.layout, f"{d.objects} objects") for d in found])
    else:
        print(f"no daemon answered within {options.timeout:g} s", file=sys.stderr)
    return 0


def _found(trial: Callable[..., object], *inputs: object) -> list[str]:
    try:
        trial(*inputs)
    except CliError as error:
        return list(error.lines)
    return []


def _verdicts(checked: Sequence[tuple[str, list[str]]], *, as_json: bool) -> int:
    """Print what was found, all of it; bad input if it was anything."""
    if as_json:
        _print_json([{"name": name, "ok": not problems, "problems": problems} for name, problems in checked])
    else:
        for name, problems in checked:
            if not problems:
                print(f"{name}: ok")
    problems = [line for _, lines in checked for line in lines]
    if problems and not as_json:
        raise CliError(problems)
    return BAD_INPUT if problems else 0


def _problems(entry: Any) -> dict[str, list[str]]:
    return {"problems": list(entry.problems)} if entry.problems else {}


def _print_json(data: object) -> None:
    print(json.dumps(data, ensure_ascii=False))


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
