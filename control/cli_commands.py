"""Commands of the command line about the daemon, models and the network, and what all commands share."""

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
from stemfield.layouts import Layout, LayoutError, load_layout
from stemfield.renderer.drivers.audiofile import AudioFileError, AudioReader
from stemfield.separation.card import CardError, ModelCard, ProviderError, available_models, load_card

DEMO = "demo"


@contextmanager
def refusals() -> Iterator[None]:
    """Turns every refusal of an input into lines for the user."""
    try:
        yield
    except (LayoutError, CardError, ConfigError) as error:
        raise CliError([f"{error.source}: {problem}" for problem in error.problems]) from error
    except (AudioFileError, ProviderError) as error:
        raise CliError([str(error)]) from error


def layout_of(name: str, config: Config) -> Layout:
    """The layout of this name or file, in the configured folders."""
    with refusals():
        return load_layout(name, config.layout_folders)


def usable_layout(name: str, config: Config) -> Layout:
    """The layout of this name or file, whose correction filters can be used too."""
    from stemfield.renderer.dsp.chain import design_chain
    from stemfield.renderer.dsp.fir import FirError

    layout = layout_of(name, config)
    try:
        design_chain(layout, 48_000)
    except FirError as error:
        raise CliError([f"{name}: {line}" for line in str(error).splitlines()]) from error
    return layout


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
    problems = found_problems(usable_layout, config.layout, config)
    if config.input is not None:
        problems += found_problems(_music_of, config.input)
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
        problems += found_problems(lambda: card_of(None, config, for_a_room=True))
        problems += [f"separation.providers: {problem}" for problem in found_problems(_known_providers, config)]
    return _verdicts([(options.config, problems)], as_json=options.json)


def _known_providers(config: Config) -> None:
    from stemfield.separation.graph import check_providers

    with refusals():
        check_providers(config.separation.providers)


def models_list(options: argparse.Namespace) -> int:
    """List the models that have a name; broken ones with their problems."""
    entries = available_models(user_config().model_folders)
    if options.json:
        print_json([{"name": e.name, "title": e.title, "path": str(e.path), **entry_problems(e)} for e in entries])
        return 0
    print_table([(e.name, e.title or f"see: stemfield models check {e.path}") for e in entries])
    return 0


def models_check(options: argparse.Namespace) -> int:
    """Look for problems in models: their cards, their files and their graphs."""
    from stemfield.separation.speed import compute_share
    from stemfield.separation.streaming import Separator

    config = user_config()

    def trial(name: str) -> None:
        card = card_of(name, config)
        with refusals():
            compute_share(Separator(card, card.sample_rate.nominal_hz))  # some shapes show only when a graph runs

    return _verdicts([(n, found_problems(trial, n)) for n in options.names], as_json=options.json)


def browse(options: argparse.Namespace) -> int:
    """Find daemons on the network."""
    from stemfield.control.network.discovery import browse as listen

    try:
        found = listen(options.timeout)
    except OSError as error:
        raise CliError([f"no network to listen on: {error.strerror or error}"], FAILED) from error
    if options.json:
        keys = ("name", "host", "port", "layout", "objects", "version")
        print_json([{key: getattr(daemon, key) for key in keys} for daemon in found])
    elif found:
        print_table([(d.name, f"osc.udp://{d.host}:{d.port}", d.layout, f"{d.objects} objects") for d in found])
    else:
        print(f"no daemon answered within {options.timeout:g} s", file=sys.stderr)
    return 0


def found_problems(trial: Callable[..., object], *inputs: object) -> list[str]:
    """What a trial refuses, in lines."""
    try:
        trial(*inputs)
    except CliError as error:
        return list(error.lines)
    return []


def _verdicts(checked: Sequence[tuple[str, list[str]]], *, as_json: bool) -> int:
    """Print what was found, all of it; bad input if it was anything."""
    if as_json:
        print_json([{"name": name, "ok": not problems, "problems": problems} for name, problems in checked])
    else:
        for name, problems in checked:
            if not problems:
                print(f"{name}: ok")
    problems = [line for _, lines in checked for line in lines]
    if problems and not as_json:
        raise CliError(problems)
    return BAD_INPUT if problems else 0


def entry_problems(entry: Any) -> dict[str, list[str]]:
    """Why a file in a list cannot be loaded, as JSON has it; nothing for a good one."""
    return {"problems": list(entry.problems)} if entry.problems else {}


def print_json(data: object) -> None:
    """Data for programs, on one line."""
    print(json.dumps(data, ensure_ascii=False))


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns, each as wide as its widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
