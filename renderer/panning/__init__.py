"""Where a sound is heard from: gains, never samples."""

from stemfield.renderer.panning.panner import Panner

__all__ = ["Panner"]
