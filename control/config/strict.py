"""The base of every block of keys in a YAML file."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

LIVE: Final[dict[str, Any]] = {"live": True}
"""`json_schema_extra` of a key that takes effect on SIGHUP, without a restart."""


class Strict(BaseModel):
    """A block of keys in which nothing is converted and nothing ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
