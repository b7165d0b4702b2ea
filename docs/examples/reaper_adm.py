"""Control stemfield's objects from REAPER's tracks by ADM-OSC.

python reaper_adm.py

Track 1 is vocals, 2 bass, 3 drums, 4 other, 5 the residual. REAPER sends what its Default.ReaperOSC describes to port
9000 of this machine. Volume is the gain, mute is mute, and the first effect of a track, `stemfield position`, sets the
position: parameters 1 to 3 are azimuth, elevation and distance.
"""

import argparse
import contextlib
from typing import Any

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer
from pythonosc.udp_client import SimpleUDPClient

PLACES = {1: ("azim", -180.0, 180.0), 2: ("elev", -90.0, 90.0), 3: ("dist", 0.0, 1.0)}
"""ADM-OSC parameters and ranges of the effect's parameters, which REAPER sends as 0 to 1."""

parser = argparse.ArgumentParser(description="Let REAPER's tracks move stemfield's objects by ADM-OSC.")
parser.add_argument("--listen", type=int, default=9000, help="port that REAPER sends to; default 9000")
parser.add_argument("--host", default="127.0.0.1", help="of the daemon")
parser.add_argument("--port", type=int, default=4001, help="of the daemon")
options = parser.parse_args()
daemon = SimpleUDPClient(options.host, options.port)


def volume(address: str, gain_db: float) -> None:
    """Convert `/track/N/volume/db` to ADM-OSC's linear gain."""
    daemon.send_message(f"/adm/obj/{address.split('/')[2]}/gain", min(10 ** (gain_db / 20), 10.0))


def mute(address: str, on: float) -> None:
    """Forward `/track/N/mute`."""
    daemon.send_message(f"/adm/obj/{address.split('/')[2]}/mute", int(on > 0))


def place(address: str, share: float) -> None:
    """Convert `/track/N/fx/1/fxparam/P/value` to a position."""
    _, _, track, _, _, _, parameter, _ = address.split("/")
    if int(parameter) in PLACES:
        name, low, high = PLACES[int(parameter)]
        daemon.send_message(f"/adm/obj/{track}/{name}", low + share * (high - low))


def other(*_: Any) -> None:
    """Ignore everything else that REAPER sends."""


dispatcher = Dispatcher()
dispatcher.map("/track/*/volume/db", volume)
dispatcher.map("/track/*/mute", mute)
dispatcher.map("/track/*/fx/1/fxparam/*/value", place)
dispatcher.set_default_handler(other)
with contextlib.suppress(KeyboardInterrupt):
    BlockingOSCUDPServer(("127.0.0.1", options.listen), dispatcher).serve_forever()
