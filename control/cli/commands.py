"""Commands of the command line about the daemon, models and the network, and what all commands share."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from stemfield.control.config.configuration import Config, load_config, parse_config
from stemfield.control.config.errors import ConfigError
from stemfield.control.config.network import MirrorConfig
from stemfield.control.problems import BAD_INPUT, FAILED, CommandError, termination_waits
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Layout, LayoutError
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.drivers.audiofile import AudioFileError, AudioReader
from stemfield.renderer.drivers.target_file import target_problem
from stemfield.separation.cards.card import CardError, ModelCard, ProviderError, available_models, load_card
from stemfield.separation.cards.presets import DEFAULT

DEMO = "demo"
NO_EARS = "--hrtf: of use only with --binaural"


@contextmanager
def refusals() -> Iterator[None]:
    """Turns every refusal of an input into lines for the user."""
    try:
        yield
    except (LayoutError, CardError, ConfigError) as error:
        raise CommandError([f"{error.source}: {problem}" for problem in error.problems]) from error
    except (AudioFileError, ProviderError) as error:
        raise CommandError([str(error)]) from error


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
        raise CommandError([f"{name}: {line}" for line in str(error).splitlines()]) from error
    return layout


def usable_hrtf(hrtf: str) -> str:
    """The same, if its head can be used."""
    from stemfield.renderer.dsp.sofa import SofaError
    from stemfield.renderer.engine.chain_builder import head_of

    try:
        head_of(hrtf, 48_000)
    except SofaError as error:
        raise CommandError([str(error)]) from error
    return hrtf


def card_of(name: str | None, config: Config, *, for_a_room: bool = False) -> ModelCard:
    """The model of this name or card, in the configured folders; None is the configured one.

    For a room, its instruments must be those of the scene.
    """
    from stemfield.control.daemon.daemon import usable_card

    wanted = name or config.model or DEFAULT
    with refusals():
        return usable_card(wanted, config) if for_a_room else load_card(wanted, config.model_folders)


def user_config() -> Config:
    """The configuration that the daemon would take without being told one."""
    with refusals():
        return load_config(None)


def serve(options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop."""
    config = _configured(options)
    with ExitStack() as stack:
        song: dict[str, Path] = {}
        if options.input == DEMO:
            from stemfield.control.offline.demo import demo_mixture_file

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stemfield-"))
            song["input"] = demo_mixture_file(Path(folder))
        elif options.input:
            song["input"] = Path(options.input)

        def usable(given: Config) -> Config:
            found = given.model_copy(update=song)
            # a model that cannot be used is no reason not to play: the daemon logs it
            if problems := room_problems(found):
                raise CommandError(problems)
            return found

        with termination_waits():
            config = usable(config)
            from stemfield.control.daemon.daemon import run

        try:
            with refusals():
                return run(config, lambda: usable(_configured(options)))
        except OSError as error:
            raise CommandError([error.strerror or str(error)], FAILED) from error


def _configured(options: argparse.Namespace) -> Config:
    """The configuration as the file and the options of `serve` want it, but for the music."""
    with refusals():
        config = load_config(Path(options.config) if options.config else None)
    changes = {key: getattr(options, key) for key in ("role", "layout", "driver", "model") if getattr(options, key)}
    if options.binaural:
        hrtf = config.monitor.hrtf if options.hrtf is None else str(Path(options.hrtf).absolute())
        changes["monitor"] = config.monitor.model_copy(update={"binaural": True, "hrtf": hrtf})
    elif options.hrtf is not None:
        raise CommandError([NO_EARS])
    if options.mirror:
        changes["mirror"] = _mirrors(options.mirror)
    with refusals():
        return config.model_copy(update=changes).with_objects(options.objects)


def _mirrors(given: Sequence[dict[str, Any]]) -> tuple[MirrorConfig, ...]:
    with refusals():
        return parse_config({"mirror": list(given)}, "--mirror").mirror


def room_problems(config: Config) -> list[str]:
    """What is wrong with the files that a configuration names: layout, head, music."""
    problems = found_problems(usable_layout, config.layout, config)
    if not problems and config.jack.connect_speakers:
        labels = layout_of(config.layout, config).labels
        problems += [
            f"jack.connect_speakers.{label}: no loudspeaker of layout {config.layout}{did_you_mean(label, labels)}"
            for label in config.jack.connect_speakers
            if label not in labels
        ]
    if config.monitor.binaural:
        problems += [f"monitor.hrtf: {problem}" for problem in found_problems(usable_hrtf, config.monitor.hrtf)]
    if config.role == "renderer" and config.input is not None:
        problems.append(f"input: {config.input}: music is played on the machine that separates (role: separation)")
    elif config.input is not None:
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
        problems += room_problems(config)
        problems += found_problems(lambda: card_of(None, config, for_a_room=True))
        problems += _address_problems(config)
        problems += [f"separation.providers: {problem}" for problem in found_problems(_known_providers, config)]
    return _verdicts([(options.config, problems)], as_json=options.json)


def _address_problems(config: Config) -> list[str]:
    from stemfield.control.network.listeners import address_problems

    return address_problems(config.network)


def _known_providers(config: Config) -> None:
    from stemfield.separation.runtime.providers import known_providers

    with refusals():
        known_providers(config.separation.providers)


def models_list(options: argparse.Namespace) -> int:
    """List the models that have a name; broken ones with their problems."""
    entries = available_models(user_config().model_folders)
    if options.json:
        keys = ("name", "presets", "title")
        print_json([{**{k: getattr(e, k) for k in keys}, "path": str(e.path), **entry_problems(e)} for e in entries])
        return 0
    titles = [e.title or f"see: stemfield models check {e.path}" for e in entries]
    print_table([(e.name, ", ".join(e.presets), title) for e, title in zip(entries, titles, strict=True)])
    return 0


def models_check(options: argparse.Namespace) -> int:
    """Look for problems in models: their cards, their files and their graphs."""
    from stemfield.control.cli.import_words import unplaced
    from stemfield.separation.streaming.speed import compute_share
    from stemfield.separation.streaming.streaming import Separator

    config = user_config()
    warnings: list[str] = []

    def trial(name: str) -> None:
        card = card_of(name, config)
        warnings.extend(unplaced(card))
        with refusals():
            compute_share(Separator(card, card.sample_rate.nominal_hz))  # some shapes show only when a graph runs

    checked = [(name, found_problems(trial, name)) for name in options.names]
    for line in warnings:
        print(f"stemfield: warning: {line}", file=sys.stderr)
    return _verdicts(checked, as_json=options.json)


def found_problems(trial: Callable[..., object], *inputs: object) -> list[str]:
    """What a trial refuses, in lines."""
    try:
        trial(*inputs)
    except CommandError as error:
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
        raise CommandError(problems)
    return BAD_INPUT if problems else 0


def entry_problems(entry: Any) -> dict[str, list[str]]:
    """Why a file in a list cannot be loaded, as JSON has it; nothing for a good one."""
    return {"problems": list(entry.problems)} if entry.problems else {}


def check_target(path: Path) -> None:
    """Refuse to write a file where none can be written.

    Raises:
        CommandError: why.
    """
    if problem := target_problem(path):
        raise CommandError([f"{path}: {problem}"])


def print_json(data: object) -> None:
    """Data for programs, on one line."""
    print(json_line(data))


def json_line(data: object) -> str:
    """JSON that can be encoded: bytes of file names that are no UTF-8 are escapes, as Python reads them."""
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns, each as wide as its widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
