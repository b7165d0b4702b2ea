"""Catalogues: a plan applied to many recordings in many processes; existing results are not made again."""

__all__ = ["cluster", "plan", "report", "run", "work"]
