"""YAML as plain data only: bounded in size and depth, without aliases, tags or repeated keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 20
_MAX_DEPTH = 16


class StrictYamlError(ValueError):
    """Text that is no YAML, or more than plain data."""


class _StrictLoader(yaml.SafeLoader):
    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise StrictYamlError(f"line {self.line + 1}: YAML aliases (*name) are not allowed")
        if self._depth == _MAX_DEPTH:
            raise StrictYamlError(f"nested more than {_MAX_DEPTH} deep")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise StrictYamlError(f"line {key.start_mark.line + 1}: a key must be a word")
            if key.value in seen:
                raise StrictYamlError(f"line {key.start_mark.line + 1}: the key {key.value!r} appears twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> object:
    """The plain data of one YAML document.

    Raises:
        StrictYamlError: no YAML, an alias, a tag, a repeated key or deep nesting; the message names the line.
    """
    try:
        data: object = _StrictLoader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise StrictYamlError(f"{line}{error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise StrictYamlError(str(error).splitlines()[0]) from error
    return data


def read_yaml(path: Path) -> object:
    """The plain data of a YAML file of at most 1 MiB.

    Raises:
        StrictYamlError: unreadable, not UTF-8, too large, or refused by `parse_yaml`.
    """
    return parse_yaml(read_text(path))


def read_text(path: Path) -> str:
    """The text of a file of at most 1 MiB.

    Raises:
        StrictYamlError: unreadable, not UTF-8, or too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise StrictYamlError(f"larger than {MAX_BYTES} bytes")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StrictYamlError(f"not UTF-8: byte {error.start}") from error
    except OSError as error:
        raise StrictYamlError(f"cannot be read: {error.strerror}") from error
