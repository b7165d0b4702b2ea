"""Model cards: the strict YAML file beside a model that says what the model takes, gives and needs.

`card` finds and loads cards; `card_schema`, `card_chunks` and `card_parts` define what they may say; `presets` names
the shipped models by purpose; `axes` reads the axis patterns of graphs.
"""

__all__ = ["axes", "card", "card_chunks", "card_parts", "card_schema", "presets"]
