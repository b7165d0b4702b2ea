"""Show the levels of all objects as bars.

python levels.py --seconds 10

Subscribes, listens on the port that it sends from, and renews the subscription, which otherwise ends after 30 s.
"""

import argparse
import socket
import time

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

PATTERN = "/meter/object/*"


def messages(packet: bytes) -> list[OscMessage]:
    """Messages of a packet: simultaneous changes come as a bundle."""
    return list(OscBundle(packet)) if OscBundle.dgram_is_bundle(packet) else [OscMessage(packet)]


parser = argparse.ArgumentParser(description="Show the levels of all objects.")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=4001)
parser.add_argument("--seconds", type=float, default=10.0)
options = parser.parse_args()

daemon = (options.host, options.port)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
    ear.settimeout(1.0)
    ear.sendto(build_msg("/subscribe", [PATTERN, 20]).dgram, daemon)
    ends_s = time.monotonic() + options.seconds
    renewed_s = time.monotonic()
    while time.monotonic() < ends_s:
        if time.monotonic() - renewed_s > 10:
            ear.sendto(build_msg("/renew", [PATTERN]).dgram, daemon)
            renewed_s = time.monotonic()
        try:
            packet = ear.recv(65_536)
        except TimeoutError:
            continue
        for message in messages(packet):
            name = message.address.rpartition("/")[2]
            peak_db, rms_db = message.params[:2]
            print(f"{name:12} {'#' * max(round(60 + rms_db), 0):60} {peak_db:6.1f} dB")
    ear.sendto(build_msg("/unsubscribe", [PATTERN]).dgram, daemon)
