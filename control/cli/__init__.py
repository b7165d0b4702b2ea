"""The command line: `commands` has all commands with their arguments, and each names the module that carries it out.

Only `main` and `commands` are for others: the entry point, and the parser that the manual is made of.
"""

__all__ = ["commands", "main", "parser"]
