"""Finding and loading of model cards.

A model is a folder with the name of the model that contains `card.yaml` and the model's files. The user's folders are
searched first, then the shipped models. A preset is an alias of a shipped model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from stemfield.layouts.plain_data import PlainDataError
from stemfield.layouts.problems import ProblemsError, UserError, did_you_mean
from stemfield.layouts.schema import problems_in
from stemfield.layouts.strict_yaml import read_yaml
from stemfield.separation.cards.card_chunks import CHUNK_DOMAINS, ChunkCard
from stemfield.separation.cards.card_parts import sha256_of
from stemfield.separation.cards.card_schema import MaskStreamCard, ModelCard, WaveStreamCard
from stemfield.separation.cards.onnx_file import OnnxFileError, external_weights_problem
from stemfield.separation.cards.presets import PRESETS

__all__ = ["SHIPPED", "CardError", "ModelCard", "ModelEntry", "ProviderError", "available_models", "load_card"]

SHIPPED = Path(__file__).parents[1] / "models"
CARD = "card.yaml"
SCHEMAS: Mapping[str, type[ModelCard]] = {
    "mask_stream": MaskStreamCard,
    "wave_stream": WaveStreamCard,
    **dict.fromkeys(CHUNK_DOMAINS, ChunkCard),
}
"""Card schema of each domain."""


class CardError(ProblemsError):
    """Unusable model; each problem names its key, tensor or file."""


class ProviderError(UserError):
    """Execution provider that this ONNX Runtime does not have."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model in the list of available models."""

    name: str
    title: str
    """Empty if the card has problems."""
    path: Path
    """Path of the card."""
    problems: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    """Presets that select this model."""


def load_card(name_or_path: str, folders: Sequence[Path] = (), stems: Sequence[str] = ()) -> ModelCard:
    """Load a card and check its files.

    Args:
        name_or_path: a name such as `meridian`, a preset such as `studio`, or the path of a model's folder or card;
            text with a path separator or ending in `.yaml` is a path.
        folders: the user's model folders, searched before the shipped models.
        stems: instruments that every stem of the model must belong to; empty for any.

    Raises:
        CardError: unknown name, or problems in the card or its files (all of them are listed).
    """
    card = _find(name_or_path, folders)
    if stems and (problems := card.unknown_stems(stems)):
        raise CardError(name_or_path, problems[:1])
    return card


def _find(name_or_path: str, folders: Sequence[Path]) -> ModelCard:
    if name_or_path.endswith(".yaml") or os.sep in name_or_path:
        path = Path(name_or_path).expanduser()
        return _load(path / CARD if path.is_dir() else path)
    cards = {path.parent.name: path for path in reversed([*_cards(folders)])}
    name = name_or_path if name_or_path in cards else PRESETS.get(name_or_path, "")
    if name in cards:
        return _load(cards[name])
    names = sorted({*cards, *PRESETS})
    raise CardError(name_or_path, (f"unknown name: expected {', '.join(names)}{did_you_mean(name_or_path, names)}",))


def available_models(folders: Sequence[Path] = ()) -> tuple[ModelEntry, ...]:
    """All models, broken ones with their problems; those that `load_card` finds by name come first, in its order."""
    entries: dict[str, ModelEntry] = {}
    hidden = []
    for path in _cards(folders):
        try:
            card = _load(path)
            entry = ModelEntry(card.name, card.title, path)
        except CardError as error:
            entry = ModelEntry(path.parent.name, "", path, error.problems)
        if entries.setdefault(entry.name, entry) is not entry:
            hidden.append(entry)
    for preset, name in PRESETS.items():
        if name in entries and preset not in entries:
            entries[name] = replace(entries[name], presets=(*entries[name].presets, preset))
    return (*entries.values(), *hidden)


def _cards(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in (*folders, SHIPPED):
        yield from sorted(folder.glob(f"*/{CARD}"))


def _load(path: Path) -> ModelCard:
    try:
        data = read_yaml(path)
    except PlainDataError as error:
        raise CardError(str(path), (str(error),)) from error
    if not isinstance(data, Mapping):
        raise CardError(str(path), ("expected a mapping of keys to values",))
    if "domain" not in data:
        raise CardError(str(path), ("domain: missing",))
    domain = str(data["domain"])
    if domain not in SCHEMAS:
        hint = did_you_mean(domain, SCHEMAS)
        raise CardError(str(path), (f"domain: expected {', '.join(SCHEMAS)}, got {data['domain']!r}{hint}",))
    schema = SCHEMAS[domain]
    try:
        card = schema.model_validate(data).located(path.parent)
    except ValidationError as error:
        raise CardError(str(path), problems_in(schema, error)) from error
    if problems := [*_wrong_names_and_files(card)]:
        raise CardError(str(path), problems)
    return card


def _wrong_names_and_files(card: ModelCard) -> Iterator[str]:
    folder = card.folder.resolve().name
    if card.name != folder:
        yield f"name: expected {folder!r}, the folder's name, got {card.name!r}"
    for file in card.files:
        path = card.folder / file.path
        try:
            if not path.is_file():
                yield f"files: {file.path} is missing from {card.folder}"
                continue
            digest = sha256_of(path)
        except OSError as error:
            yield f"files: {file.path} cannot be read: {error.strerror}"
            continue
        if digest != file.sha256:
            yield f"files: sha256 of {file.path}: expected {file.sha256}, got {digest}"
        with suppress(OnnxFileError):  # reported when the graph is opened
            if problem := external_weights_problem(path):
                yield f"files: {problem}"
