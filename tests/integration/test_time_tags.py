"""Time tags take effect in the sound at their time: measured at a loudspeaker's output, by its callback times."""

from __future__ import annotations

import time

import numpy as np
import pytest

MOMENTS = 12


@pytest.mark.parametrize("period", [256, 1024])
def test_a_bundle_is_heard_at_its_time(daemon, jackd, jack_client, period):
    """Other objects move meanwhile, and each change is sent and applied before the next one is heard."""
    server = jackd(period_frames=period, prompt=True)
    room = daemon(
        driver="jack", jack={"server_name": server.name}, inputs=[{"name": "mic"}], separation={"enabled": False}
    )
    room.start()
    watch = jack_client(server.name, 1, np.full((1, 5 * 48_000), 0.5, np.float32))
    # In this order: the server delays what closes a loop by a period, and here that may be the constant.
    watch.jack.connect("stemfield:M+000", watch.ins[0])
    watch.jack.connect(watch.outs[0], "stemfield:mic")
    watch.roll()
    room.settle()
    due_s = 0.5 + 0.1237 * np.arange(MOMENTS)
    monotonic_s, epoch_s = time.monotonic(), time.time()
    for n, at_s in enumerate(due_s):
        room.send_at(epoch_s + at_s, "/object/mic/level", 0.25 + 0.5 * (n % 2))
    while time.monotonic() < monotonic_s + due_s[-1] + 0.3:
        room.send("/object/vocals/azimuth", 90.0 * np.sin(20.0 * time.monotonic()))
        time.sleep(0.005)
    found_s = watch.changes_s() - monotonic_s
    found_s = found_s[found_s > 0.4]
    assert len(found_s) == MOMENTS
    assert np.median(np.abs(found_s - due_s)) < 1e-3
