"""Bytes from the network to commands, and values to bytes, for every dialect.

Everything here is pure, and no bytes make it raise. The registry lists the dialects and decodes OSC of all of
them, `osc` encodes and parses plain OSC.
"""

__all__ = [
    "adm",
    "native",
    "osc",
    "registry",
]
