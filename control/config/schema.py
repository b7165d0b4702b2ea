"""What the blocks of the configuration share: their error, and the mark of a key that may change at run time."""

from __future__ import annotations

from typing import Any, Final

from stemfield.layouts.problems import ProblemsError

LIVE: Final[dict[str, Any]] = {"live": True}
"""`json_schema_extra` of a key that takes effect on SIGHUP, without a restart."""


class ConfigError(ProblemsError):
    """A configuration that cannot be used; each problem is `key.path: expected ..., got ...`."""
