"""The command line: `main` is the entry point, and each command has a module, which its options name.

The manual is made of `control.options`.
"""

__all__ = ["main"]
