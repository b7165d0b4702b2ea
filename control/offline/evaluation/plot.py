"""Chart of an evaluation: how well each method separates each stem, and re-balances music."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from stemfield.separation.evaluation.scoring import REMIX_GAINS_DB, StemScore

FLOOR_DB = -20.0


def plot(medians: Mapping[str, Mapping[str, StemScore]], path: Path) -> None:
    """Write the chart of median scores by method and stem, in the format of the file's suffix.

    Raises:
        OSError: it cannot be written.
        ValueError: a suffix of no image format.
    """
    every = {stem: one for scores in medians.values() for stem, one in scores.items()}
    stems = [stem for stem, one in every.items() if not math.isnan(one.csdr_db)]
    figure = Figure(figsize=(4 + 2 * len(stems), 8), layout="constrained")
    bars, lines = figure.subplots(2, 1)
    width = 0.8 / max(len(medians), 1)
    for index, (method, scores) in enumerate(medians.items()):
        at = [place + width * (index - 0.5 * (len(medians) - 1)) for place in range(len(stems))]
        bars.bar(at, [_shown(scores[stem].si_sdr_db) for stem in stems], width, label=method)
        means = [_shown(mean_db) for mean_db in _remixes(scores, stems)]
        lines.plot(range(len(REMIX_GAINS_DB)), means, marker="o", label=method)
    bars.set_xticks(range(len(stems)), stems)
    bars.set_ylabel("SI-SDR, dB (median)")
    bars.axhline(0.0, color="black", linewidth=0.8)
    bars.legend()
    names = ["off" if math.isinf(gain_db) else f"{gain_db:+.0f} dB" for gain_db in REMIX_GAINS_DB]
    lines.set_xticks(range(len(names)), names)
    lines.set_xlabel("one stem re-scaled by")
    lines.set_ylabel("SDR of the music, dB (mean of the stems)")
    lines.legend()
    figure.savefig(path, dpi=120)


def _remixes(scores: Mapping[str, StemScore], stems: list[str]) -> list[float]:
    return [
        sum(scores[stem].remix_sdr_db[index] for stem in stems) / max(len(stems), 1)
        for index in range(len(REMIX_GAINS_DB))
    ]


def _shown(value_db: float) -> float:
    return max(value_db, FLOOR_DB) if not math.isnan(value_db) else 0.0
