"""Who gets in from a second network: a daemon and three hosts, each in a network of the kernel's, joined by a cable."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], str]) -> Any:
    """What each host got of a daemon as it is at first, and of one that is opened to some of the network."""
    program = Path(__file__).parents[2] / "support" / "two_networks.py"
    folder = tmp_path_factory.mktemp("networks")
    command = [tool("unshare"), "-rmn", sys.executable, str(program), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_by_default_no_other_host_is_allowed(found: Any) -> None:
    assert found["closed"] == {"allowed": {"tcp": 0, "udp": [[], [], [], []]}, "itself": [["/scene/amount", 1.0]]}


def test_an_allowed_host_controls_the_daemon_with_the_token(found: Any) -> None:
    assert found["open"]["allowed"] == {
        "question": [["/scene/amount", 1.0]],
        "change": [["/scene/amount", 0.5]],
        "tree": 200,
        "no token": 401,
        "wrong token": 401,
        "token in the address": 200,
        "page": 200,
        "its socket": "open",
        "its socket without token": "401",
        "audio without token": "401",
        "client": "open",
        "client without token": "401",
        "a rebound name": 403,
        "another page": 403,
        "a socket of another page": "403",
        "its own page": 200,
        "s3a": [],
    }


def test_a_read_only_host_changes_nothing(found: Any) -> None:
    viewer = found["open"]["read_only"]
    assert viewer["question"] == [["/scene/amount", 0.5]]
    refusal, answer = viewer["change"]
    assert refusal == ["/error", "/scene/amount", "read-only access: changes are not allowed (network.read_only)"]
    assert answer == ["/scene/amount", 0.5]
    assert {key: viewer[key] for key in ("tree", "no token", "client")} == {
        "tree": 200,
        "no token": 401,
        "client": "open",
    }


def test_a_host_that_is_not_allowed_gets_no_reply(found: Any) -> None:
    refused = found["open"]["refused"]
    assert [refused[key] for key in ("question", "change", "s3a")] == [[], [], []]
    for key, answer in refused.items():
        if key not in ("question", "change", "s3a"):
            assert answer in (403, "403"), key
