"""How long stems take, known from the card alone: before and without loading a model."""

from __future__ import annotations

from math import ceil

from stemfield.separation.cards.card_schema import ModelCard
from stemfield.separation.signal.convert import greatest_lag, model_ratio


def latency_frames(card: ModelCard, sample_rate_hz: int) -> int:
    """After the mixture up to position p has been fed, the stems up to p - latency_frames are out.

    Args:
        card: the model.
        sample_rate_hz: of the mixture; outside the model's rates the conversion there and back is counted.
    """
    ratio = model_ratio(sample_rate_hz, card.sample_rate)
    if ratio == 1:
        return card.delay_samples
    return ceil(greatest_lag(ratio) + (card.delay_samples + greatest_lag(1 / ratio)) / ratio)


def live_latency_frames(card: ModelCard, sample_rate_hz: int) -> int:
    """The same for live sound: `latency_frames`, and the time in which a model of whole chunks computes one."""
    ratio = model_ratio(sample_rate_hz, card.sample_rate)
    return latency_frames(card, sample_rate_hz) + ceil(card.patience_samples / ratio)
