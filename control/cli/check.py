"""`stemfield check`: the problems of a configuration and of the files that it names."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from stemfield.control.cli.printing import print_results
from stemfield.control.config.configuration import Config, load_config
from stemfield.control.config.schema import ConfigError
from stemfield.control.offline.inputs import model_card, usable_hrtf, usable_layout
from stemfield.layouts.loader import load_layout
from stemfield.layouts.problems import UserError, did_you_mean
from stemfield.renderer.files.audiofile import AudioReader


def check(options: argparse.Namespace) -> int:
    """Look for problems in a configuration, and in what it names."""
    from stemfield.control.network.listeners import address_problems
    from stemfield.separation.runtime.providers import known_providers

    problems: list[str] = []
    try:
        config = load_config(Path(options.config))
    except ConfigError as error:
        problems += error.lines
    else:
        problems += file_problems(config)
        problems += problems_of(lambda: model_card(None, config, for_room=True))
        problems += address_problems(config.network)
        providers = problems_of(known_providers, config.separation.providers)
        problems += [f"separation.providers: {problem}" for problem in providers]
    return print_results([(options.config, problems)], as_json=options.json)


def problems_of(trial: Callable[..., object], *inputs: object) -> list[str]:
    """The problems of what a function refuses, one a line."""
    try:
        trial(*inputs)
    except UserError as error:
        return list(error.lines)
    return []


def file_problems(config: Config) -> list[str]:
    """The problems of the files that a configuration names: layout, HRTF and music."""
    problems = problems_of(usable_layout, config.layout, config)
    if not problems and config.jack.connect_speakers:
        labels = load_layout(config.layout, config.layout_folders).labels
        problems += [
            f"jack.connect_speakers.{label}: no loudspeaker of layout {config.layout}{did_you_mean(label, labels)}"
            for label in config.jack.connect_speakers
            if label not in labels
        ]
    if config.monitor.binaural:
        problems += [f"monitor.hrtf: {problem}" for problem in problems_of(usable_hrtf, config.monitor.hrtf)]
    if config.role == "renderer" and config.input is not None:
        problems.append(f"input: {config.input}: music is played on the machine that separates (role: separation)")
    elif config.input is not None:
        problems += problems_of(lambda path: AudioReader(path).close(), config.input)
    return problems
