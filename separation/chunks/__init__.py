"""Models that take whole chunks of sound, seconds at a time, as a stream.

`chunk_model` takes one chunk through the model, `chunks` overlaps and cross-fades them, `chunk_transform` is their
transform.
"""

__all__ = ["chunk_model", "chunk_transform", "chunks"]
