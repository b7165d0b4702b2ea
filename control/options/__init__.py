"""The commands of the program with their options: what may be typed, without what it does."""

__all__ = ["commands", "parser", "types"]
