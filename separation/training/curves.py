"""Plot of a training log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stemfield.separation.training.dataset import STEMS
from stemfield.separation.training.fit import LOG

COLOURS = {"vocals": "#c0392b", "bass": "#2c5f8a", "drums": "#d68910", "other": "#4d7c57"}


def plot_curves(run: Path, picture: Path) -> None:
    """Plot the training loss and the validation scores over the steps as PNG.

    Args:
        run: folder of the run.
        picture: file to write.
    """
    lines = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    validated = [line for line in lines if "score" in line]
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    steps = [line["step"] for line in lines]
    losses = np.array([line["loss"] for line in lines])
    left.plot(steps, losses, color="#bbbbbb", linewidth=0.8)
    window = np.ones(min(9, len(losses)))
    smooth = np.convolve(losses, window, "same") / np.convolve(np.ones(len(losses)), window, "same")
    left.plot(steps, smooth, color="#333333")
    left.set(xlabel="step", ylabel="training loss")
    for stem in STEMS:
        found = [(line["step"], line["medians"][stem]) for line in validated if line["medians"][stem] is not None]
        if found:
            right.plot(*zip(*found, strict=True), color=COLOURS[stem], marker="o", markersize=3, label=stem)
    right.set(xlabel="step", ylabel="validation SI-SDR improvement, dB (median)")
    right.grid(alpha=0.3)
    if validated:
        right.legend(frameon=False)
    figure.savefig(picture, dpi=120)
