"""Fixtures for every test: real servers, and the check that nothing outlives a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pipewire import PipeWireAsJackd
from servers import Jackd, need
from xdist.scheduler import LoadScopeScheduling

# Tests also load ONNX Runtime themselves, whose telemetry would otherwise be on.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Tests run in the background ignore SIGINT, and so would their children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LIVE = (
    "tests/faults/",
    "tests/first_hour/test_doctor.py",
    "tests/integration/",
    "tests/control/network/test_discovery.py",
    "tests/renderer/drivers/test_jack_driver.py",
    "tests/separation/worker/test_succession.py",
    "tests/separation/worker/test_worker.py",
)
"""Tests that play in real time or use multicast: never two of them at a time."""
NOT_LIVE = ("tests/integration/test_service.py", "tests/integration/test_files_written.py")
"""Exceptions, which look at processes, not at sound."""


def is_live(nodeid: str) -> bool:
    return nodeid.startswith(LIVE) and not nodeid.startswith(NOT_LIVE)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--server", choices=("jackd", "pipewire"), default="jackd", help="kind of the fixture `jackd`")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--server") == "jackd":
        return
    # Which libjack a program uses is decided when it starts.
    asked = "import jack; raise SystemExit('PipeWire' not in jack.version_string())"
    if subprocess.run([sys.executable, "-c", asked], check=False).returncode != 0:
        raise pytest.UsageError("--server pipewire: this program has another libjack than PipeWire's (make pipewire)")
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        raise pytest.UsageError("--server pipewire: there is no bus of its own (make pipewire)")


class Scheduler(LoadScopeScheduling):
    """Distribute tests among processes (`pytest -n 2`): live tests to one, other files to any free one."""

    def _split_scope(self, nodeid: str) -> str:
        return "live" if is_live(nodeid) else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    config.option.loadscopereorder = False
    return Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run live tests first, as they take longest; next those without compiled code, which compiles meanwhile."""
    items.sort(key=lambda item: item.path.parent, reverse=True)
    items.sort(key=lambda item: not is_live(item.nodeid))


def _at_work() -> set[threading.Thread | int]:
    """Threads of this process, and its children by their process id."""
    found: set[threading.Thread | int] = {t for t in threading.enumerate() if not t.name.startswith("asyncio_")}
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # the thread has just ended
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def _collect_orphans(found: set[threading.Thread | int]) -> None:
    """Reap ended children: as process 1 in a container, pytest also gets those of ended parents."""
    for child in found:
        if isinstance(child, int):
            with suppress(ChildProcessError):  # already reaped by its parent
                os.waitpid(child, os.WNOHANG)


@pytest.fixture(autouse=True)
def _nothing_outlives_a_test() -> Iterator[None]:
    before = _at_work()
    yield
    deadline = time.monotonic() + 2
    while left := _at_work() - before:
        if os.getpid() == 1:
            _collect_orphans(left)
        if time.monotonic() > deadline:
            pytest.fail(f"threads or children outlive the test: {left}")
        time.sleep(0.01)


@pytest.fixture
def jackd(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Jackd | PipeWireAsJackd]]:
    """`jackd(rate_hz=48000, period_frames=64)` makes a running server of the kind in `--server`."""
    servers: list[Jackd | PipeWireAsJackd] = []
    kind: Any = Jackd
    if request.config.getoption("--server") == "pipewire":
        kind = partial(PipeWireAsJackd, tmp_path / "pw")
        monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path / "pw"))

    def make(**settings: Any) -> Jackd | PipeWireAsJackd:
        server: Jackd | PipeWireAsJackd = kind(**settings)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """`tool("oscsend")` returns the path of a program, or fails the test."""
    return need


@pytest.fixture
def repository() -> Path:
    """Root of the source tree."""
    return Path(__file__).parent.parent


TIMEOUT_FACTOR = 5
"""Factor on timeouts for busy machines: no test measures speed."""
MAX_EXTRA_S = 60


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Poll until `true()` holds; fail after a multiple of `seconds`, which a quiet machine never needs."""
    timeout_s = min(TIMEOUT_FACTOR * seconds, seconds + MAX_EXTRA_S)
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.01)


@pytest.fixture
def until() -> Callable[[Callable[[], object], float, str], None]:
    """`until(condition, seconds, what)`."""
    return wait_until
