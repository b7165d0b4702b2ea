"""How fast a separator computes on this machine."""

from __future__ import annotations

import time

import numpy as np

from stemfield.separation.streaming.streaming import Separator

STEPS = 10
TRIALS = 3
LONG_STEP_S = 0.5
"""A model whose calls bring more sound than this is timed by one call."""


def compute_share(separator: Separator) -> float:
    """Seconds of compute for a second of sound, in the quickest of some trials; the separator is reset.

    Less than 1 keeps up with live sound. The first call, which allocates, does not count, and neither does time in
    which others had the processor: a machine that is busy at the start is not a slow one.

    Raises:
        CardError: the graph does not give what the card says.
    """
    rate_hz = separator.sample_rate_hz
    long = separator.step_frames > LONG_STEP_S * rate_hz
    frames, trials = (separator.step_frames, 1) if long else (STEPS * separator.step_frames, TRIALS)
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, max(frames, separator.latency_frames)))
    sound = noise.astype(np.float32)
    separator.reset()
    separator.feed(sound)
    times_s = []
    for _ in range(trials):
        started_s, used_s = time.perf_counter(), time.process_time()
        separator.feed(sound[:, :frames])
        # Of a runtime with several threads the processor's time is the longer.
        times_s.append(min(time.perf_counter() - started_s, time.process_time() - used_s))
    separator.reset()
    return min(times_s) * rate_hz / frames
