"""From `stemfield serve` to sound and "ready": the first start compiles, the second does not."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from bench import Row, give, jackd
from daemon_process import Daemon


def start(server: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        room = Daemon(Path(folder), driver="jack", jack={"server_name": server})
        began = time.perf_counter()
        room.start()
        ready = time.perf_counter() - began
        room.close()
    return ready


def main() -> None:
    cache = tempfile.mkdtemp()
    os.environ["NUMBA_CACHE_DIR"] = cache
    with jackd() as server:
        first = start(server)
        later = sorted(start(server) for _ in range(5))
    shutil.rmtree(cache)
    give(
        Row("serve to ready, first start", first, "s"),
        Row("serve to ready, second start (median of 5)", later[2], "s", at_most=4),
    )


if __name__ == "__main__":
    main()
