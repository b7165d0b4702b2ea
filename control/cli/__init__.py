"""The command line: `commands` has all commands with their arguments, and each names the module that carries it out.

For others are `main`, the entry point, and what the manual is made of: `commands`, and the class of its `parser`.
"""

__all__ = ["commands", "main", "parser"]
