"""`stemfield models`: list, check, import, join and time separation models."""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemfield.control.cli.check import problems_of
from stemfield.control.cli.import_errors import in_terms_of_options
from stemfield.control.cli.printing import print_entries, print_results, print_table
from stemfield.control.command_errors import CommandError, write_errors
from stemfield.control.config.configuration import Config
from stemfield.control.offline.inputs import model_card, user_config
from stemfield.layouts.problems import did_you_mean
from stemfield.layouts.strict_yaml import dump_yaml
from stemfield.renderer.scene.scene import STEMS
from stemfield.separation.cards.card import CARD, ModelCard, available_models, load_card
from stemfield.separation.importing.families import Details, card_data
from stemfield.separation.importing.join import joined_card
from stemfield.separation.streaming.latency import live_latency_frames
from stemfield.separation.streaming.speed import realtime_factor
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.worker.worker import MAX_REALTIME_FACTOR


def models_list(options: argparse.Namespace) -> int:
    """List all models by name; broken ones with their problems."""
    entries = available_models(user_config().model_folders)
    print_entries(entries, "presets", "see: stemfield models check", as_json=options.json)
    return 0


def models_check(options: argparse.Namespace) -> int:
    """Look for problems in models: their cards, their files and their graphs."""
    config = user_config()
    warnings: list[str] = []

    def trial(name: str) -> None:
        card = model_card(name, config)
        warnings.extend(_unplaced(card))
        realtime_factor(Separator(card, card.sample_rate.nominal_hz))  # some shapes show only when a graph runs

    checked = [(name, problems_of(trial, name)) for name in options.names]
    for line in warnings:
        print(f"stemfield: warning: {line}", file=sys.stderr)
    return print_results(checked, as_json=options.json)


def models_import(options: argparse.Namespace) -> int:
    """Copy a model into the user's folder, with a card."""
    sources = [Path(name) for name in options.files]
    missing = [path for path in sources if not path.exists()]
    if missing:
        raise CommandError([f"{path}: no such file" for path in missing])
    with tempfile.TemporaryDirectory(prefix="stemfield-") as scratch:
        if options.family:
            data, paths = _of_family(sources, options), {path.name: path for path in sources}
            _install(_with_files(Path(scratch), data, paths), options, paths, data)
        else:
            folder, paths = _with_card(sources, Path(scratch))
            _install(folder, options, paths)
    return 0


def models_join(options: argparse.Namespace) -> int:
    """Combine models of one instrument each into one model."""
    folders = user_config().model_folders
    with tempfile.TemporaryDirectory(prefix="stemfield-") as scratch:
        cards = [load_card(name, folders) for name in options.names]
        title = options.title or f"{options.name}, one network an instrument"
        data = joined_card(cards, options.name, title, options.rest)
        paths = {file["path"]: card.graph for card, file in zip(cards, data["files"], strict=True)}
        _install(_with_files(Path(scratch), data, paths), options, paths)
    return 0


def _install(
    folder: Path, options: argparse.Namespace, paths: Mapping[str, Path], made: Mapping[str, Any] | None = None
) -> None:
    """Test the copy of a model and copy it into the user's folder; `paths` and `made` as in `in_terms_of_options`."""
    config = user_config()
    target = Path(options.into) if options.into else config.model_folders[0]
    with in_terms_of_options(folder, paths, made):
        card = load_card(str(folder))
        realtime_factor(Separator(card, card.sample_rate.nominal_hz, config.separation.providers))
        place = target / card.name
        if place.exists() and not options.replace:
            raise CommandError([f"{place}: exists already; to overwrite it pass --replace"])
        with write_errors(place):
            target.mkdir(parents=True, exist_ok=True)
            if place.exists():
                shutil.rmtree(place)
            shutil.copytree(folder, place)
    print(f"{place}: {card.title}: {', '.join(card.names)}")
    for line in _unplaced(card):
        print(f"stemfield: warning: {line}", file=sys.stderr)


def _unplaced(card: ModelCard) -> list[str]:
    """Warnings about the stems of a model that are not an instrument of the room."""
    lines = []
    for name in card.names:
        stem = card.instrument_of(name)
        if stem not in STEMS:
            expected = f"expected {', '.join(STEMS)}, got {stem!r}{did_you_mean(stem, STEMS)}"
            hint = f"set it with --stem {name}=vocals, for instance, or `stems` in the card"
            lines.append(f"{card.name}: no instrument of the room for source {name!r}: {expected}; {hint}")
    return lines


