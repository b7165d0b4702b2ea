"""The text for bug reports: all evidence in plain text, without secrets."""

from __future__ import annotations

import dataclasses
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding
from stemfield.layouts.schema import HIDDEN

HEAD: Final = "stemfield doctor's report"
PACKAGES: Final = (
    "stemfield",
    "JACK-Client",
    "numpy",
    "numba",
    "llvmlite",
    "onnxruntime",
    "aiohttp",
    "soundfile",
    "soxr",
)
PROGRAMS: Final = (("jackd", "--version"), ("pipewire", "--version"), ("wireplumber", "--version"))
TIMEOUT_S: Final = 5.0


def report(evidence: Evidence, findings: Sequence[Finding]) -> str:
    """Format evidence and findings as text."""
    parts = {
        "Findings": [str(finding) for finding in findings] or ["none"],
        "Not examined": list(evidence.unseen),
        "Versions": [*_versions()],
        "Limits of this process": [*_limits()],
        "Sound servers": [*_servers(evidence)],
        "JACK ports": [*_ports(evidence)],
        "Rights": [_shown(evidence.rights)],
        "Units": [_shown(unit) for unit in evidence.units],
        "Sound cards": [_shown(card) for card in evidence.cards],
        "HDMI": list(map(str, evidence.receivers)),
        "Daemon": [*_daemon(evidence)],
        "Last runs": [_shown(run) for run in evidence.runs],
        "Configuration": json.dumps(configuration(evidence), indent=1, default=str).splitlines(),
    }
    lines = [f"{HEAD}, {time.strftime('%Y-%m-%d %H:%M:%S %z')}"]
    for title, texts in parts.items():
        lines += ["", title, "-" * len(title), *(texts or ["none"])]
    text = "\n".join(lines) + "\n"
    token = evidence.config.network.token
    return text.replace(token, HIDDEN) if token else text


def configuration(evidence: Evidence) -> dict[str, Any]:
    """All keys and values, with the token hidden."""
    found = evidence.config.model_dump(mode="json")
    if found["network"]["token"]:
        found["network"]["token"] = HIDDEN
    return found


def is_report(path: Path) -> bool:
    """Whether a file is such a report, which may be overwritten."""
    try:
        with path.open("rb") as file:
            return file.read(len(HEAD)) == HEAD.encode()
    except OSError:
        return False


def _versions() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} is not installed"
    yield f"Python {sys.version.split()[0]}"
    yield f"{platform.system()} {platform.release()} {platform.machine()}"
    with suppress(OSError):
        yield platform.freedesktop_os_release()["PRETTY_NAME"]
    for command in PROGRAMS:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except OSError:
            yield f"{command[0]} is not installed"
        except subprocess.TimeoutExpired:
            yield f"{command[0]} does not reply"
        else:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if any(c.isdigit() for c in line)]
            yield f"{command[0]}: {lines[0].strip() if lines else 'no version reported'}"


def _limits() -> Iterator[str]:
    for name in ("RTPRIO", "RTTIME", "MEMLOCK", "NOFILE", "NICE"):
        soft, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        yield f"RLIMIT_{name} {soft} (hard {hard}; -1 is unlimited)"


def _servers(evidence: Evidence) -> Iterator[str]:
    yield f"configured: {evidence.server_name}, driver: {evidence.config.driver}"
    for server in evidence.servers:
        yield f"{server.name}: {server.process}: {' '.join(server.process.command)}"
    yield f"PipeWire: {_shown(evidence.pipewire)}"
    if evidence.jack is None:
        yield "JACK is not used, or belongs to another user"
    else:
        yield _shown(dataclasses.replace(evidence.jack, ports=()))
    for remnant in evidence.remnants:
        yield _shown(remnant)


def _ports(evidence: Evidence) -> Iterator[str]:
    for port in evidence.jack.ports if evidence.jack is not None else ():
        way = "in " if port.is_input else "out"
        yield f"{way} {port.name}{' (physical)' if port.is_physical else ''}: {', '.join(port.connections) or '-'}"


def _daemon(evidence: Evidence) -> Iterator[str]:
    daemon = evidence.daemon
    yield f"listens on {', '.join(daemon.addresses) or daemon.address_problem}"
    yield f"OSC port used by {daemon.osc_owner or 'no process'}"
    yield f"replies: {daemon.answers}"
    for address, values in daemon.values.items():
        yield f"{address} {' '.join(map(str, values))}"
    for page in daemon.pages:
        yield f"{page.shown} {page.problem or 'works'}"


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    return ", ".join(f"{field.name}: {getattr(value, field.name)}" for field in dataclasses.fields(value))
