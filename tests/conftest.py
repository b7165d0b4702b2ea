"""What every test may use: real servers, and the promise that nothing outlives a test."""

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

# Tests load ONNX Runtime by themselves too, which would report to its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Where the tests run in the background an interrupt is ignored, and by their children too.
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
"""What plays in real time, or speaks on the one network: never two of them at a time."""
NOT_LIVE = ("tests/integration/test_service.py", "tests/integration/test_files_written.py")
"""What looks at processes among them, and not at sound."""


def is_live(nodeid: str) -> bool:
    return nodeid.startswith(LIVE) and not nodeid.startswith(NOT_LIVE)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--server", choices=("jackd", "pipewire"), default="jackd", help="what the fixture `jackd` starts")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--server") == "jackd":
        return
    # Whose libjack a program gets is decided when it starts.
    asked = "import jack; raise SystemExit('PipeWire' not in jack.version_string())"
    if subprocess.run([sys.executable, "-c", asked], check=False).returncode != 0:
        raise pytest.UsageError("--server pipewire: this program has another libjack than PipeWire's (make pipewire)")
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        raise pytest.UsageError("--server pipewire: there is no bus of its own (make pipewire)")


class Scheduler(LoadScopeScheduling):
    """Shares the tests among processes (`pytest -n 2`): what is live goes to one, other files to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "live" if is_live(nodeid) else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    config.option.loadscopereorder = False
    return Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The real time is the longest part and begins first; next what needs no compiled audio code: that is made then."""
    items.sort(key=lambda item: item.path.parent, reverse=True)
    items.sort(key=lambda item: not is_live(item.nodeid))


def _at_work() -> set[threading.Thread | int]:
    """Threads of this process, and its children by their process id."""
    found: set[threading.Thread | int] = {t for t in threading.enumerate() if not t.name.startswith("asyncio_")}
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def _collect_orphans(found: set[threading.Thread | int]) -> None:
    """Waits for ended children: process 1, which pytest may be in a container, is given those of ended parents."""
    for child in found:
        if isinstance(child, int):
            with suppress(ChildProcessError):  # its own parent has waited for it meanwhile
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
    """Makes running servers: `jackd(rate_hz=48000, period_frames=64)`; they are what `--server` says."""
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
        server.stop()


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """`tool("oscsend")`: the path of a program, or the test fails."""
    return need


@pytest.fixture
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).parent.parent


PATIENCE = 5
"""A machine that does much else may take so many times as long: no test says how fast one is."""
MOST_PATIENCE_S = 60


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Polls until `true()` holds; fails after `seconds`, which a quiet machine never needs, and much patience."""
    patience_s = min(PATIENCE * seconds, seconds + MOST_PATIENCE_S)
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {patience_s} s"
        time.sleep(0.01)


@pytest.fixture
def until() -> Callable[[Callable[[], object], float, str], None]:
    """`until(condition, seconds, what)`."""
    return wait_until
