"""A studio in a process of its own, for a second server: libjack knows one in a process.

`python distant.py FILE SERVER NAME INPUTS OUTPUTS FRAMES`, where FILE is a descriptor of memory, until its input ends.
"""

from __future__ import annotations

import math
import mmap
import os
import subprocess
import sys
from typing import Any

import numpy as np
from studio import Studio, Tape


class Shared:
    """Gives arrays of memory that two processes share: to both in the same order."""

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, os.fstat(file).st_size)
        self._at = 0

    def __call__(self, shape: Any, kind: Any) -> np.ndarray:
        count = math.prod(shape) if isinstance(shape, tuple) else shape
        found = np.frombuffer(self._memory, kind, count, self._at).reshape(shape)
        self._at += -(-found.nbytes // 64) * 64
        return found


class Distant(Tape):
    """A studio on another server than this process has.

    Args:
        server: its name.
        inputs: how many feeds to record.
        tape: float32 (outputs, n).
        name: of the client.
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
        """Leaves the server."""
        try:
            self._process.communicate(timeout=10)
        finally:
            self._process.kill()


def main(file: int, server: str, name: str, inputs: int, outputs: int, frames: int) -> None:
    """Plays and records."""
    tape = Tape(inputs, outputs, frames, Shared(file)).tape
    studio = Studio(server, inputs, tape, name=name, memory=Shared(file))
    print("ready", flush=True)
    sys.stdin.read()
    studio.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
