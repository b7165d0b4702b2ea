"""A square room that plays and is recorded while something fails."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from analysis import RATE_HZ, Analysis, analyse, first_sound
from daemon_process import Daemon
from jack_client import JackClient

from stemfield.control.offline.demo import demo_mixture
from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.output_fade import RISE_S

LABELS = list(load_layout("quad").labels)
BEHIND = LABELS.index("M-135")
OBJECTS = ("vocals", "bass", "drums", "other", "residual")
WIRES = {"connect_inputs": ["studio:out0", "studio:out1"], "connect_outputs": ["ears:in*"]}
"""The daemon itself finds the client, also after a fault."""
AUDIBLE = 1e-7
"""A loudspeaker that no stem is sent to is silent to the last bit."""
FADE_FRAMES = round(RISE_S * RATE_HZ)
"""So many frames are neither the recording nor silence where sound begins anew: the outputs rise out of silence."""
EDGE_FRAMES = 512
"""And so many where it begins or ends at once: ports are connected one by one, each between two periods."""

CLONE_NEWNET = 0x4000_0000


def long_tape(seconds: float) -> np.ndarray:
    """The demo song at less than half its level, again and again, over a noise that makes it nowhere silent."""
    song = np.float32(0.45) * demo_mixture()
    frames = int(seconds * RATE_HZ)
    tape = np.tile(song, -(-frames // song.shape[1]))[:, :frames]
    noise = np.random.default_rng(0).uniform(-1e-3, 1e-3, tape.shape)
    return np.ascontiguousarray(tape + noise, np.float32)


class ClientPair:
    """Plays into the daemon and records what it gives, as two clients: one would be a loop through the server, which
    swallows a block whenever the server changes something.

    Args:
        jack_client: makes clients of a server.
        server: its name.
        tape: float32 (2, n).
        rolling: whether it runs from the first block on.
    """

    def __init__(
        self, jack_client: Callable[..., JackClient], server: str | None, tape: np.ndarray, *, rolling: bool
    ) -> None:
        self.tape = tape
        self._ears = jack_client(
            server, len(LABELS), np.zeros((0, tape.shape[1]), np.float32), rolling=rolling, name="ears"
        )
        self._hands = jack_client(server, 0, tape, rolling=rolling)
        self.record = self._ears.record

    def roll(self) -> None:
        """Begins: the ears first, so that nothing is heard before it is played."""
        self._ears.roll()
        self._hands.roll()

    @property
    def at(self) -> int:
        """How many frames were recorded."""
        return self._ears.at

    def wait(self, frame: int) -> None:
        """Until so many are."""
        self._ears.wait(frame)

    def close(self) -> None:
        """Leaves the server."""
        self._hands.close()
        self._ears.close()


def place_objects(room: Daemon) -> None:
    """Vocals behind, everything else in front."""
    for name in OBJECTS:
        room.send(f"/object/{name}/aed", -135.0 if name == "vocals" else 45.0, 0.0, 1.0)
        room.send(f"/object/{name}/width", 0.0)


class Rig:
    """Server, daemon and JACK clients.

    Args:
        server: running.
        room: started.
        client: connected, its tape not rolling yet.
    """

    def __init__(self, server: Any, room: Daemon, client: ClientPair) -> None:
        self.server = server
        self.room = room
        self.client = client
        self.marked = 0

    def set_scene(self) -> None:
        """The scene of all these tests, with a mark that it is known by."""
        place_objects(self.room)
        self.mark()
        self.room.settle()

    def mark(self) -> None:
        """Changes the scene, unheard."""
        self.marked += 1
        self.room.send("/object/drums/priority", self.marked)

    def wait_s(self, seconds: float) -> None:
        """Lets so much of the tape play."""
        self.client.wait(self.client.at + int(seconds * RATE_HZ))

    def wait_for_stems(self, seconds: float = 40.0) -> None:
        """Until the vocals are heard behind."""
        deadline, begin = time.monotonic() + seconds, self.client.at
        while first_sound(self.client.record[BEHIND, : self.client.at], begin, AUDIBLE) is None:
            assert time.monotonic() < deadline, self.room.log.read_text()
            time.sleep(0.05)

    def heard(self, delays: int = 1) -> Analysis:
        """What was recorded, and that nothing of it is forbidden; the recording is heard with so many delays."""
        return check(analyse(self.client.record[:, : self.client.at], self.client.tape), delays)

    def check_sound(self) -> str:
        """That every sample since the second second is the recording; in words for the page."""
        found = self.heard()
        assert [gap for gap in found.gaps if sum(gap) > RATE_HZ] == []
        assert found.fading <= EDGE_FRAMES
        return f"the recording at every sample, at most {found.error:.0e} off"

    def stems_away(self, begin: int, patience_s: float = 30.0) -> tuple[int, int]:
        """From which frame on the loudspeaker behind was silent after a fault, and when it was no more, awaited."""
        deadline = time.monotonic() + patience_s
        while (found := self._absence(begin)) is None:
            assert time.monotonic() < deadline, self.room.log.read_text()
            time.sleep(0.1)
        self.wait_s(1.0)
        return found

    def _absence(self, begin: int) -> tuple[int, int] | None:
        """The first one of half a second and more that is over."""
        window = RATE_HZ // 100
        behind = self.client.record[BEHIND, : self.client.at // window * window]
        loud = np.abs(behind.reshape(-1, window)).max(1) > AUDIBLE
        for at in np.flatnonzero(~loud[begin // window :]) + begin // window:
            if not loud[at : at + 50].any():
                back = np.flatnonzero(loud[at:])
                return (int(at * window), int((at + back[0]) * window)) if len(back) else None
        return None

    def check_state(self, file: Path | None = None, within_s: float = 5.0) -> str:
        """That the state file holds the scene, in words for the page."""
        deadline = time.monotonic() + within_s
        while self._kept(file or self.room.folder / "state" / "scene.json") != self.marked:
            assert time.monotonic() < deadline, "the state file does not hold the last change"
            time.sleep(0.1)
        return "the scene, with the last change"

    def _kept(self, file: Path) -> int:
        return int(json.loads(file.read_text())["object"].get("drums", {}).get("priority", 0))

    def check_log(self) -> None:
        """That nothing was told in a way in which only its author understands it."""
        text = self.room.log.read_text()
        assert "Traceback" not in text, text
        assert self.room.process is None or self.room.process.poll() is None, text


def check(found: Analysis, delays: int = 1) -> Analysis:
    """That nothing is forbidden, whatever the fault; the recording is heard with so many delays."""
    assert found.not_finite == 0
    assert found.loudest <= 1.0
    assert found.repeated == 0
    assert found.stale == 0
    assert len(found.delays) == delays, found.delays
    return found


def ms(frames: float, rate_hz: int = RATE_HZ) -> str:
    """A length in words."""
    return "0 samples" if frames == 0 else f"{1e3 * frames / rate_hz:.0f} ms"


def seconds(frames: float, rate_hz: int = RATE_HZ) -> str:
    """A time in words."""
    return f"{frames / rate_hz:.1f} s"


class Namespaces:
    """Mounts or networks of their own, in which programs can be run; they end with this object.

    Args:
        kinds: of `unshare`: mount, net.
    """

    def __init__(self, *kinds: str) -> None:
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        self._holder = subprocess.Popen(["unshare", *user, *(f"--{kind}" for kind in kinds), "sleep", "infinity"])
        entering = ["--preserve-credentials", "--user"] if user else []
        self.through = ["nsenter", f"--target={self._holder.pid}", *entering, *(f"--{kind}" for kind in kinds), "--"]
        self.root = Path(f"/proc/{self._holder.pid}/root")
        """The files as they are seen there."""
        self._wait(kinds)

    @property
    def pid(self) -> int:
        """Of a process that lives there."""
        return self._holder.pid

    def run(self, *command: str) -> str:
        """Runs a program there; what it prints."""
        return subprocess.run([*self.through, *command], check=True, capture_output=True, text=True).stdout

    def socket(self) -> socket.socket:
        """A UDP socket of the network there, whatever network this program is in."""
        library = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/self/ns/net").open() as own, Path(f"/proc/{self.pid}/ns/net").open() as other:
            assert library.setns(other.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            finally:
                assert library.setns(own.fileno(), CLONE_NEWNET) == 0

    def close(self) -> None:
        """Ends it."""
        self._holder.kill()
        self._holder.wait()

    def _wait(self, kinds: tuple[str, ...]) -> None:
        names = {"mount": "mnt"}
        own = {kind: Path(f"/proc/self/ns/{names.get(kind, kind)}").readlink() for kind in kinds}
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{self.pid}/ns/{names.get(k, k)}").readlink() == link for k, link in own.items()):
            assert self._holder.poll() is None, "no namespaces here"
            assert time.monotonic() < deadline
            time.sleep(0.01)


MakeRig = Callable[..., Rig]
"""As the fixture `rig` gives it."""
