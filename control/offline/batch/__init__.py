"""Catalogues: one plan applied to many recordings, on many processes; results that exist are not made again."""

__all__ = ["plan", "report", "run"]
