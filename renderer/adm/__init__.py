"""The Audio Definition Model (ITU-R BS.2076): documents read, written, and played in a room.

`model` has the values, `reading` and `writing` the XML, `selection` finds what a programme plays, `playing` renders it,
and `score` makes a document of scenes.
"""

__all__ = ["model", "playing", "reading", "score", "selection", "writing"]
