"""Reads YAML as plain data: bounded in size and depth, no aliases, tags or repeated keys; numbers as in YAML 1.2."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

import yaml

from stemfield.layouts.plain_data import MAX_DEPTH, MAX_FILE_BYTES, PlainDataError, decode, read_file, unusable
from stemfield.layouts.yaml_scalars import ScalarLoader

MAX_BYTES = MAX_FILE_BYTES
_DECLARED = re.compile(
    rb"""\s*<\?xml[^>]*?encoding\s*=\s*["'](iso-8859-\d\d?|windows-125\d|us-ascii)["']""", re.IGNORECASE
)


class StrictYamlError(ValueError):
    """Text that is not YAML, or more than plain data."""


class _StrictLoader(ScalarLoader):
    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise StrictYamlError(f"{line}: YAML aliases (*name) are not allowed")
        if event.tag is not None:
            raise StrictYamlError(f"{line}: YAML tags ({_spelled(event.tag)}) are not allowed")
        if self._depth == MAX_DEPTH:
            raise StrictYamlError(f"{line}: nested too deeply: expected at most {MAX_DEPTH} levels")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise StrictYamlError(f"line {key.start_mark.line + 1}: expected a word as key")
            if key.value in seen:
                raise StrictYamlError(f"line {key.start_mark.line + 1}: the key {key.value!r} appears twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _spelled(tag: str) -> str:
    standard = tag.removeprefix("tag:yaml.org,2002:")
    return f"{tag:.60}" if standard == tag else f"!!{standard:.60}"


def parse_yaml(text: str) -> object:
    """The plain data of one YAML document.

    Raises:
        StrictYamlError: not YAML, an alias, a tag, a repeated key, deep nesting, text that cannot be encoded, or a
            huge whole number; the message names the line or the key.
    """
    loader = None
    try:
        loader = _StrictLoader(text)
        data: object = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise StrictYamlError(f"{line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise StrictYamlError(str(error).splitlines()[0]) from error
    except StrictYamlError:
        raise
    except (ValueError, OverflowError) as error:  # such as "\UFFFFFFFF", or a number of 5000 digits
        line = f"line {loader.line + 1}: " if loader else ""
        raise StrictYamlError(f"{line}a number or an escaped character is out of range: {error}") from error
    if problems := "; ".join(unusable(data)):
        raise StrictYamlError(problems)
    return data


def read_yaml(path: Path) -> object:
    """The plain data of a YAML file of at most 1 MiB.

    Raises:
        StrictYamlError: unreadable, not UTF-8, too large, or refused by `parse_yaml`.
    """
    return parse_yaml(read_text(path))


def read_text(path: Path) -> str:
    """The text of a file of at most 1 MiB: UTF-8, UTF-16 with a byte-order mark, or XML in its declared encoding.

    Raises:
        StrictYamlError: unreadable, in another encoding, or too large.
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
        raise StrictYamlError(str(error)) from error
    except UnicodeDecodeError as error:
        raise StrictYamlError(f"not {error.encoding}: byte {error.start}") from error
    except PlainDataError as error:
        raise StrictYamlError(str(error)) from error
    except OSError as error:
        raise StrictYamlError(f"cannot be read: {error.strerror}") from error
