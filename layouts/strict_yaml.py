"""Reads and writes YAML as plain data: bounded in size and depth, no aliases, tags or repeated keys.

Numbers are those of YAML 1.2, where `030` is thirty and `1e-06` a number. PyYAML implements 1.1, where `030` is octal,
`1:30` is ninety, `2024-05-01` a date, and `1e-06` a text. Truth values are those of 1.1, such as `yes` and `off`, for
existing files.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any, Final

import yaml

from stemfield.layouts.plain_data import MAX_DEPTH, PlainDataError, decode, read_file, unusable

_DECLARED: Final = re.compile(
    rb"""\s*<\?xml[^>]*?encoding\s*=\s*["'](iso-8859-\d\d?|windows-125\d|us-ascii)["']""", re.IGNORECASE
)
_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_KEPT: Final = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")
_WHOLE: Final = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_REAL: Final = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_BASES: Final = {"0o": 8, "0x": 16}
_FIRST: Final = "-+.0123456789"


class _Loader(yaml.SafeLoader):
    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise PlainDataError(f"{line}: YAML aliases (*name) are not allowed")
        if event.tag is not None:
            raise PlainDataError(f"{line}: YAML tags ({_spelled(event.tag)}) are not allowed")
        if self._depth == MAX_DEPTH:
            raise PlainDataError(f"{line}: nested too deeply: expected at most {MAX_DEPTH} levels")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise PlainDataError(f"line {key.start_mark.line + 1}: expected a word as key")
            if key.value in seen:
                raise PlainDataError(f"line {key.start_mark.line + 1}: the key {key.value!r} appears twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes texts that are texts in either version."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(_INT, _WHOLE, list(_FIRST))
    _class.add_implicit_resolver(_FLOAT, _REAL, list(_FIRST))


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, _BASES.get(text[:2], 10))


def _real(loader: _Loader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf") if text.endswith("inf") else text.replace(".nan", "nan"))


_Loader.add_constructor(_INT, _whole)
_Loader.add_constructor(_FLOAT, _real)


def _spelled(tag: str) -> str:
    standard = tag.removeprefix("tag:yaml.org,2002:")
    return f"{tag:.60}" if standard == tag else f"!!{standard:.60}"


def parse_yaml(text: str) -> object:
    """The plain data of one YAML document.

    Raises:
        PlainDataError: not YAML, an alias, a tag, a repeated key, deep nesting, text that cannot be encoded, or a
            huge whole number; the message names the line or the key.
    """
    loader = None
    try:
        loader = _Loader(text)
        data: object = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise PlainDataError(f"{line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise PlainDataError(str(error).splitlines()[0]) from error
    except PlainDataError:
        raise
    except (ValueError, OverflowError) as error:  # such as "\UFFFFFFFF", or a number of 5000 digits
        line = f"line {loader.line + 1}: " if loader else ""
        raise PlainDataError(f"{line}a number or an escaped character is out of range: {error}") from error
    if problems := "; ".join(unusable(data)):
        raise PlainDataError(problems)
    return data


def read_yaml(path: Path) -> object:
    """The plain data of a YAML file of at most 1 MiB.

    Raises:
        PlainDataError: unreadable, not UTF-8, too large, or refused by `parse_yaml`.
    """
    return parse_yaml(read_text(path))


def read_text(path: Path) -> str:
    """The text of a file of at most 1 MiB: UTF-8, UTF-16 with a byte-order mark, or XML in its declared encoding.

    Raises:
        PlainDataError: unreadable, in another encoding, or too large.
    """
    try:
        content = read_file(path)
        declared = _DECLARED.match(content)
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        if declared is not None:
            return content.decode(declared[1].decode())
        return decode(content)
    except LookupError as error:
        raise PlainDataError(str(error)) from error
    except UnicodeDecodeError as error:
        raise PlainDataError(f"not {error.encoding}: byte {error.start}") from error
    except OSError as error:
        raise PlainDataError(f"cannot be read: {error.strerror}") from error


def dump_yaml(data: Any, *, width: int = 200, flow: bool | None = False) -> str:
    """Plain data as YAML that both versions read alike.

    Args:
        data: mappings, lists, texts, numbers and truth values.
        width: maximum length of a line.
        flow: whether to use flow style (braces); None uses it for the innermost level.
    """
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width, default_flow_style=flow
    )
    return text
