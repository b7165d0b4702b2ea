"""Every address that is printed, announced or shown answers, seen from a second network; broadcasts are heard."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BOTH = {"osc": True, "http": True}
INSIDE = {"10.78.0.1", "10.79.0.1"}


@pytest.fixture(scope="module")
def found(tool: Callable[[str], str]) -> Any:
    program = Path(__file__).parents[2] / "support" / "reachable_addresses.py"
    done = subprocess.run([tool("unshare"), "-rmn", sys.executable, str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("network", ["::", "0.0.0.0", "interface", "IPv4 address", "IPv6 address", "loopback"])
@pytest.mark.parametrize("where", ["printed", "announced", "shown"])
def test_every_address_that_is_told_answers(found: Any, network: str, where: str) -> None:
    addresses = found[network][where]
    assert addresses
    assert {address for address, answers in addresses.items() if answers != BOTH} == set()


@pytest.mark.parametrize(
    ("network", "addresses"),
    [
        ("::", INSIDE | {"fd78::1"}),
        ("0.0.0.0", INSIDE),
        ("interface", INSIDE),
        ("IPv4 address", {"10.78.0.1"}),
        ("IPv6 address", {"fd78::1"}),
        ("loopback", {"127.0.0.1"}),
    ],
)
def test_what_others_can_reach_is_announced(found: Any, network: str, addresses: set[str]) -> None:
    assert set(found[network]["announced"]) == addresses


@pytest.mark.parametrize("network", ["::", "0.0.0.0", "interface", "IPv4 address"])
@pytest.mark.parametrize("to", ["10.78.0.255", "255.255.255.255"])
def test_broadcasts_are_heard(found: Any, network: str, to: str) -> None:
    assert found[network]["broadcast"][to]["osc"]


@pytest.mark.parametrize("network", ["loopback", "IPv6 address"])
@pytest.mark.parametrize("to", ["10.78.0.255", "255.255.255.255"])
def test_broadcasts_of_a_network_that_is_not_opened_are_not_heard(found: Any, network: str, to: str) -> None:
    assert not found[network]["broadcast"][to]["osc"]
