"""The configuration of what plays: players that say what they play."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from stemfield.layouts.problems import RefusedError, shown
from stemfield.layouts.schema import Strict

MPD_PORT = 6600


def _address(text: str) -> str:
    host, _, port = text.rpartition(":") if ":" in text else (text, "", str(MPD_PORT))
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise RefusedError(f"expected HOST or HOST:PORT, got {shown(text)}")
    return f"{host}:{int(port)}"


class PlayingConfig(Strict):
    """What plays on this machine, shown on the page and by OSC."""

    mpris: bool = Field(True, description="Ask the players of the desktop (MPRIS on the session's D-Bus).")
    mpd: Annotated[str, AfterValidator(_address)] | None = Field(
        None, description="Ask this Music Player Daemon, HOST or HOST:PORT; null for none."
    )

    @property
    def mpd_address(self) -> tuple[str, int]:
        """Host and port of the Music Player Daemon, if there is one."""
        host, _, port = (self.mpd or "").rpartition(":")
        return host, int(port or MPD_PORT)
