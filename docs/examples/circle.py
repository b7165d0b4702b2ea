"""Move an object in a circle around the listener.

python circle.py --object vocals --seconds 20

Needs python-osc (pip install python-osc), which comes with stemfield.
"""

import argparse
import time

from pythonosc.udp_client import SimpleUDPClient

parser = argparse.ArgumentParser(description="Walk an object round the listener.")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=4001)
parser.add_argument("--object", default="vocals")
parser.add_argument("--seconds", type=float, default=20.0, help="for the way round")
parser.add_argument("--distance", type=float, default=2.0, help="in metres")
options = parser.parse_args()

client = SimpleUDPClient(options.host, options.port)
began_s = time.monotonic()
while (gone := (time.monotonic() - began_s) / options.seconds) < 1.0:
    # to the left first, because azimuth is positive to the left; the daemon ramps between steps
    client.send_message(f"/object/{options.object}/aed", [360.0 * gone, 0.0, options.distance])
    time.sleep(1 / 50)
client.send_message(f"/object/{options.object}/aed", [0.0, 0.0, options.distance])
