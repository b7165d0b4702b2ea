"""Where a sound is heard from: gains, never samples."""

from stemfield.renderer.panning.extent import extent_gains
from stemfield.renderer.panning.panner import Panner, amplitude_normalised
from stemfield.renderer.panning.review import Note, review_layout

__all__ = ["Note", "Panner", "amplitude_normalised", "extent_gains", "review_layout"]
