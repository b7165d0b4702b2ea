"""Writes the configuration: with comments, checked by the loader first, and atomically."""

from __future__ import annotations

import io
import json
import os
import textwrap
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from stemfield.control.config.configuration import Config, load_config
from stemfield.control.config.schema import ConfigError

WIDTH: Final = 100
HEAD: Final = """\
# The configuration of stemfield, written by `stemfield init`.
# All keys with their defaults: docs/config.md. After a change: stemfield check FILE.
# Positions, gains and scenes are not part of it: the daemon saves what is controlled during playback.
"""


def commented(values: Mapping[str, Any]) -> str:
    """Make a configuration file with a comment for each key, of JSON values that are nested as in the file."""
    return HEAD + "".join(_lines(values, Config, ""))


def _lines(values: Mapping[str, Any], model: type[BaseModel], indent: str) -> Iterator[str]:
    for key, value in values.items():
        declared = model.model_fields[key]
        inner = declared.annotation
        yield "\n" if not indent else ""
        if isinstance(value, Mapping) and isinstance(inner, type) and issubclass(inner, BaseModel):
            yield _comment(str(inner.__doc__), indent)
            yield f"{indent}{key}:\n"
            yield from _lines(value, inner, f"{indent}  ")
        else:
            yield _comment(str(declared.description), indent)
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n"


def _comment(text: str, indent: str) -> str:
    lines = textwrap.wrap(text, WIDTH - len(indent) - 2, break_on_hyphens=False)
    return "".join(f"{indent}# {line}\n" for line in lines)


def changed(text: str, block: str, values: Mapping[str, Any]) -> str:
    """Change values in one block of a configuration file; comments and everything else stay.

    Args:
        text: content of the file.
        block: name of the block, such as `jack`; added if it is missing.
        values: new values by key; None removes a key.

    Raises:
        ConfigError: the file cannot be changed.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    try:
        data = yaml.load(text)
    except YAMLError as error:
        raise ConfigError("the configuration", (str(error).splitlines()[0],)) from error
    data = CommentedMap() if data is None else data
    if not isinstance(data, CommentedMap) or not isinstance(data.setdefault(block, CommentedMap()), CommentedMap):
        raise ConfigError("the configuration", (f"{block}: expected a block of keys",))
    for key, value in values.items():
        if value is None:
            data[block].pop(key, None)
        else:
            data[block][key] = value
    written = io.StringIO()
    yaml.dump(data, written)
    return written.getvalue()


def checked(path: Path, text: str) -> Config:
    """Load a text as if it were the file at a path.

    Raises:
        ConfigError: with every problem.
        OSError: the folder cannot be written to.
    """
    return _load_beside(path, text, keep=False)


def write_config(path: Path, text: str) -> Config:
    """Replace the file by a text, or leave it as it was.

    Owner, group and mode stay, and so does a link to the file. A new token makes the file readable by its owner only.

    Raises:
        ConfigError, OSError: as `checked`; nothing has changed.
    """
    return _load_beside(path, text, keep=True)


def _load_beside(path: Path, text: str, *, keep: bool) -> Config:
    path.parent.mkdir(parents=True, exist_ok=True)
    target = Path(os.path.realpath(path)) if keep else path  # relative paths are relative to the link
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with open(beside, "x", encoding="utf-8", opener=partial(os.open, mode=0o600)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            config = load_config(beside)
        except ConfigError as error:
            raise ConfigError(str(path), error.problems) from error
        if keep:
            _copy_owner_and_mode(beside, target, config.network.token or "")
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return config


def _copy_owner_and_mode(new: Path, old: Path, token: str) -> None:
    mode = 0o644
    known = ""
    if old.exists():
        there = old.stat()
        os.chown(new, there.st_uid, there.st_gid)
        mode = there.st_mode & 0o777
        known = old.read_text(encoding="utf-8", errors="replace")
    new.chmod(mode if token in known else mode & 0o700)
