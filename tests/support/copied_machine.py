"""Copy-on-write view of this machine's files: anything installed there is gone afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NOTES = (
    "var/lib/dpkg",
    "var/cache",
    "var/log",
    "run",
    "tmp",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
)
"""Files that dpkg and its helpers write for themselves."""


class CopiedMachine:
    """Needs root.

    Args:
        folder: empty folder for the copy.
        shared: folders to make available under the same names, even from another disk.
    """

    def __init__(self, folder: Path, shared: Sequence[str]) -> None:
        root = folder / "root"
        steps = (
            f"mount -t tmpfs tmpfs {folder}",
            f"mkdir {folder}/changed {folder}/work {root}",
            f"mount -t overlay overlay -o lowerdir=/,upperdir={folder}/changed,workdir={folder}/work {root}",
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
            *(f"mkdir -p {root}{path} && mount --bind {path} {root}{path}" for path in shared),
            "echo made",
            "exec sleep infinity",
        )
        command = ["unshare", "--mount", "sh", "-c", " && ".join(steps)]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "made\n"
        self._enter = ["nsenter", f"--target={self._holder.pid}", "--mount", "chroot", str(root)]
        seen = Path(f"/proc/{self._holder.pid}/root{folder}")
        self.root, self._changed = seen / "root", seen / "changed"

    def run(self, *command: Any) -> subprocess.CompletedProcess[str]:
        """Run a program there, with a clean environment."""
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
        words = [*self._enter, *map(str, command)]
        return subprocess.run(words, capture_output=True, text=True, env=clean, check=False)

    def say(self, *command: Any) -> str:
        """Run a program that has to succeed; return its output."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def changes(self) -> set[str]:
        """Every file that is not as it is on the machine itself, but for notes."""
        found = set()
        for path in self._changed.rglob("*"):
            name = path.relative_to(self._changed)
            if name.as_posix().startswith(NOTES) or path.is_dir():
                continue
            here = Path("/") / name
            if not (path.is_file() and here.is_file() and path.read_bytes() == here.read_bytes()):
                found.add(f"/{name}")
        return found

    def close(self) -> None:
        """Throws it away."""
        self._holder.kill()
        self._holder.communicate()
