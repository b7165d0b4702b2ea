"""The files of the panner page, read once: no path from the wire reaches the file system."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web

_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
_SMALL: Final = 1024

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing written into the page, no frame around it."""

PLACEHOLDER: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>stemfield</title>
<meta name="viewport" content="width=device-width">
<h1>The panner page is not built</h1>
<p>The daemon runs and hears OSC. In the checkout, <code>make page</code> builds the page; it needs Node.js 20.19 or
later with npm. Then start the daemon anew.</p></html>
"""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, as it is sent."""

    content: bytes
    packed: bytes
    """By gzip; empty where that is not worth it."""
    kind: str
    tag: str
    """For browsers that have it already."""
    lasting: bool
    """Its name changes with its content."""


def page_files() -> Mapping[str, PageFile]:
    """The files by their paths, with `/` between the parts; only a placeholder where the page was not built."""
    found: dict[str, PageFile] = {}
    folder = files("stemfield.control") / "static"
    if folder.is_dir():
        _collect(folder, "", found)
    if "index.html" not in found:
        found["index.html"] = _page_file("index.html", PLACEHOLDER.encode())
    return found


def answer(request: web.Request, file: PageFile) -> web.Response:
    """A file over HTTP."""
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "max-age=31536000, immutable" if file.lasting else "no-cache",
        "ETag": f'"{file.tag}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("If-None-Match") == f'"{file.tag}"':
        return web.Response(status=304, headers=headers)
    body = file.content
    if file.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = file.packed, "gzip"
    charset = "utf-8" if file.kind.startswith("text/") else None
    return web.Response(body=body, content_type=file.kind, charset=charset, headers=headers)


def _collect(folder: Traversable, path: str, found: dict[str, PageFile]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _collect(entry, f"{path}{entry.name}/", found)
        elif any(entry.name.endswith(end) for end in _TYPES):
            found[path + entry.name] = _page_file(path + entry.name, entry.read_bytes())


def _page_file(path: str, content: bytes) -> PageFile:
    kind = next(kind for end, kind in _TYPES.items() if path.endswith(end))
    packs = len(content) > _SMALL and kind != "image/png"
    packed = gzip.compress(content, 6, mtime=0) if packs else b""
    return PageFile(content, packed, kind, hashlib.sha256(content).hexdigest()[:16], path.startswith("assets/"))
