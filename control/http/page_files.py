"""The files of the panner page, read once, so that no path of a request reaches the file system."""

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
"""Content security policy: nothing from other hosts, no inline scripts or styles, no framing."""

PLACEHOLDER: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>stemfield</title>
<meta name="viewport" content="width=device-width">
<h1>The panner page is not built</h1>
<p>The daemon runs and receives OSC. Run <code>make page</code> in the source folder (it needs Node.js 20.19 or later
with npm), then restart the daemon.</p></html>
"""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent.

    Attributes:
        content: the file.
        gzipped: the same by gzip; empty if that saves nothing.
        mime_type: such as text/html.
        tag: hash of the content, for caches.
        immutable: whether the name changes with the content.
    """

    content: bytes
    gzipped: bytes
    mime_type: str
    tag: str
    immutable: bool


def page_files() -> Mapping[str, PageFile]:
    """The files by their paths, with `/` as separator; only a placeholder if the page was not built."""
    found: dict[str, PageFile] = {}
    folder = files("stemfield.control") / "static"
    if folder.is_dir():
        _collect(folder, "", found)
    if "index.html" not in found:
        found["index.html"] = _page_file("index.html", PLACEHOLDER.encode())
    return found


def file_response(request: web.Request, file: PageFile) -> web.Response:
    """The response with a file, or 304 if the browser has it."""
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "max-age=31536000, immutable" if file.immutable else "no-cache",
        "ETag": f'"{file.tag}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("If-None-Match") == f'"{file.tag}"':
        return web.Response(status=304, headers=headers)
    body = file.content
    if file.gzipped and "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = file.gzipped, "gzip"
    charset = "utf-8" if file.mime_type.startswith("text/") else None
    return web.Response(body=body, content_type=file.mime_type, charset=charset, headers=headers)


def _collect(folder: Traversable, path: str, found: dict[str, PageFile]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _collect(entry, f"{path}{entry.name}/", found)
        elif any(entry.name.endswith(end) for end in _TYPES):
            found[path + entry.name] = _page_file(path + entry.name, entry.read_bytes())


def _page_file(path: str, content: bytes) -> PageFile:
    mime_type = next(mime_type for end, mime_type in _TYPES.items() if path.endswith(end))
    compressible = len(content) > _SMALL and mime_type != "image/png"
    gzipped = gzip.compress(content, 6, mtime=0) if compressible else b""
    return PageFile(content, gzipped, mime_type, hashlib.sha256(content).hexdigest()[:16], path.startswith("assets/"))