def _with_card(sources: Sequence[Path], scratch: Path) -> tuple[Path, dict[str, Path]]:
    """A copy of a model given by its folder or card, and the paths of its files by name."""
    if len(sources) != 1 or sources[0].suffix == ".onnx":
        raise CommandError(["an ONNX file without a card needs --family, which tells how its tensors are used"])
    (given,) = sources
    origin = given if given.is_dir() else given.parent
    card = load_card(str(origin / CARD if given.is_dir() else given))
    folder = scratch / card.name
    folder.mkdir()
    paths = {path.name: path for path in (*card.graphs, origin / CARD)}
    for name, path in paths.items():
        shutil.copy(path, folder / name)
    return folder, paths


def _of_family(sources: Sequence[Path], options: argparse.Namespace) -> Mapping[str, Any]:
    details = Details(
        options.name or sources[0].stem.lower(),
        tuple(options.source),
        options.rest,
        dict(options.stem),
        options.n_fft,
        options.compensate,
        options.samples,
        options.licence or "",
        options.title or "",
        tuple(options.attribution),
        options.trained_on or "not known",
    )
    return card_data(options.family, sources, details)


def _with_files(scratch: Path, data: Mapping[str, Any], paths: Mapping[str, Path]) -> Path:
    """A new folder with a card and copies of its files."""
    folder = scratch / str(data["name"])
    try:
        folder.mkdir()
    except OSError as error:
        expected = "1 to 64 of the characters a-z, 0-9, _ and -"
        raise CommandError([f"--name: expected {expected}, got {data['name']!r}"]) from error
    for name, path in paths.items():
        shutil.copy(path, folder / name)
    (folder / CARD).write_text(dump_yaml(dict(data), width=80), encoding="utf-8")
    return folder


def models_export_openunmix(options: argparse.Namespace) -> int:
    """Convert checkpoints of Open-Unmix to a model."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "onnx")):
        raise CommandError(["reading checkpoints needs torch and onnx: pip install 'stemfield[train]'"])
    from stemfield.separation.importing.export_openunmix import read_checkpoint, save_graph

    with tempfile.TemporaryDirectory(prefix="stemfield-") as scratch:
        graphs = []
        for name in options.files:
            path = Path(name)
            # such as vocals-b62c91ce.pth
            target = path.stem.partition("-")[0]
            graphs.append(Path(scratch) / f"{target}.onnx")
            try:
                save_graph(read_checkpoint(path), graphs[-1])
            except FileNotFoundError as error:
                raise CommandError([f"{path}: no such file"]) from error
        options.files = [str(path) for path in graphs]
        options.source = options.source or [path.stem for path in graphs]
        options.family, options.name = "openunmix", options.name or "openunmix"
        return models_import(options)


def models_bench(options: argparse.Namespace) -> int:
    """Time models on this machine."""
    config = user_config()
    rows: list[dict[str, Any]] = []
    problems = []
    for name in options.names:
        problems += problems_of(lambda name=name: rows.append(_timed(name, options.sample_rate, config)))
    if options.json:
        print(json.dumps(rows))
    elif rows:
        table = [("model", "domain", "compute", "live", "latency", "live latency", "loading", "memory")]
        table += [
            (
                row["name"],
                row["domain"],
                f"{row['compute_share']:.3f} s/s",
                "yes" if row["live"] else "too slow",
                f"{row['latency_ms']:.0f} ms",
                f"{row['live_latency_ms']:.0f} ms",
                f"{row['load_s']:.2f} s",
                f"{row['memory_mib']:.0f} MiB",
            )
            for row in rows
        ]
        print_table(table)
    if problems:
        raise CommandError(problems)
    return 0


def _timed(name: str, rate_hz: int, config: Config) -> dict[str, Any]:
    card = model_card(name, config)
    before_kib, began_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    separator = Separator(card, rate_hz, config.separation.providers)
    load_s = time.perf_counter() - began_s
    share = realtime_factor(separator)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    return {
        "name": card.name,
        "domain": card.domain,
        "compute_share": share,
        "live": share <= MAX_REALTIME_FACTOR,
        "latency_ms": 1e3 * separator.latency_frames / rate_hz,
        "live_latency_ms": 1e3 * live_latency_frames(card, rate_hz) / rate_hz,
        "load_s": load_s,
        "memory_mib": grown_kib / 1024,
    }
