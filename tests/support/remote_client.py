"""A JACK client in its own process, for a second server: libjack supports one server per process.

`python remote_client.py FILE SERVER NAME INPUTS OUTPUTS FRAMES`, where FILE is a file descriptor of shared memory, runs
until its input ends.
"""

from __future__ import annotations

import math
import mmap
import os
import subprocess
import sys
from typing import Any

import numpy as np
from jack_client import JackClient, Recording


class Shared:
    """Allocates arrays in memory shared by two processes; both have to allocate in the same order."""

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, os.fstat(file).st_size)
        self._at = 0

    def __call__(self, shape: Any, kind: Any) -> np.ndarray:
        count = math.prod(shape) if isinstance(shape, tuple) else shape
        found = np.frombuffer(self._memory, kind, count, self._at).reshape(shape)
        self._at += -(-found.nbytes // 64) * 64
        return found


class RemoteClient(Recording):
    """A JACK client on another server than that of this process.

    Args:
        server: JACK server name.
        inputs: number of channels to record.
        tape: float32 (outputs, n).
        name: client name.
    """

    def __init__(self, server: str, inputs: int, tape: np.ndarray, *, name: str = "studio") -> None:
        outputs, frames = tape.shape
        file = os.memfd_create(name)
        os.truncate(file, 4 * (inputs + outputs) * frames + 16 * (frames + 1) + 4096)
        super().__init__(inputs, outputs, frames, Shared(file))
        self.tape[:] = tape
        command = [sys.executable, __file__, *map(str, (file, server, name, inputs, outputs, frames))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[file])
        os.close(file)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            self.close()
            raise AssertionError(f"{name} is not on {server}")

    def close(self) -> None:
        """Leave the server."""
        try:
            self._process.communicate(timeout=10)
        finally:
            self._process.kill()


def main(file: int, server: str, name: str, inputs: int, outputs: int, frames: int) -> None:
    """Play and record."""
    tape = Recording(inputs, outputs, frames, Shared(file)).tape
    client = JackClient(server, inputs, tape, name=name, memory=Shared(file))
    print("ready", flush=True)
    sys.stdin.read()
    client.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
