"""How well stems are separated: energy ratios against true stems, and the baselines to compare with."""

__all__ = ["baselines", "evaluate", "scoring"]
