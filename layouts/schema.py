"""Strict pydantic models of YAML files, and their errors in words: `key.path: expected ..., got ...`."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stemfield.layouts.problems import UserError, did_you_mean, shown

HIDDEN = "(hidden)"
_WORDS = {
    "bool": "true or false",
    "dict": "a block of keys",
    "float": "a number",
    "int": "a whole number",
    "ip": "a network such as 192.168.1.0/24",
    "list": "a list",
    "model": "a block of keys",
    "path": "a path",
    "string": "a string",
    "tuple": "a list",
}
_LENGTHS = ("string_too_short", "string_too_long", "too_short", "too_long")


class Strict(BaseModel):
    """A block of keys in which nothing is converted and nothing ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def problems_in(model: type[BaseModel], error: ValidationError) -> list[str]:
    """All problems of a validation, in words.

    A validator of a field raises ValueError with `expected ...`, to which the value is added, or UserError with the
    full text; one of the whole model raises ValueError with one problem per line.
    """
    # a list without a valid entry counts as empty, which says nothing new
    news = [each for each in error.errors(include_url=False) if not (each["type"] == "too_short" and each["input"])]
    return [line for each in news for line in _text(model, each).splitlines()]


def _text(model: type[BaseModel], error: ErrorDetails) -> str:
    location = error["loc"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    owner, declared, limits = _declared(model, location)
    field = owner.model_fields.get(str(location[-1])) if location else None
    hint = ""
    match error["type"]:
        case "extra_forbidden":
            known = [info.alias or name for name, info in owner.model_fields.items()]
            return f"{path}: unknown key{did_you_mean(str(location[-1]), known)}"
        case "missing":
            return f"{path}: missing"
        case "value_error":
            cause = error["ctx"]["error"]
            if not path:
                return str(cause)
            if isinstance(cause, UserError):
                return f"{path}: {cause}"
            expected = str(cause)
        case "literal_error":
            choices = [str(choice) for choice in get_args(declared)]
            several = "one of " if len(choices) > 1 else ""
            expected, hint = f"expected {several}{', '.join(choices)}", did_you_mean(str(error["input"]), choices)
        case "multiple_of":
            expected = f"expected a multiple of {error['ctx']['multiple_of']}"
        case kind if "ge" in limits:
            highest = f" to {limits['le']:g}" if "le" in limits else ""
            expected = f"expected {_WORDS['int' if declared is int else 'float']} from {limits['ge']:g}{highest}"
        case kind if kind in _LENGTHS:
            unit = "characters" if kind.startswith("string") else "entries"
            least, most = limits.get("min_length", 0), limits.get("max_length")
            expected = f"expected {least} {f'to {most}' if most else 'or more'} {unit}"
        case kind:
            expected = f"expected {_WORDS.get(kind.partition('_')[0], error['msg'])}"
    value = HIDDEN if field is not None and not field.repr else without_secrets(error["input"])
    return f"{path}: {expected}, got {value}{hint}"


def without_secrets(value: object) -> str:
    """A value as quoted in a message that may end up in a log or a report."""
    return HIDDEN if "token" in str(value) else shown(value)


def _declared(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[type[BaseModel], Any, dict[str, Any]]:
    """The innermost model around a problem, and the type and limits declared at its place."""
    declared: Any = model
    limits: dict[str, Any] = {}
    for part in location:
        alternatives = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
        if get_origin(declared) is dict:
            declared, limits = get_args(declared)[1], {}
        elif isinstance(part, str):
            inner = next((t for t in alternatives if isinstance(t, type) and issubclass(t, BaseModel)), None)
            if inner is None:
                break
            model = inner
            if part not in model.model_fields:
                break
            field = model.model_fields[part]
            declared, limits = field.annotation, _limits(field.metadata)
        else:
            items = get_args(next(t for t in alternatives if get_origin(t) in (list, tuple)))
            declared, limits = items[0 if items[-1] is Ellipsis or len(items) == 1 else part], {}
            if get_origin(declared) is Annotated:
                declared, *metadata = get_args(declared)
                limits = _limits([entry for info in metadata if isinstance(info, FieldInfo) for entry in info.metadata])
    return model, declared, limits


def _limits(metadata: Sequence[Any]) -> dict[str, Any]:
    names = ("ge", "le", "min_length", "max_length")
    return {name: getattr(entry, name) for entry in metadata for name in names if hasattr(entry, name)}
