"""The exported form of a bidirectional network: the masks of a whole chunk."""

from __future__ import annotations

from torch import Tensor, nn

from stemfield.separation.training.level import two_sided_gains
from stemfield.separation.training.network import Network
from stemfield.separation.training.spectrum import features, unpool
from stemfield.separation.training.streaming_step import Ensemble


class ChunkStep(nn.Module):  # type: ignore[misc]
    """From the spectra of a chunk to the masks of its sources; the module that is exported."""

    def __init__(self, network: Network | Ensemble) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectrum: Tensor) -> Tensor:
        """Masks (sources, channels, 1025, hops) for the real and imaginary parts (channels, 2, 1025, hops)."""
        power = spectrum.square().sum(1).transpose(-1, -2)
        gains = two_sided_gains(power[None])[0]
        # silence after the chunk: a network with lookahead is that much late
        scaled = nn.functional.pad(spectrum * gains, (0, self.network.shape.lookahead))
        (a, b), (c, d) = (one.transpose(-1, -2).unbind(0) for one in scaled.unbind(0))
        masks, _ = self.network(features((a, b), (c, d))[None])
        return unpool(masks[0, self.network.shape.lookahead :]).permute(1, 2, 3, 0)
