"""Music to learn from, with true stems: composed, played by synthesisers, samples and soundfonts, and sung.

`synthesis` makes songs, `records` makes records of music in Debian's packages; needs the extra `train`.
"""

__all__ = ["effects", "records", "synthesis"]
