"""Names for what a model is good for, which stay while better models come.

This table alone decides which of the shipped models are used for what.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "default"
"""What is taken where no model is named."""

PRESETS: Mapping[str, str] = {
    DEFAULT: "meridian",
    "light": "meridian-light",  # at most 23 ms late and 0.08 of a core
    "studio": "meridian-studio",  # the best for files
}
"""The model of each preset."""
