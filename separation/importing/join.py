"""Combination of single-instrument networks into one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stemfield.separation.cards.card import CardError
from stemfield.separation.cards.card_schema import MaskStreamCard, ModelCard

_SHARED = ("sample_rate", "stft", "lookahead_frames", "inputs", "outputs", "states", "latency_samples")
"""Keys that must be equal in all cards."""


def joined_card(cards: Sequence[ModelCard], name: str, title: str, rest: str | None) -> dict[str, Any]:
    """Card, as plain data, of a model that combines the first source of each of these models.

    Args:
        cards: models of the domain `mask_stream` with one graph each, for one source or for one source and the rest.
        name: name of the new model.
        title: title of the new model, one line.
        rest: name of a stem for the rest of the mixture; None for no such stem.

    Raises:
        CardError: the models cannot be combined (all reasons are listed).
    """
    if problems := [*_misfits(cards)]:
        raise CardError(name, tuple(problems))
    first = cards[0].model_dump(by_alias=True, mode="json")
    sources = [card.sources[0] for card in cards]
    stems = {card.sources[0]: card.instrument_of(card.sources[0]) for card in cards}
    data: dict[str, Any] = {
        "name": name,
        "title": title,
        "domain": "mask_stream",
        "sources": sources,
        **{key: first[key] for key in _SHARED},
        "files": [
            {"path": f"{source}.onnx", "sha256": card.files[0].sha256}
            for source, card in zip(sources, cards, strict=True)
        ],
        "licence": " and ".join(dict.fromkeys(card.licence for card in cards)),
        "attribution": [*dict.fromkeys(line for card in cards for line in card.attribution)],
        "trained_on": " ".join(f"{card.sources[0]}: {card.trained_on}" for card in cards)[:2000],
    }
    if moved := {source: stem for source, stem in stems.items() if source != stem}:
        data["stems"] = moved
    if rest is not None:
        data |= {"rest": rest, "places_s": first["places_s"]}
    return data


def _misfits(cards: Sequence[ModelCard]) -> Iterator[str]:
    if len(cards) < 2:
        yield f"expected at least two models, got {len(cards)}"
    sources = [card.sources[0] for card in cards]
    if len(set(sources)) < len(sources):
        yield f"expected a different source from each model, got {', '.join(sources)}"
    for card in cards:
        if not isinstance(card, MaskStreamCard) or len(card.files) != 1:
            yield f"{card.name}: expected a mask_stream model with one graph"
        elif len(card.sources) > 2:
            yield f"{card.name}: expected one source, or one and the rest, got {', '.join(card.sources)}"
        elif isinstance(cards[0], MaskStreamCard):
            for key in _SHARED:
                if getattr(card, key) != getattr(cards[0], key):
                    yield f"{card.name}: expected the same {key} as {cards[0].name}"
