"""The folder in which compiled code is kept between starts."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from numba import config

HERE = Path(__file__).parents[1]
_IMPORT = re.compile(r"^\s*from stemfield\.renderer([\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)


def compiled_sources() -> dict[Path, str]:
    """The files of this package with compiled functions, and all files that they import, with their texts."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(HERE.rglob("*.py"))}
    found = {path for path, text in texts.items() if "numba" in text}
    new = found
    while new:
        new = {imported for path in new for imported in _imports(texts[path]) if imported in texts} - found
        found |= new
    return {path: texts[path] for path in sorted(found)}


def cache_folder() -> Path:
    """A different folder for every state of those files.

    Numba checks only the file of the cached function itself. The functions that it calls, and the numbers of words, are
    compiled into it: after a change of another file it would run old code on new memory.
    """
    stamp = hashlib.sha256()
    for path, text in compiled_sources().items():
        stamp.update(f"{path}\n{text}".encode())
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stemfield" / "numba"
    return Path(config.CACHE_DIR or own) / stamp.hexdigest()[:16]


def _imports(text: str) -> Iterator[Path]:
    for module, names in _IMPORT.findall(text):
        place = HERE.joinpath(*module.split("."))
        yield place.with_suffix(".py")
        yield place / "__init__.py"
        yield from (place / f"{name}.py" for name in re.findall(r"\w+", names))
