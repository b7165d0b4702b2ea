"""Two simulated machines: each with its own server, clock and role, and zita-njbridge as the manual starts it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from analysis import RATE_HZ
from daemon_process import Daemon, free_port
from jack_client import JackClient, Recording
from remote_client import RemoteClient
from rig import LABELS, long_tape
from scipy.signal import correlate
from servers import need

MANUAL = Path(__file__).parents[2] / "docs" / "two-machines.md"
AZIMUTHS_DEG = {"vocals": -135.0, "bass": 45.0, "drums": -45.0, "other": 135.0, "residual": 45.0}
"""Each at its own loudspeaker, except bass and residual, which share one."""
HOMES = {"vocals": "M-135", "bass": "M+045", "drums": "M-045", "other": "M+135", "residual": "M+045"}
PIECE = RATE_HZ // 20
LONGEST_DELAY = RATE_HZ


class SkewedClock:
    """A clock that runs faster than this machine's, for the programs started through it.

    These programs have to agree on the time, so they share the moment at which both clocks showed the same.
    """

    def __init__(self, fast_ppm: float) -> None:
        names = ("LD_PRELOAD", "FAKETIME", "FAKETIME_SHARED")
        tell = f"printenv {' '.join(names)} && exec cat"
        command = [need("faketime"), "-m", "-f", f"+0 x{1 + 1e-6 * fast_ppm:.6f}", "sh", "-c", tell]
        self._keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.through = ("env", *(f"{name}={self._keeper.stdout.readline().strip()}" for name in names))

    def close(self) -> None:
        """Stop the clock, after all programs that use it."""
        self._keeper.communicate(timeout=5)


class BridgeEnd:
    """One end of the bridge, started with the manual's command, from this machine to itself."""

    def __init__(self, program: str, server: str, port: int, through: Sequence[str] = ()) -> None:
        (line,) = re.findall(rf"^{program} (.*) [\d.]+ \d+$", MANUAL.read_text(), re.MULTILINE)
        options = [*line.split(), "127.0.0.1", str(port)]
        self._command = [*through, need(program), "--jserv", server, *options]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start; its server has to be running."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        """End it if it runs."""
        if self.process is not None:
            kill(self)


def band_energy(sound: np.ndarray) -> np.ndarray:
    """Energy of each channel up to 16 kHz, with a Hann window."""
    spectrum = np.fft.rfft(sound * np.hanning(sound.shape[1]))
    return np.square(np.abs(spectrum[:, : sound.shape[1] * 16_000 // RATE_HZ])).sum(1)


def kill(one: BridgeEnd | Daemon) -> None:
    """End it with SIGKILL."""
    one.process.kill()
    one.process.wait()


class TwoMachines:
    """Stems of the music on one server, played in the room of another.

    Args:
        jackd, daemon, jack_client, remote_client: the fixtures.
        skewed_clock: clock of the room's machine.
        seconds: length of the music.
        periods_frames: periods of the separating server and of the room's.
        bridge_ms: configured delay of the bridge.
    """

    def __init__(
        self,
        jackd: Callable[..., Any],
        daemon: Callable[..., Daemon],
        jack_client: Callable[..., JackClient],
        remote_client: Callable[..., RemoteClient],
        skewed_clock: SkewedClock,
        seconds: float,
        periods_frames: tuple[int, int],
        bridge_ms: float,
    ) -> None:
        there = jackd(period_frames=periods_frames[0], prompt=True).name
        here = jackd(period_frames=periods_frames[1], prompt=True, through=skewed_clock.through).name
        self.tape = long_tape(seconds)
        silence = np.zeros((0, self.tape.shape[1]), np.float32)
        self.recorder = remote_client(here, len(LABELS), silence, name="ears")
        self.stem_recorder = jack_client(there, len(HOMES), silence, name="witness")
        """Records the stems at their source, both sides mixed."""
        self.player = jack_client(there, 0, self.tape)
        jack: dict[str, Any] = {"connect_inputs": ["studio:out*"], "connect_outputs": ["zita-j2n:in_*"]}
        self.separation = daemon(
            driver="jack",
            role="separation",
            model="light",
            jack={"server_name": there, "client_name": "separation"} | jack,
            separation={"margin_ms": 150},
        )
        jack = {"connect_inputs": ["zita-n2j:out_*"], "connect_outputs": ["ears:in*"]}
        self.room = daemon(
            driver="jack",
            role="renderer",
            layout="quad",
            jack={"server_name": here, "client_name": "room"} | jack,
            peer={"host": "127.0.0.1", "port": self.separation.port, "bridge_ms": bridge_ms},
        )
        port = free_port()
        self.sender = BridgeEnd("zita-j2n", there, port)
        self.receiver = BridgeEnd("zita-n2j", here, port, skewed_clock.through)

    def start(self) -> None:
        """Start all four programs, set the scene, then start the music."""
        for one in (self.receiver, self.sender, self.separation, self.room):
            one.start()
        self.separation.wait_for("stems arrive")
        for name, azimuth_deg in AZIMUTHS_DEG.items():
            self.room.send(f"/object/{name}/aed", azimuth_deg, 0.0, 1.0)
            self.room.send(f"/object/{name}/width", 0.0)
        self.room.settle()
        self.watch()
        for one in (self.recorder, self.stem_recorder, self.player):
            one.roll()

    def watch(self) -> None:
        """Connect the stem recorder to a separation that has just started."""
        for name, port in zip(HOMES, self.stem_recorder.ins, strict=True):
            for side in "LR":
                self.stem_recorder.jack.connect(f"separation:{name}_{side}", port)

    def wait_s(self, seconds: float) -> int:
        """Wait while this much is recorded; return the frame at which it started."""
        begin = self.recorder.at
        self.recorder.wait(begin + int(seconds * RATE_HZ))
        return int(begin)

    def xruns(self) -> list[int]:
        """Xruns of both servers."""
        return [one.ask("/status/xruns")[0] for one in (self.separation, self.room)]

    def delay_s(self, at: int) -> float:
        """Delay from the player to the sum of all loudspeakers, measured at a frame."""
        piece = self.recorder.record[:, at : at + PIECE].astype(float).sum(0)
        (heard_s,) = self.recorder.times_s([at])
        now = self._frame(self.player, heard_s)
        begin = max(now - LONGEST_DELAY, 0)
        played = self.tape[:, begin : now + PIECE].astype(float).sum(0)
        power = np.cumsum(np.concatenate([[0.0], np.square(played)]))
        likeness = correlate(played, piece, "valid", "fft") / np.sqrt(power[PIECE:] - power[:-PIECE])
        best = int(np.argmax(likeness[1:-1])) + 1
        before, most, after = likeness[best - 1 : best + 2]
        assert most > 0.5 * np.linalg.norm(piece) > 0.0, "this is not the recording"
        between = 0.5 * (before - after) / (before - 2 * most + after)
        (played_s,) = self.player.times_s([begin + best])
        return float(heard_s - played_s - between / RATE_HZ)

    def energies(self, at: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Energy of each loudspeaker in these frames, and of the stems that belong there at their source.

        Returns:
            Energies in the resampler's passband, both (loudspeakers,).
        """
        own_s = 1e-3 * self.separation.ask("/status/latency")[0]
        (heard_s,) = self.recorder.times_s([at])
        left = self._frame(self.stem_recorder, heard_s - self.delay_s(at) + own_s)
        stems = self.stem_recorder.record[:, left : left + frames].astype(float)
        feeds = np.zeros((len(LABELS), stems.shape[1]))
        for stem, home in zip(stems, HOMES.values(), strict=True):
            feeds[LABELS.index(home)] += stem
        return band_energy(self.recorder.record[:, at : at + frames]), band_energy(feeds)

    def _frame(self, jack_client: Recording, at_s: float) -> int:
        """Frame that a client played or recorded at a monotonic time."""
        end = jack_client.at
        near = min(int(np.searchsorted(jack_client.clock[:end, 0], 1e9 * at_s)), end - 1)
        (near_s,) = jack_client.times_s([near])
        return near + round((at_s - near_s) * RATE_HZ)

    def close(self) -> None:
        """End the bridge."""
        self.sender.close()
        self.receiver.close()
