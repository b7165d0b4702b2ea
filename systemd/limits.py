"""Real-time priority and locked memory for audio users: what JACK needs, and the PAM limits that grant it."""

from __future__ import annotations

import shlex
from typing import Final

LOCKED_BYTES: Final = 64 << 20
"""Approximate size of the buffers of a server and its clients."""
AUDIO: Final = "audio"
LIMITS_FILE: Final = "/etc/security/limits.d/audio.conf"
"""The file of Debian's jackd2."""
LINES: Final = {"rtprio": f"@{AUDIO} - rtprio 95", "memlock": f"@{AUDIO} - memlock unlimited"}


def granting(*items: str) -> str:
    """The command that grants `rtprio`, `memlock` or both to the group, from the next login on."""
    lines = " ".join(shlex.quote(LINES[item]) for item in items)
    return f"printf '%s\\n' {lines} | sudo tee -a {LIMITS_FILE}"
