"""Loudspeaker layouts: positions and settings of loudspeakers, as frozen values, read from files of many renderers.

It also holds what every room shares: the coordinate convention, the reading of untrusted YAML and JSON, and the errors
that are shown to a user.
"""

__all__ = [
    "bass",
    "chain",
    "channels",
    "check",
    "coordinates",
    "export",
    "foreign",
    "loader",
    "model",
    "numerals",
    "plain_data",
    "problems",
    "schema",
    "strict_yaml",
]
