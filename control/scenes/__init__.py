"""Scenes as files and as values: saving, loading, comparing, recording.

The library has scenes by name with undo and redo, the store has them on disk with a journal for full disks, `file` is
their format, `recording` that of recorded control. Presets suit the room; `changes` says how two scenes differ.
"""

__all__ = [
    "changes",
    "file",
    "library",
    "lock",
    "presets",
    "recording",
    "store",
    "upsert",
]
