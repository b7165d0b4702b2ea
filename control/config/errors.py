"""Problems of a configuration in words: `key.path: expected ..., got ...`."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stemfield.control.problems import RefusedError
from stemfield.layouts.problems import ProblemsError, did_you_mean, shown

_WORDS = {
    "bool": "true or false",
    "dict": "a block of keys",
    "float": "a number",
    "int": "a whole number",
    "ip": "a network such as 192.168.1.0/24",
    "model": "a block of keys",
    "path": "a path",
    "string": "a string",
    "tuple": "a list",
}
HIDDEN = "(hidden)"
_LENGTHS = ("string_too_short", "string_too_long", "too_short", "too_long")


class ConfigError(ProblemsError):
    """A configuration that cannot be used; each problem is `key.path: expected ..., got ...`."""


def problem_text(model: type[BaseModel], error: ErrorDetails) -> str:
    """One problem found by pydantic, in words.

    A validator raises ValueError with `expected ...`, to which the value is added, or RefusedError with the whole text.

    Args:
        model: model that was validated.
        error: problem.
    """
    path = ".".join(str(part) for part in error["loc"])
    owner, declared, limits = _declared(model, error["loc"])
    field = owner.model_fields.get(path.rpartition(".")[2])
    hint = ""
    match error["type"]:
        case "extra_forbidden":
            return f"{path}: unknown key{did_you_mean(str(error['loc'][-1]), owner.model_fields)}"
        case "missing":
            return f"{path}: missing"
        case "value_error":
            cause = error["ctx"]["error"]
            if isinstance(cause, RefusedError):
                return f"{path}: {cause}"
            expected = str(cause)
        case "literal_error":
            choices = [str(choice) for choice in get_args(declared)]
            expected, hint = f"expected one of {', '.join(choices)}", did_you_mean(str(error["input"]), choices)
        case kind if "ge" in limits:
            words = _WORDS["int" if declared is int else "float"]
            expected = f"expected {words} from {limits['ge']:g} to {limits['le']:g}"
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


def _declared(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[type[BaseModel], Any, dict[str, Any]]:
    """The innermost model around a problem, and the type and limits declared at its place."""
    declared: Any = model
    limits: dict[str, Any] = {}
    for part in loc:
        alternatives = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
        if get_origin(declared) is dict:
            declared, limits = get_args(declared)[1], {}
        elif isinstance(part, str):
            model = next(t for t in alternatives if isinstance(t, type) and issubclass(t, BaseModel))
            if part not in model.model_fields:
                break
            field = model.model_fields[part]
            declared, limits = field.annotation, _limits(field.metadata)
        else:
            items = get_args(next(t for t in alternatives if get_origin(t) is tuple))
            declared, limits = items[0 if items[-1] is Ellipsis else part], {}
            if get_origin(declared) is Annotated:
                declared, *metadata = get_args(declared)
                limits = _limits([entry for info in metadata if isinstance(info, FieldInfo) for entry in info.metadata])
    return model, declared, limits


def _limits(metadata: Sequence[Any]) -> dict[str, Any]:
    names = ("ge", "le", "min_length", "max_length")
    return {name: getattr(entry, name) for entry in metadata for name in names if hasattr(entry, name)}
