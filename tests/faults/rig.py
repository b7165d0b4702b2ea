"""Test rig: a daemon in a square room that plays and is recorded while something fails."""

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
"""The daemon connects the clients itself, also after a fault."""
AUDIBLE = 1e-7
"""Threshold of sound: a loudspeaker without stems is silent to the last bit."""
FADE_FRAMES = round(RISE_S * RATE_HZ)
"""Length of a fade-in, during which the output is neither the recording nor silence."""
EDGE_FRAMES = 512
"""Tolerance where sound starts or ends at once: ports are connected one by one, each between two periods."""

CLONE_NEWNET = 0x4000_0000


def long_tape(seconds: float) -> np.ndarray:
    """The demo song in a loop at less than half its level, with noise so that it is never silent."""
    song = np.float32(0.45) * demo_mixture()
    frames = int(seconds * RATE_HZ)
    tape = np.tile(song, -(-frames // song.shape[1]))[:, :frames]
    noise = np.random.default_rng(0).uniform(-1e-3, 1e-3, tape.shape)
    return np.ascontiguousarray(tape + noise, np.float32)


class ClientPair:
    """A client that plays into the daemon and one that records it: a single client would form a loop, in which the
    server drops a block whenever connections change.

    Args:
        jack_client: makes a client of a server.
        server: JACK server name.
        tape: float32 (2, n).
        rolling: whether the tape runs from the first block.
    """

    def __init__(
        self, jack_client: Callable[..., JackClient], server: str | None, tape: np.ndarray, *, rolling: bool
    ) -> None:
        self.tape = tape
        self._recorder = jack_client(
            server, len(LABELS), np.zeros((0, tape.shape[1]), np.float32), rolling=rolling, name="ears"
        )
        self._player = jack_client(server, 0, tape, rolling=rolling)
        self.record = self._recorder.record

    def roll(self) -> None:
        """Start, the recorder first, so that nothing is recorded too late."""
        self._recorder.roll()
        self._player.roll()

    @property
    def at(self) -> int:
        """Number of recorded frames."""
        return self._recorder.at

    def wait(self, frame: int) -> None:
        """Wait until this many frames are recorded."""
        self._recorder.wait(frame)

    def close(self) -> None:
        """Leave the server."""
        self._player.close()
        self._recorder.close()


def place_objects(room: Daemon) -> None:
    """Place vocals behind, everything else in front."""
    for name in OBJECTS:
        room.send(f"/object/{name}/aed", -135.0 if name == "vocals" else 45.0, 0.0, 1.0)
        room.send(f"/object/{name}/width", 0.0)


class Rig:
    """Server, daemon and JACK clients.

    Args:
        server: running server.
        room: started daemon.
        client: connected clients, not rolling yet.
    """

    def __init__(self, server: Any, room: Daemon, client: ClientPair) -> None:
        self.server = server
        self.room = room
        self.client = client
        self.marked = 0

    def set_scene(self) -> None:
        """Set the scene of these tests, with a mark to recognise it by."""
        place_objects(self.room)
        self.mark()
        self.room.settle()

    def mark(self) -> None:
        """Change the scene inaudibly."""
        self.marked += 1
        self.room.send("/object/drums/priority", self.marked)

    def wait_s(self, seconds: float) -> None:
        """Wait while this much of the tape plays."""
        self.client.wait(self.client.at + int(seconds * RATE_HZ))

    def wait_for_stems(self, seconds: float = 40.0) -> None:
        """Wait until the vocals play behind."""
        deadline, begin = time.monotonic() + seconds, self.client.at
        while first_sound(self.client.record[BEHIND, : self.client.at], begin, AUDIBLE) is None:
            assert time.monotonic() < deadline, self.room.log.read_text()
            time.sleep(0.05)

    def heard(self, delays: int = 1) -> Analysis:
        """Analysis of the recording so far, after the general checks; `delays` is the expected number of delays."""
        return check(analyse(self.client.record[:, : self.client.at], self.client.tape), delays)

    def check_sound(self) -> str:
        """Check that every sample after the first second is the recording; return text for the page."""
        found = self.heard()
        assert [gap for gap in found.gaps if sum(gap) > RATE_HZ] == []
        assert found.fading <= EDGE_FRAMES
        return f"the recording, sample by sample, within {found.error:.0e}"

    def stems_away(self, begin: int, timeout_s: float = 30.0) -> tuple[int, int]:
        """Wait for stems to go and return after a fault; the first silent frame behind, and the first with sound."""
        deadline = time.monotonic() + timeout_s
        while (found := self._absence(begin)) is None:
            assert time.monotonic() < deadline, self.room.log.read_text()
            time.sleep(0.1)
        self.wait_s(1.0)
        return found

    def _absence(self, begin: int) -> tuple[int, int] | None:
        """First completed silence of at least half a second."""
        window = RATE_HZ // 100
        behind = self.client.record[BEHIND, : self.client.at // window * window]
        loud = np.abs(behind.reshape(-1, window)).max(1) > AUDIBLE
        for at in np.flatnonzero(~loud[begin // window :]) + begin // window:
            if not loud[at : at + 50].any():
                back = np.flatnonzero(loud[at:])
                return (int(at * window), int((at + back[0]) * window)) if len(back) else None
        return None

    def check_state(self, file: Path | None = None, within_s: float = 5.0) -> str:
        """Check that the state file has the scene; return text for the page."""
        deadline = time.monotonic() + within_s
        while self._kept(file or self.room.folder / "state" / "scene.json") != self.marked:
            assert time.monotonic() < deadline, "the state file does not hold the last change"
            time.sleep(0.1)
        return "the scene, with the last change"

    def _kept(self, file: Path) -> int:
        return int(json.loads(file.read_text())["object"].get("drums", {}).get("priority", 0))

    def check_log(self) -> None:
        """Check that the log has no traceback and the daemon runs."""
        text = self.room.log.read_text()
        assert "Traceback" not in text, text
        assert self.room.process is None or self.room.process.poll() is None, text


def check(found: Analysis, delays: int = 1) -> Analysis:
    """Check what must hold for every fault; `delays` is the expected number of delays."""
    assert found.not_finite == 0
    assert found.loudest <= 1.0
    assert found.repeated == 0
    assert found.stale == 0
    assert len(found.delays) == delays, found.delays
    return found


def ms(frames: float, rate_hz: int = RATE_HZ) -> str:
    """A duration as text, in ms."""
    return "0 samples" if frames == 0 else f"{1e3 * frames / rate_hz:.0f} ms"


def seconds(frames: float, rate_hz: int = RATE_HZ) -> str:
    """A duration as text, in s."""
    return f"{frames / rate_hz:.1f} s"


class Namespaces:
    """Private mount or network namespaces to run programs in; they end with this object.

    Args:
        kinds: options of `unshare`: mount, net.
    """

    def __init__(self, *kinds: str) -> None:
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        self._holder = subprocess.Popen(["unshare", *user, *(f"--{kind}" for kind in kinds), "sleep", "infinity"])
        entering = ["--preserve-credentials", "--user"] if user else []
        self.through = ["nsenter", f"--target={self._holder.pid}", *entering, *(f"--{kind}" for kind in kinds), "--"]
        self.root = Path(f"/proc/{self._holder.pid}/root")
        """Root of the file system as seen inside."""
        self._wait(kinds)

    @property
    def pid(self) -> int:
        """Id of a process inside."""
        return self._holder.pid

    def run(self, *command: str) -> str:
        """Run a program inside; return its output."""
        return subprocess.run([*self.through, *command], check=True, capture_output=True, text=True).stdout

    def socket(self) -> socket.socket:
        """A UDP socket in the network inside."""
        library = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/self/ns/net").open() as own, Path(f"/proc/{self.pid}/ns/net").open() as other:
            assert library.setns(other.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            finally:
                assert library.setns(own.fileno(), CLONE_NEWNET) == 0

    def close(self) -> None:
        """End the namespaces."""
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
"""Type of the fixture `rig`."""
