"""Damaged datagrams of every dialect into a running hub, and damaged files and requests: the fuzzers, at length.

`tests/control/hub/test_fuzz.py` fails if an exception escapes, if a value of the scene is one that no message could
have brought, or if memory grows by 8 MiB over the second half; `tests/control/scenes/test_fuzz_parsers.py` if a parser
of files, requests or the page's messages fails in any other way than it says. STEMFIELD_FUZZ says how many datagrams
there are (a million where it is not set); of each other kind there is one in twenty, of files one in a hundred.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench import Row, give

COUNT = int(os.environ.get("STEMFIELD_FUZZ", "1000000"))
ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=3600"]
    command += ["tests/control/hub/test_fuzz.py", "tests/control/scenes/test_fuzz_parsers.py"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"STEMFIELD_FUZZ": str(COUNT)}, stdout=subprocess.DEVNULL, check=False
    )
    give(
        Row("damaged datagrams", float(COUNT), "datagrams"),
        Row("runs that failed", float(done.returncode != 0), "of 1", at_most=0.0),
        Row("datagrams a second, all looked at", COUNT / (time.monotonic() - began), "1/s"),
    )


if __name__ == "__main__":
    main()
