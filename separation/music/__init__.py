"""Synthetic training music with true stems: composed, played by synthesisers, samples and soundfonts, and sung.

`synthesis` makes songs, `arrangement_synthesis` plays `arrangements` that `midi` reads, `studio` finds voices and
instruments, of which `sources` lists the licences; `mixing` mixes stems, `effects` has the audio
effects, `parallel` processes, `soundfonts` finds the soundfonts; needs the extra `train`.
"""

__all__ = [
    "arrangement_synthesis",
    "arrangements",
    "effects",
    "midi",
    "mixing",
    "parallel",
    "soundfonts",
    "sources",
    "studio",
    "synthesis",
]
