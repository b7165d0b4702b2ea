from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import pytest

from stemfield.systemd.notify import notify, watchdog_interval_s


@pytest.mark.parametrize("abstract", [False, True])
def test_a_manager_hears_it(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"@stemfield-{secrets.token_hex(8)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert notify("READY=1\nSTATUS=22.2, 5 objects")
        assert manager.recv(4096) == b"READY=1\nSTATUS=22.2, 5 objects"


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all", "@stemfield-nobody-listens"])
def test_without_a_manager_nothing_happens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    assert not notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "ours", "expected"),
    [("10000000", True, 5.0), ("10000000", False, None), ("0", True, None), ("soon", True, None)],
)
def test_watchdog(usec: str, ours: bool, expected: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() if ours else 1))
    assert watchdog_interval_s() == expected
    monkeypatch.delenv("WATCHDOG_USEC")
    assert watchdog_interval_s() is None
