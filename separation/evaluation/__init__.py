"""Evaluation of separated stems: energy ratios against the true stems, where these went, and baselines."""

__all__ = ["baselines", "evaluate", "routing", "routing_picture", "routing_summary", "scoring", "tables"]
