"""Latency of the stems, computed from the card without loading the model."""

from __future__ import annotations

from math import ceil

from stemfield.separation.cards.card_schema import ModelCard
from stemfield.separation.signal.convert import max_delay, model_ratio


def latency_frames(card: ModelCard, sample_rate_hz: int) -> int:
    """Latency of the stems: with the mixture fed up to position p, the stems are out up to p - latency_frames.

    Args:
        card: the model.
        sample_rate_hz: sample rate of the mixture; includes the resampling in both directions if the model needs it.
    """
    ratio = model_ratio(sample_rate_hz, card.sample_rate)
    if ratio == 1:
        return card.delay_samples
    return ceil(max_delay(ratio) + (card.delay_samples + max_delay(1 / ratio)) / ratio)


def live_latency_frames(card: ModelCard, sample_rate_hz: int) -> int:
    """Latency for live use: `latency_frames` plus the time in which a chunk model computes one chunk."""
    ratio = model_ratio(sample_rate_hz, card.sample_rate)
    return latency_frames(card, sample_rate_hz) + ceil(card.compute_margin_samples / ratio)
