"""The included models on this machine: processor use, quality, and latency.

Speed: one thread, hop by hop, as in the worker. Quality: SI-SDR in dB, compared with the mixture itself, rules of
thumb without learning, the rule of the University of Surrey's web remixer on the same model, and oracle masks; on the
demo song, which is synthesised, and on recordings: medians over the songs of the folder STEMFIELD_RECORDINGS, in any
form that `stemfield evaluate` reads, left out if it is not set. STEMFIELD_MODELS may hold further models to compare
with the included ones, such as their former versions: names, cards or folders, separated by colons. Latency: noise
goes in through a JACK server at 48 kHz with 64 frames per period, and is found in the loudspeaker outputs; the test
client's own loop through the server is one period.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench import Row, give, jackd
from daemon_process import Daemon
from jack_client import JackClient

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture, demo_stems
from stemfield.control.offline.evaluation.methods import baselines, result_of, separations
from stemfield.control.offline.evaluation.report import Result, summary
from stemfield.control.offline.evaluation.songs import Song, load, songs_in
from stemfield.control.offline.render import Model
from stemfield.layouts.loader import load_layout
from stemfield.separation.cards.card import ModelCard, load_card
from stemfield.separation.cards.presets import PRESETS
from stemfield.separation.evaluation.baselines import STEMS
from stemfield.separation.streaming.streaming import Separator

RATE, FRAMES = 48_000, 64
MAX_REALTIME_FACTOR = {"default": 0.25, "light": 0.08}
RECORDINGS = os.environ.get("STEMFIELD_RECORDINGS")
OTHER_MODELS = [*filter(None, os.environ.get("STEMFIELD_MODELS", "").split(os.pathsep))]
LONGEST_S = 60.0
"""Excerpt of each recording."""


def models() -> dict[str, ModelCard]:
    """Included models by preset, and others by how they were given, which is part of their names in the table."""
    names = dict.fromkeys(PRESETS.values())
    included = {"/".join(p for p, name in PRESETS.items() if name == each): load_card(each) for each in names}
    others = {given: load_card(given) for given in OTHER_MODELS}
    return included | {
        given: card.model_copy(update={"name": f"{card.name} of {given}"}) for given, card in others.items()
    }


def speed(preset: str, card: ModelCard) -> list[Row]:
    mixture = demo_mixture()
    separator = Separator(card, DEMO_RATE_HZ)
    hop = separator.needed_frames
    separator.feed(mixture[:, : 20 * hop])
    separator.reset()
    times = []
    for at in range(0, mixture.shape[1], hop):
        began = time.perf_counter()
        separator.feed(mixture[:, at : at + hop])
        times.append(time.perf_counter() - began)
    shares = np.array(times) / (hop / DEMO_RATE_HZ)
    at_most = min((limit for name, limit in MAX_REALTIME_FACTOR.items() if name in preset.split("/")), default=None)
    latency_ms = 1e3 * separator.latency_frames / DEMO_RATE_HZ
    return [
        Row(f"{card.name} ({preset}), computing a second of sound", float(shares.mean()), "s/s of a core", at_most),
        Row(f"{card.name} ({preset}), p99 of hops", float(np.percentile(shares, 99)), "s/s of a core"),
        Row(f"{card.name} ({preset}), latency of the algorithm at 48 kHz", latency_ms, "ms"),
    ]


def judged(song: Song, cards: Sequence[ModelCard]) -> list[Result]:
    models = [Model(card, rule=rule) for card in cards for rule in ("soft", "surrey")]
    every = [*baselines(song), *separations(song, models)]
    return [result_of(song, method, stems) for method, stems in every]


def quality(where: str, results: Sequence[Result]) -> list[Row]:
    found = summary(results)
    every = [(stem, method, found[method][stem].si_sdr_db) for stem in STEMS for method in found]
    return [
        Row(f"{where}, {stem}: {method}", value_db, "dB SI-SDR")
        for stem, method, value_db in every
        if not math.isnan(value_db)
    ]


def latency() -> Row:
    labels = list(load_layout("22.2").labels)
    noise = (0.1 * np.random.default_rng(0).standard_normal((2, RATE))).astype(np.float32)
    with jackd(RATE, FRAMES) as server, tempfile.TemporaryDirectory() as folder:
        room = Daemon(Path(folder), driver="jack", jack={"server_name": server})
        room.start()
        client = JackClient(server, 24, noise)
        client.connect("stemfield", ["mixture_L", "mixture_R"], labels)
        room.send("/scene/amount", 0.0)
        room.settle()
        client.roll()
        client.wait_end()
        heard = client.record[labels.index("M+030")].astype(float)
        client.close()
        room.close()
    spectrum = np.fft.rfft(heard, 2 * RATE) * np.conj(np.fft.rfft(noise[0].astype(float), 2 * RATE))
    delay = int(np.argmax(np.fft.irfft(spectrum))) - FRAMES
    return Row("mixture in to loudspeaker out, 48 kHz, 64 frames", 1e3 * delay / RATE, "ms", at_most=60)


def main() -> None:
    cards = models()
    rows = [row for preset, card in cards.items() for row in speed(preset, card)]
    stems = dict(zip(STEMS, demo_stems(), strict=True))
    demo = Song("demo", DEMO_RATE_HZ, demo_mixture(), stems)
    rows += quality("demo song", judged(demo, [*cards.values()]))
    if RECORDINGS:
        songs = songs_in(Path(RECORDINGS))
        results = [result for files in songs for result in judged(load(files, LONGEST_S), [*cards.values()])]
        rows += quality(f"{len(songs)} recordings", results)
    give(*rows, latency())


if __name__ == "__main__":
    main()
