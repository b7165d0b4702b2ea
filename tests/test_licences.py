"""What a user installs with stemfield may be shipped with it: the licence of every run-time dependency is a known one.

Weak copyleft (LGPL, MPL) is among them: those parts are libraries of their own, which anybody may replace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
EXTRAS = ("", "batch", "plot", "sofa")
"""What a user of the daemon may install; training is done by who develops."""
FREE = re.compile(
    r"^(MIT|MIT-0|MIT-CMU|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|ISC|PSF-2\.0|Python-2\.0|MPL-2\.0|HPND|Zlib|CC0-1\.0|Unlicense"
    r"|LGPL-2\.1-or-later|LGPL-2\.1-only|LLVM-exception|BSL-1\.0)$"
)
NAMES = {
    "mit license": "MIT",
    "mit": "MIT",
    "expat": "MIT",
    "bsd license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd-3-clause license": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.1-or-later",
    "gnu library or lesser general public license (lgpl)": "LGPL-2.1-or-later",
    "the unlicense (unlicense)": "Unlicense",
    "3-clause bsd license": "BSD-3-Clause",
}
GRANTS = {
    "free and unencumbered software released into the public domain": "Unlicense",
    "Permission is hereby granted, free of charge, to any person obtaining a copy": "MIT",
}
"""What is said where the whole text stands in place of a name."""

READ = {"qrcode": ("BSD-3-Clause", "MIT")}
"""What the licence's own text says where the classifiers add that there is another one."""

UNCLEAR = {"OSI Approved", "Freely Distributable"}
"""Says too little to count beside what else is said."""


def needed() -> dict[str, Distribution]:
    """Every distribution that a user installs here, by its name."""
    found: dict[str, Distribution] = {}
    waiting = [("stemfield", extra) for extra in EXTRAS]
    seen = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found[name] = distribution(name)
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                own = re.sub(r"[-_.]+", "-", requirement.name).lower()
                waiting += [(own, more) for more in ("", *requirement.extras)]
    return found


def licences(given: Distribution) -> Iterator[str]:
    """The licences as SPDX has them, from what the package says of itself."""
    data = given.metadata
    if given.name in READ:
        yield from READ[given.name]
        return
    if expression := data.get("License-Expression"):
        yield from re.findall(r"[\w.+-]+", re.sub(r"\b(AND|OR|WITH)\b", " ", expression))
        return
    words = [c.rpartition(" :: ")[2] for c in data.get_all("Classifier") or () if c.startswith("License :: ")]
    words = [word for word in words if word not in UNCLEAR]
    words = words or [word for word in (data.get("License"),) if word]
    if not words:  # only the text of it is there
        words = [file.read_text() for file in given.files or () if re.match("LICEN[SC]E", file.name, re.IGNORECASE)]
    for word in words:
        plain = " ".join(word.split())
        found = next((name for said, name in GRANTS.items() if said in plain), None)
        yield found or NAMES.get(plain.lower(), plain[:80])


def test_every_dependency_is_free_to_be_shipped() -> None:
    wrong = {}
    packages = needed()
    assert {"numpy", "numba", "aiohttp", "onnxruntime", "matplotlib", "multidict"} <= packages.keys()
    for name, given in packages.items():
        found = list(licences(given))
        if not found or not all(map(FREE.match, found)):
            wrong[name] = found
    assert not wrong


def test_every_dependency_is_installed() -> None:
    with pytest.raises(PackageNotFoundError):
        distribution("no-such-package-of-stemfield")
    assert len(needed()) > 20


def test_what_the_page_brings_along_is_free_to_be_shipped() -> None:
    """The panner page's own dependencies; what only builds and tests it is not shipped."""
    lock = json.loads((ROOT / "control" / "web" / "package-lock.json").read_text())
    shipped = {name: one for name, one in lock["packages"].items() if name and not one.get("dev")}
    assert shipped
    assert not {name: one.get("license") for name, one in shipped.items() if not FREE.match(one.get("license", ""))}
