"""The exported form of a network or ensemble: one streaming step per hop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stemfield.separation.training.network import Network
from stemfield.separation.training.spectrum import BINS, features, unpool


class Ensemble(nn.Module):  # type: ignore[misc]
    """Ensemble of networks with the same sources that averages their logits; its lookahead is their largest."""

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(members)
        self.shape = max((member.shape for member in members), key=lambda shape: shape.lookahead)

    @property
    def members(self) -> Sequence[Network]:
        """The networks of the ensemble."""
        return tuple(self.networks)

    def add_logits(self, logits: Sequence[float]) -> None:
        """Same as `Network.add_logits`."""
        for member in self.members:
            member.add_logits(logits)

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        """Masks of an excerpt from its start, as in `Network`."""
        quiet = silence(inputs)
        logits = []
        for member in self.members:
            # silence before the excerpt, as in streaming
            later = self.shape.lookahead - member.shape.lookahead
            before = quiet.expand(len(inputs), later, *quiet.shape)
            own, _ = member.forward_logits(torch.cat([before, inputs[:, : inputs.shape[1] - later]], 1))
            logits.append(own)
        return torch.softmax(sum(logits) / len(logits), 2), None


def silence(like: Tensor) -> Tensor:
    """Features (512, 4) of silence, on the device of other features."""
    nothing = like.new_zeros(BINS)
    return features((nothing, nothing), (nothing, nothing))


class StreamingStep(nn.Module):  # type: ignore[misc]
    """One streaming step, from the spectrum of a hop to the spectra of the sources; the module that is exported."""

    def __init__(self, network: Network | Ensemble) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectrum: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Process one hop.

        Args:
            spectrum: spectrum of the newest hop, (2, 1025, 2).
            states: states as in `initial_states`: the recurrent state of each member, (layers, bands, width), and with
                lookahead the previous spectra, oldest first, (lookahead, 2, 1025, 2).

        Returns:
            Spectra of the sources, (sources, 2, 1025, 2), of the hop `lookahead` hops back, and the new states.
        """
        late = self.network.shape.lookahead
        line = torch.cat([states[-1], spectrum[None]]) if late else spectrum[None]
        logits, kept = [], []
        for member, state in zip(self.network.members, states, strict=False):
            own, last = member.step(line[member.shape.lookahead], state)
            logits.append(own)
            kept.append(last)
        masks = torch.softmax(sum(logits) / len(logits), 0)
        return unpool(masks)[..., None] * line[0][None], *kept, *((line[1:],) if late else ())

    @property
    def initial_states(self) -> dict[str, Tensor]:
        """Initial states by name."""
        members = self.network.members
        names = ["h"] if len(members) == 1 else [f"h{number}" for number in range(len(members))]
        states = {name: torch.zeros(member.shape.state) for name, member in zip(names, members, strict=True)}
        if late := self.network.shape.lookahead:
            states["past"] = torch.zeros(late, 2, BINS, 2)
        return states
