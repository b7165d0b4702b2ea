"""Real-time priority and locked memory for audio users: what JACK needs, and the lines of PAM that allow it."""

from __future__ import annotations

import shlex
from typing import Final

LOCKED_BYTES: Final = 64 << 20
"""About what the buffers of a server and its clients take."""
AUDIO: Final = "audio"
LIMITS_FILE: Final = "/etc/security/limits.d/audio.conf"
"""Where Debian's jackd2 has its lines."""
LINES: Final = {"rtprio": f"@{AUDIO} - rtprio 95", "memlock": f"@{AUDIO} - memlock unlimited"}


def granting(*items: str) -> str:
    """The command that promises `rtprio`, `memlock` or both to the group, from the next log-in on."""
    lines = " ".join(shlex.quote(LINES[item]) for item in items)
    return f"printf '%s\\n' {lines} | sudo tee -a {LIMITS_FILE}"
