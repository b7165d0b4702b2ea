"""The default model on this machine: how much of a core it takes, and how long sound takes through the daemon.

Speed: one thread, hop by hop, as the worker runs it. Latency: noise goes in through a JACK server at 48 kHz with 64
frames a period, and is found again in the loudspeaker feeds; the studio's own loop through the server is one period.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from bench import Row, give, jackd
from studio import Daemon, Studio

from stemfield.control.demo import DEMO_RATE_HZ, demo_mixture, demo_stems
from stemfield.layouts import load_layout
from stemfield.separation.card import load_card
from stemfield.separation.evaluate import si_sdr
from stemfield.separation.streaming import Separator

RATE, FRAMES = 48_000, 64


def speed_and_quality() -> list[Row]:
    mixture, truth = demo_mixture(), demo_stems()
    separator = Separator(load_card("first"), DEMO_RATE_HZ)
    hop = separator.wanted_frames
    separator.feed(mixture[:, : 20 * hop])
    separator.reset()
    times, pieces = [], []
    for at in range(0, mixture.shape[1], hop):
        began = time.perf_counter()
        pieces.append(separator.feed(mixture[:, at : at + hop]))
        times.append(time.perf_counter() - began)
    stems = np.concatenate([*pieces, separator.flush()], axis=2)
    factors = np.array(times) / (hop / DEMO_RATE_HZ)
    rows = [
        Row("default model, real-time factor", float(factors.mean()), "of one core", at_most=0.25),
        Row("default model, real-time factor, p99 of hops", float(np.percentile(factors, 99)), "of one core"),
    ]
    for name, true, found in zip(separator.stems, truth, stems, strict=True):
        rows.append(Row(f"demo song, {name}", si_sdr(true, found), "dB SI-SDR"))
        rows.append(Row(f"demo song, {name}, the mixture itself", si_sdr(true, mixture), "dB SI-SDR"))
    return rows


def latency() -> Row:
    labels = list(load_layout("22.2").labels)
    noise = (0.1 * np.random.default_rng(0).standard_normal((2, RATE))).astype(np.float32)
    with jackd(RATE, FRAMES) as server, tempfile.TemporaryDirectory() as folder:
        room = Daemon(Path(folder), driver="jack", jack={"server_name": server})
        room.start()
        desk = Studio(server, 24, noise)
        desk.connect("stemfield", ["mixture_L", "mixture_R"], labels)
        room.send("/scene/amount", 0.0)
        room.settle()
        desk.roll()
        desk.wait_end()
        heard = desk.record[labels.index("M+030")].astype(float)
        desk.close()
        room.close()
    spectrum = np.fft.rfft(heard, 2 * RATE) * np.conj(np.fft.rfft(noise[0].astype(float), 2 * RATE))
    delay = int(np.argmax(np.fft.irfft(spectrum))) - FRAMES
    return Row("mixture in to loudspeaker out, 48 kHz, 64 frames", 1e3 * delay / RATE, "ms", at_most=60)


def main() -> None:
    give(*speed_and_quality(), latency())


if __name__ == "__main__":
    main()
