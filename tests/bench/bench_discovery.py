"""DNS-SD, as avahi sees it: what it finds of a daemon that starts, changes and ends.

avahi runs in its own network with only a loopback (user namespaces, no privileges), on its own D-Bus. It needs
Debian's `avahi-daemon`, `avahi-utils` and `dbus`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import Row, give

from stemfield.control.network.discovery import OSC, OSCJSON, ServiceAnnouncer

BUS = """<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/></policy></busconfig>"""
AVAHI = "[server]\nuse-ipv6=no\nallow-interfaces=lo\n[publish]\ndisable-publishing=yes\n"
# avahi needs its own user: the first with that name that has a number in here.
PREPARE = """set -e
for name in passwd group; do (echo avahi:x:0:0::/:/bin/false; cat /etc/$name) > {0}/$name; done
mount --bind {0}/passwd /etc/passwd
mount --bind {0}/group /etc/group
mount -t tmpfs none /run
mkdir /run/avahi-daemon
ip link set lo up multicast on
ip route add 224.0.0.0/4 dev lo
"""


def browse(service: str, expected: int) -> list[list[str]]:
    """Services that avahi resolves, once there are this many or after 5 s."""
    begin = time.monotonic()
    while True:
        command = ["avahi-browse", "-t", "-r", "-p", service.removesuffix(".local.")]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        found = [line.split(";") for line in lines if line.startswith("=")]
        if len(found) == expected or time.monotonic() - begin > 5.0:
            return found


async def look() -> list[Row]:
    advert = ServiceAnnouncer("Living room", ["127.0.0.1"], {OSC: 4001, OSCJSON: 8010}, "22.2", 5)
    await advert.start()
    right = 0
    for service, port in ((OSC, "4001"), (OSCJSON, "8010")):
        found = await asyncio.to_thread(browse, service, 1)
        right += sum(line[3:4] + line[7:9] == ["Living\\032room", "127.0.0.1", port] for line in found)
    await advert.update(6)
    await asyncio.sleep(1.0)
    found = await asyncio.to_thread(browse, OSC, 1)
    updated = sum('"objects=6"' in line[-1] for line in found)
    await advert.stop()
    left = await asyncio.to_thread(browse, OSC, 0)
    return [
        Row("services found, with port and address", right, "of 2", at_least=2),
        Row("change of the scene seen", updated, "of 1", at_least=1),
        Row("services left after the end", len(left), "", at_most=0),
    ]


def inside(folder: Path) -> None:
    subprocess.run(["bash", "-c", PREPARE.format(folder)], check=True)
    (folder / "bus.conf").write_text(BUS.format(folder / "bus"))
    (folder / "avahi.conf").write_text(AVAHI)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={folder / 'bus'}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    bus = subprocess.Popen(["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile"], **quiet)
    while not (folder / "bus").exists():
        time.sleep(0.05)
    avahi = ["avahi-daemon", "-f", str(folder / "avahi.conf"), "--no-drop-root", "--no-chroot", "--no-rlimits"]
    daemon = subprocess.Popen(avahi, **quiet)
    try:
        time.sleep(1.5)
        give(*asyncio.run(look()))
    finally:
        for process in (daemon, bus):
            process.terminate()
            process.wait()


def main() -> None:
    if sys.argv[1:]:
        inside(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["unshare", "-rmn", sys.executable, __file__, folder], check=True)


if __name__ == "__main__":
    main()
