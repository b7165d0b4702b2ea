"""The exported form of networks for files: the masks of a whole chunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stemfield.separation.training.level import two_sided_gains
from stemfield.separation.training.network import Network
from stemfield.separation.training.spectrum import features, unpool
from stemfield.separation.training.streaming_step import Ensemble, silence

BACKWARD = {"drums": 0.0}
"""Weight of backward networks beside forward ones, 1 for other sources: backwards, a drum has no attack."""


class ChunkStep(nn.Module):  # type: ignore[misc]
    """From the spectra of a chunk to the masks of its sources; the module that is exported."""

    def __init__(self, network: Network | Ensemble) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectrum: Tensor) -> Tensor:
        """Masks (sources, channels, 1025, hops) for the real and imaginary parts (channels, 2, 1025, hops)."""
        gains = two_sided_gains(spectrum.square().sum(1).transpose(-1, -2)[None])[0]
        (a, b), (c, d) = (one.transpose(-1, -2).unbind(0) for one in (spectrum * gains).unbind(0))
        inputs = features((a, b), (c, d))[None]
        weights = self._weights()
        logits = sum(
            _whole(member, inputs) * weight[:, None, None]
            for member, weight in zip(self.network.members, weights / weights.sum(0), strict=True)
        )
        return unpool(torch.softmax(logits, 1)).permute(1, 2, 3, 0)

    def _weights(self) -> Tensor:
        """Weights of the members' logits, (members, sources): both directions weigh alike, but for `BACKWARD`."""
        directions = [member.shape.direction for member in self.network.members]
        backward = [BACKWARD.get(source, 1.0) for source in self.network.shape.sources]
        rows = {"forward": [1.0] * len(backward), "backward": backward}
        weights = [[one / directions.count(direction) for one in rows[direction]] for direction in directions]
        return torch.tensor(weights if "forward" in directions else [[1.0] * len(backward)] * len(directions))


def _whole(network: Network, inputs: Tensor) -> Tensor:
    """Logits (hops, sources, channels, 512) of features (1, hops, 512, 4), each for its own hop."""
    late, backward = network.shape.lookahead, network.shape.direction == "backward"
    heard = inputs.flip(1) if backward else inputs
    after = silence(inputs).expand(1, late, *inputs.shape[2:])
    logits, _ = network.forward_logits(torch.cat([heard, after], 1))
    own = logits[0, late:]
    return own.flip(0) if backward else own
