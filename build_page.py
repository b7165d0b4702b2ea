"""Build the panner page into `control/static` with npm, unless it is up to date.

Run as a script, or by setup.py as a step of every build. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "control" / "web"
BUILT = FOLDER.parent / "static"
STAMP = BUILT / "stamp.txt"
NODE = (20, 19)


class PageError(Exception):
    """The page cannot be built; the message says what is missing."""


def build() -> None:
    """Build the page.

    Raises:
        PageError: there is no Node.js or npm, or they fail.
    """
    stamp = sources()
    if STAMP.is_file() and STAMP.read_text() == stamp:
        return
    # the environment has a Node.js only if the system's is too old
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    npm = shutil.which("npm", path=path)
    if npm is None or not _has_node(path):
        wanted = ".".join(map(str, NODE))
        raise PageError(f"the panner page needs Node.js {wanted} or later with npm, or an sdist that holds the page")
    for step in (("ci", "--no-audit", "--no-fund"), ("run", "build")):
        done = subprocess.run(
            [npm, *step], cwd=FOLDER, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PageError(f"npm {' '.join(step)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    STAMP.write_text(stamp)


def sources() -> str:
    """Hash of all sources of the page."""
    names = ("index.html", "package-lock.json", "vite.config.ts")
    files = [FOLDER / name for name in names] + [f for f in (FOLDER / "src").rglob("*") if f.is_file()]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(FOLDER).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _has_node(path: str) -> bool:
    node = shutil.which("node", path=path)
    if node is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", told)
    return found is not None and (int(found[1]), int(found[2])) >= NODE


if __name__ == "__main__":
    try:
        build()
    except PageError as error:
        sys.exit(str(error))
