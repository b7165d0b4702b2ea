"""Preset names by purpose, which stay the same when better models are shipped.

Only this table decides which shipped model serves which purpose.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "default"
"""Preset of live music, used when no model is named."""
FILES = "files"
"""Preset of files, whose models may hear what follows, used when no model is named."""

PRESETS: Mapping[str, str] = {
    DEFAULT: "meridian",
    "light": "meridian-light",  # latency of at most 23 ms, 0.08 of a core
    "studio": "meridian-studio",  # best quality with a low latency, for fast machines
    FILES: "meridian-files",  # hears recordings in both directions; seconds of latency
}
"""Model of each preset."""
