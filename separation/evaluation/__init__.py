"""Evaluation of separated stems: energy ratios against the true stems, and baselines for comparison."""

__all__ = ["baselines", "evaluate", "scoring"]
