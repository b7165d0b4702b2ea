"""Settings of the documentation site and the man pages, both built by `make docs-site`."""

import re
from importlib.metadata import version as installed

from sphinx.application import Sphinx

project = "stemfield"
author = "the stemfield authors"
copyright = f"2026, {author}"  # noqa: A001 (Sphinx wants the name)
version = release = installed("stemfield")

extensions = ["myst_parser"]
myst_heading_anchors = 3
highlight_language = "text"  # default: shells and files
exclude_patterns = ["examples", "evidence"]

html_theme = "furo"
html_title = "stemfield"
html_copy_source = False
html_show_sphinx = False

man_show_urls = False
man_pages = [
    ("cli", "stemfield", "live stereo music in, a room of loudspeakers out", author, 1),
    ("config", "stemfield.yaml", "configuration of the stemfield daemon", author, 5),
    ("osc", "stemfield-osc", "control of the stemfield daemon by OSC", author, 7),
]


def _stay_inside(_: Sphinx, __: str, source: list[str]) -> None:
    """Turn links to model reports and the change log into links to their pages on the site."""
    source[0] = source[0].replace("](../CHANGELOG.md)", "](changes.md)")
    source[0] = re.sub(r"\]\(\.\./separation/models/([\w-]+)/report\.md\)", r"](reports.md#\1)", source[0])


def setup(app: Sphinx) -> None:
    """Entry point for Sphinx."""
    app.connect("source-read", _stay_inside)
