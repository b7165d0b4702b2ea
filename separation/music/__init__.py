"""Synthetic training music with true stems: composed, played by synthesisers, samples and soundfonts, and sung.

`synthesis` makes songs, `records` extracts recordings from Debian packages, `effects` has the audio effects,
`soundfonts` finds the soundfonts; needs the extra `train`.
"""

__all__ = ["effects", "records", "soundfonts", "synthesis"]
