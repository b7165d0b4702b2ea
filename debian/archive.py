"""Write a Debian package as described in deb(5), with the standard library only.

`dpkg-deb --build` would name every folder above a file too, and dpkg removes a folder that a package names as soon as
it is empty, whoever made it: /opt, which belongs to no package.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

GZIP_LEVEL = 6


def write(target: Path, scripts: Path, stage: Path, left_out: Iterable[str]) -> None:
    """Write the package.

    Args:
        target: the package.
        scripts: folder with what is for dpkg: `control`, `md5sums`, `postinst` and so on.
        stage: the tree that is installed in /.
        left_out: folders of it that the package does not name, such as `opt`.
    """
    unnamed = {Path(folder) for folder in left_out}
    with target.open("wb") as out:
        out.write(b"!<arch>\n")
        _member(out, "debian-binary", io.BytesIO(b"2.0\n"))
        for name, tree, without in (("control", scripts, set()), ("data", stage, unnamed)):
            with tempfile.TemporaryFile() as packed:
                _pack(packed, tree, without)
                _member(out, f"{name}.tar.gz", packed)


def _pack(out: BinaryIO, tree: Path, without: set[Path]) -> None:
    with (
        gzip.GzipFile("", "wb", GZIP_LEVEL, out, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in (tree, *sorted(tree.rglob("*"))):
            name = path.relative_to(tree)
            if name not in without:
                archive.add(path, "." if path == tree else f"./{name}", recursive=False, filter=_of_root)


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _member(out: BinaryIO, name: str, data: BinaryIO) -> None:
    """Add a file to an `ar` archive, padded to an even number of bytes."""
    size = data.seek(0, io.SEEK_END)
    data.seek(0)
    out.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{size:<10}`\n".encode())
    while block := data.read(1 << 20):
        out.write(block)
    out.write(b"\n" * (size % 2))
