"""Preset names by purpose, which stay the same when better models are shipped.

Only this table decides which shipped model serves which purpose.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "default"
"""Preset used when no model is named."""

PRESETS: Mapping[str, str] = {
    DEFAULT: "meridian",
    "light": "meridian-light",  # latency of at most 23 ms, 0.08 of a core
    "studio": "meridian-studio",  # best quality, for files
}
"""Model of each preset."""
