"""Finding and loading model cards: strict YAML next to the files that it names.

A model is a folder, named like the model, with a `card.yaml` and the model's files. Models are found in the user's
folders first, then among the shipped ones. A preset is another name for one of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stemfield.layouts.problems import ProblemsError, UserError, did_you_mean
from stemfield.layouts.strict_yaml import StrictYamlError, read_yaml
from stemfield.separation.cards.card_chunks import CHUNK_DOMAINS, ChunkCard
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
"""The domains."""


class CardError(ProblemsError):
    """A model that cannot be used; each problem names its key, tensor or file."""


class ProviderError(UserError):
    """An execution provider that this ONNX Runtime does not have."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model that can be asked for by name."""

    name: str
    title: str
    """Empty when the card has problems."""
    path: Path
    """Of its card."""
    problems: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    """Its other names."""


def load_card(name_or_path: str, folders: Sequence[Path] = (), stems: Sequence[str] = ()) -> ModelCard:
    """The card of this name or path, with its files checked.

    Args:
        name_or_path: a name such as `first`, a preset such as `studio`, or the path of a model's folder or card:
            whatever contains a path separator or ends in `.yaml`.
        folders: the user's folders of models; they come before the shipped ones.
        stems: names of which every stem of the model must be one, if any.

    Raises:
        CardError: an unknown name, or a card or file with problems (all of them are listed).
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
    """Every model by name, broken ones with their problems; first those that `load_card` finds, in its order."""
    entries: dict[str, ModelEntry] = {}
    hidden = []
    for card in _cards(folders):
        entry = _entry(card)
        if entries.setdefault(entry.name, entry) is not entry:
            hidden.append(entry)
    for preset, name in PRESETS.items():
        if name in entries and preset not in entries:
            entries[name] = replace(entries[name], presets=(*entries[name].presets, preset))
    return (*entries.values(), *hidden)


def _cards(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in (*folders, SHIPPED):
        yield from sorted(folder.glob(f"*/{CARD}"))


def _entry(path: Path) -> ModelEntry:
    try:
        card = _load(path)
    except CardError as error:
        return ModelEntry(path.parent.name, "", path, error.problems)
    return ModelEntry(card.name, card.title, path)


def _load(path: Path) -> ModelCard:
    try:
        data = read_yaml(path)
    except StrictYamlError as error:
        raise CardError(str(path), (str(error),)) from error
    if not isinstance(data, Mapping):
        raise CardError(str(path), ("a card is a mapping of keys to values",))
    if "domain" not in data:
        raise CardError(str(path), ("domain: missing",))
    domain = str(data["domain"])
    if domain not in SCHEMAS:
        hint = did_you_mean(domain, SCHEMAS)
        raise CardError(str(path), (f"domain: {data['domain']!r} is not one of {', '.join(SCHEMAS)}{hint}",))
    schema = SCHEMAS[domain]
    try:
        card = schema.model_validate(data).located(path.parent)
    except ValidationError as error:
        problems = [problem for details in error.errors() for problem in _problems(details, schema)]
        raise CardError(str(path), tuple(problems)) from error
    problems = [*_misnamed(card), *_wrong_files(card)]
    if problems:
        raise CardError(str(path), tuple(problems))
    return card


def _misnamed(card: ModelCard) -> Iterator[str]:
    folder = card.folder.resolve().name
    if card.name != folder:
        yield f"name: {card.name!r} differs from the folder's name {folder!r}"


def _wrong_files(card: ModelCard) -> Iterator[str]:
    for file in card.files:
        path = card.folder / file.path
        try:
            if not path.is_file():
                yield f"files: {file.path} is missing from {card.folder}"
                continue
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
        except OSError as error:
            yield f"files: {file.path} cannot be read: {error.strerror}"
            continue
        if digest != file.sha256:
            yield f"files: {file.path} has sha256 {digest}, the card says {file.sha256}"
        with suppress(OnnxFileError):  # that is told when it is opened
            if refusal := external_weights_problem(path):
                yield f"files: {refusal}"


def _problems(details: ErrorDetails, schema: type[ModelCard]) -> Iterator[str]:
    """Pydantic's finding in our words: the key's path, the value, and what is allowed."""
    location = details["loc"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    match details["type"]:
        case "value_error" if path:
            yield f"{path}: {details['input']!r} {details['ctx']['error']}"
        case "value_error":  # the card's own validator lists its findings line by line
            yield from str(details["ctx"]["error"]).splitlines()
        case "missing":
            yield f"{path}: missing"
        case "extra_forbidden":
            yield f"{path}: unknown key{did_you_mean(str(location[-1]), _keys(schema, location[:-1]))}"
        case "literal_error":
            yield f"{path}: {details['input']!r} is not one of {details['ctx']['expected']}"
        case _:
            message = details["msg"]
            yield f"{path}: {details['input']!r}: {message[0].lower()}{message[1:]}"


def _keys(schema: type[ModelCard], location: Sequence[int | str]) -> list[str]:
    """The keys that a card allows at this location."""
    part: Any = schema
    for key in location:
        part = part.model_fields[key].annotation if isinstance(key, str) else get_args(part)[0]
        part = next(
            (option for option in get_args(part) if option is not NoneType and NoneType in get_args(part)), part
        )
    assert issubclass(part, BaseModel)
    return [field.alias or name for name, field in part.model_fields.items()]
