"""Models that process audio in chunks of seconds, run as a stream.

`chunk_model` runs one chunk through the model, `chunks` overlaps and cross-fades chunks, `chunk_transform` is their
STFT.
"""

__all__ = ["chunk_model", "chunk_transform", "chunks"]
