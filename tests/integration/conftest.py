"""Fixtures shared with the tests of faults, and the tests that are known to fail on PipeWire."""

from __future__ import annotations

import pytest
from live_fixtures import _compiled, _quiet_home, daemon, jack_client, stemfield
from pipewire import StepError

__all__ = ["_compiled", "_quiet_home", "daemon", "jack_client", "stemfield"]

_HOPS_MOVED = (
    "PipeWire does not wait for a late client: a skipped period shifts the separation's hops, and its adaptation"
    " differs for seconds"
)
_PERIOD_LATE = (
    "PipeWire skips a period of a late client: the sound is exactly 256 frames late for the latency of the daemon"
    " (whose blocks took 54 us of 2903)"
)
FAILING_ON_PIPEWIRE: dict[str, tuple[type[AssertionError], str]] = {
    "test_live_equals_the_file_renderer_sample_by_sample": (AssertionError, _HOPS_MOVED),
    "test_threshold_and_gains_of_instruments_by_osc_are_those_of_the_offline_remix": (AssertionError, _HOPS_MOVED),
    "test_an_export_in_freewheel_equals_the_file_renderer_sample_by_sample[256-15]": (AssertionError, _HOPS_MOVED),
    "test_an_export_in_freewheel_equals_the_file_renderer_sample_by_sample[2048-5]": (AssertionError, _HOPS_MOVED),
    "test_a_desktops_card_gets_each_feed_at_its_loudspeaker_whatever_happens_to_its_ports": (
        AssertionError,
        "PipeWire does not notify other clients of a port's new name",
    ),
    "test_other_rates_separate_too[88200]": (StepError, _PERIOD_LATE),
    "test_a_model_that_cannot_play_here_leaves_the_present_one_playing": (StepError, _PERIOD_LATE),
    "test_outputs_rise_and_sink_whenever_the_daemon_or_the_server_comes_and_goes": (
        StepError,
        "PipeWire drops the first period after silence, and skips one of a late client: a period of silence in the"
        " fade-in",
    ),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--server") != "pipewire":
        return
    for item in items:
        if item.name in FAILING_ON_PIPEWIRE:
            error, reason = FAILING_ON_PIPEWIRE[item.name]
            item.add_marker(pytest.mark.xfail(reason=reason, raises=error, strict=False))
