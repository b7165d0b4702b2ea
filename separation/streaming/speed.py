"""Speed of a separator on this machine."""

from __future__ import annotations

import time

import numpy as np

from stemfield.separation.streaming.streaming import Separator

STEPS = 10
TRIALS = 3
LONG_STEP_S = 0.5
"""A model whose step is longer than this is timed by a single call."""


def realtime_factor(separator: Separator) -> float:
    """Real-time factor: seconds of compute per second of audio, in the fastest of some trials; resets the separator.

    Below 1 a model keeps up with live audio. The first call, which allocates, does not count, nor does time in which
    other processes had the CPU, so a machine that is busy at start-up does not count as slow.

    Raises:
        CardError: the graph's outputs do not match the card.
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
        # With several threads in the runtime, the CPU time is longer than the elapsed time.
        times_s.append(min(time.perf_counter() - started_s, time.process_time() - used_s))
    separator.reset()
    return min(times_s) * rate_hz / frames
