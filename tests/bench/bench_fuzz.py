"""Long runs of the fuzzers: damaged datagrams of every dialect into a running hub, damaged files and requests.

`tests/control/hub/test_fuzz.py` fails if an exception escapes, if the scene has a value that no message could have
set, or if memory grows by 8 MiB over the second half; `tests/control/scenes/test_fuzz_parsers.py` fails if a parser of
files, requests or the page's messages fails in an undocumented way. STEMFIELD_FUZZ is the number of datagrams
(default: a million); of every other kind there is a twentieth of that, of files a hundredth.
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
        Row("datagrams per second, all checked", COUNT / (time.monotonic() - began), "1/s"),
    )


if __name__ == "__main__":
    main()
