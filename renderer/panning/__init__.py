"""Panning: loudspeaker gains for positions and extents, in any layout. Knows no audio.

`Panner` is the point source panner, `extent_gains` the one for wide sources; `review` and `plot` describe a layout.
"""

__all__ = ["distance", "extent", "panner", "plot", "review"]
