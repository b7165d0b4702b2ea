"""Evaluation: models and baselines scored on songs with true stems, and the tables and charts of the results."""

__all__ = ["files", "methods", "plot", "report", "room", "songs", "tables"]
