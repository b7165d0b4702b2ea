"""What these tests share with those of faults, and what is known to fail on PipeWire."""

from __future__ import annotations

import pytest
from live_fixtures import _compiled, _quiet_home, daemon, stemfield, studio

__all__ = ["_compiled", "_quiet_home", "daemon", "stemfield", "studio"]

FAILING_ON_PIPEWIRE = {
    "test_live_equals_the_file_renderer_sample_by_sample": (
        "at the right delay the loudspeakers with objects differ by up to 0.3, less and less over seconds,"
        " without an xrun; the cause is not found"
    ),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--server") != "pipewire":
        return
    for item in items:
        reason = FAILING_ON_PIPEWIRE.get(item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))
