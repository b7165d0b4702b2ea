"""Child process that connects a JACK client, because libjack may hang, or end its process.

`python -m stemfield.control.doctor.child_jack [SERVER]` prints one line of JSON when it has connected, or failed to.
For each line on its standard input it prints another one with what has happened since, and it exits at the end of the
input. It never starts a server.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MAX_PORTS = 1024
SETTLE_S = 0.3
"""Time to wait after connecting, which may itself cause an xrun."""


def main() -> None:
    """Connect, and print the state of the server until the input ends."""
    os.environ["JACK_NO_START_SERVER"] = "1"
    server = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        from stemfield.renderer.drivers import libjack
        from stemfield.renderer.drivers.libjack import jack
    except OSError as error:
        _tell(library="", reason=str(error))
        return
    loaded = _loaded()
    with tempfile.TemporaryFile() as errors:
        os.dup2(errors.fileno(), 2)  # libjack writes to standard error
        libjack.say_nothing(but_errors=True)
        try:
            client = jack.Client("stemfield-doctor", no_start_server=True, servername=server or None)
        except jack.JackOpenError:
            errors.seek(0)
            reason = errors.readline().decode(errors="replace").strip()
            _tell(**loaded, reason=reason or "no reason given")
            return
    xruns = libjack.Tally()
    libjack.count_xruns(libjack.address(client), xruns)
    with client:  # activates it: xruns are reported to active clients only
        time.sleep(SETTLE_S)
        before, begun = xruns.count, _edge(client)
        _tell(
            **loaded,
            opened=True,
            rate_hz=client.samplerate,
            period_frames=client.blocksize,
            realtime=bool(client.realtime),
            ports=_ports(client),
        )
        for _ in sys.stdin:
            now = _edge(client)
            frames, seconds = (now[0] - begun[0]) & 0xFFFFFFFF, now[1] - begun[1]
            _tell(xruns=xruns.count - before, measured_rate_hz=frames / seconds, load=round(client.cpu_load(), 1))


def _tell(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def _loaded() -> dict[str, Any]:
    """The libjack in this process, and whether it is PipeWire's."""
    names = {line.split()[-1] for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()}
    library = next((name for name in sorted(names) if Path(name).name.startswith("libjack.so")), "")
    return {"library": library, "from_pipewire": any(Path(name).name.startswith("libpipewire-") for name in names)}


def _edge(client: Any) -> tuple[int, float]:
    """Frame and monotonic time of the start of the next cycle; of the last one if none comes within half a second."""
    last, end_s = client.last_frame_time, time.monotonic() + 0.5
    while (now := client.last_frame_time) == last and time.monotonic() < end_s:
        time.sleep(0.0005)
    return now, time.monotonic()


def _ports(client: Any) -> list[dict[str, Any]]:
    from stemfield.renderer.drivers.port_channels import channels_of_ports

    ports = client.get_ports(is_audio=True)[:MAX_PORTS]
    return [
        {
            "name": port.name,
            "is_input": port.is_input,
            "is_physical": port.is_physical,
            "channel": channel,
            "aliases": port.aliases,
            "connections": sorted(peer.name for peer in client.get_all_connections(port)),
        }
        for port, channel in zip(ports, channels_of_ports(ports, {}), strict=True)
    ]


if __name__ == "__main__":
    main()
