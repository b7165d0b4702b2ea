"""Panning: loudspeaker gains for positions and extents, in any layout. Knows no audio.

`Panner` is the point source panner, `extent_gains` the one for wide sources; `review` and `plot` describe a layout.
"""

from stemfield.renderer.panning.extent import extent_gains
from stemfield.renderer.panning.panner import Panner, amplitude_normalised
from stemfield.renderer.panning.review import Note, review_layout

__all__ = ["Note", "Panner", "amplitude_normalised", "extent_gains", "review_layout"]
