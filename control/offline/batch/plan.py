"""The plan of a batch, a strict YAML file: the recordings, the jobs for each, and the output folder.

output: results
inputs: [albums/**/*.flac, {path: live.wav, name: bonus/live}]
defaults: {model: light, layout: 7.1.4}
upmix: {scene: wide.yaml, format: flac}
separate: {}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from stemfield.control.config.schema import ConfigError
from stemfield.layouts.plain_data import PlainDataError
from stemfield.layouts.problems import RefusedError, shown
from stemfield.layouts.schema import Strict, problems_in
from stemfield.layouts.strict_yaml import read_yaml

KINDS = ("upmix", "adm", "separate", "remix")
"""Kinds of result."""
BATCH_FOLDER = ".stemfield"
"""Folder of records and unfinished results, in the output folder."""

Kind = Literal["upmix", "adm", "separate", "remix"]
_Rule = Literal["soft", "surrey"]


class Source(Strict):
    """One recording, or all that match a pattern."""

    path: str = Field(min_length=1, max_length=4096)
    name: str | None = Field(None, min_length=1, max_length=1024)

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, given: object) -> object:
        return {"path": given} if isinstance(given, str) else given

    @field_validator("name")
    @classmethod
    def _inside(cls, name: str | None) -> str | None:
        if name is not None:
            parts = PurePosixPath(name).parts
            if name.startswith("/") or not parts or any(part in ("..", BATCH_FOLDER) for part in parts) or "\0" in name:
                raise ValueError("expected a name within the output folder, such as album/song")
        return name


class _Model(Strict):
    model: str | None = Field(None, min_length=1)
    live: bool | None = None
    rule: _Rule | None = None


class _Scenic(_Model):
    layout: str | None = Field(None, min_length=1)
    scene: str | None = Field(None, min_length=1)
    recording: str | None = Field(None, min_length=1)

    @field_validator("layout", mode="before")
    @classmethod
    def _name_without_quotes(cls, name: object) -> object:
        # YAML reads 22.2 as a number.
        return str(name) if isinstance(name, int | float) and not isinstance(name, bool) else name


class Upmix(_Scenic):
    """Job: a file for the loudspeakers of a room, or for headphones."""

    binaural: bool = False
    hrtf: str | None = Field(None, min_length=1)
    limit: bool = True
    format: Literal["wav", "flac"] = "wav"


class Adm(_Scenic):
    """Job: objects with positions, for other programs."""


class Separate(_Model):
    """Job: a folder of stems."""

    threshold: float | None = Field(None, ge=0.0, le=1.0)


class Remix(_Model):
    """Job: the instruments in another balance."""

    threshold: float | None = Field(None, ge=0.0, le=1.0)
    gains: dict[str, float] = Field({})
    format: Literal["wav", "flac"] = "wav"

    @field_validator("gains")
    @classmethod
    def _in_range(cls, gains: dict[str, float]) -> dict[str, float]:
        if wrong := [f"{name} {gain:g}" for name, gain in gains.items() if not -120.0 <= gain <= 20.0]:
            raise RefusedError(f"expected numbers from -120 to 20, got {', '.join(wrong)}")
        return gains


class Defaults(_Scenic):
    """Options for every job that has them and sets none of its own."""

    threshold: float | None = Field(None, ge=0.0, le=1.0)


class Plan(Strict):
    """A plan."""

    output: str = Field(min_length=1)
    inputs: tuple[Source, ...] = Field(min_length=1)
    defaults: Defaults = Defaults()
    upmix: Upmix | None = None
    adm: Adm | None = None
    separate: Separate | None = None
    remix: Remix | None = None

    def jobs(self) -> Iterator[tuple[Kind, dict[str, Any]]]:
        """The jobs: kind, and options with defaults applied."""
        for kind in KINDS:
            job = getattr(self, kind)
            if job is not None:
                given = job.model_dump()
                defaults = {key: value for key, value in self.defaults.model_dump().items() if key in given}
                yield kind, {key: defaults.get(key) if value is None else value for key, value in given.items()}  # type: ignore[misc]


def read_plan(path: Path) -> Plan:
    """The plan in a file.

    Raises:
        ConfigError: unreadable, no YAML, or with problems (all of them are listed).
    """
    try:
        data = read_yaml(path)
    except PlainDataError as error:
        raise ConfigError(str(path), (str(error),)) from error
    if not isinstance(data, Mapping):
        raise ConfigError(str(path), (f"expected a block of keys, got {shown(data)}",))
    # an empty block is a key with nothing behind its colon
    data = {key: {} if value is None and key in KINDS else value for key, value in data.items()}
    problems: list[str] = []
    if not any(kind in data for kind in KINDS):
        problems.append(f"nothing to do: expected one or more of {', '.join(KINDS)}")
    try:
        plan = Plan.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ConfigError(str(path), [*problems_in(Plan, error), *problems]) from error
    if problems:
        raise ConfigError(str(path), problems)
    return plan
