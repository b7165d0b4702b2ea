"""What is exported: one network or several that decide together, hop by hop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stemfield.separation.training.network import Network
from stemfield.separation.training.spectrum import BINS, features, spread


class Ensemble(nn.Module):  # type: ignore[misc]
    """Networks that decide together: the mean of what they claim. It looks as far ahead as that which looks farthest.

    Args:
        members: of the same sources.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(members)
        self.shape = max((member.shape for member in members), key=lambda shape: shape.lookahead)

    @property
    def members(self) -> Sequence[Network]:
        """The networks that decide."""
        return tuple(self.networks)

    @property
    def place(self) -> Tensor:
        """A parameter, as `Network` has it."""
        return self.members[0].place

    def favour(self, logits: Sequence[float]) -> None:
        """As `Network.favour`."""
        for member in self.members:
            member.favour(logits)

    def forward(self, heard: Tensor) -> tuple[Tensor, None]:
        """Masks of a stretch of music, as `Network` gives them, from its start."""
        nothing = heard.new_zeros(BINS)
        silence = features((nothing, nothing), (nothing, nothing))
        claims = []
        for member in self.members:
            # before the music it hears silence, as it does hop by hop
            later = self.shape.lookahead - member.shape.lookahead
            before = silence.expand(len(heard), later, *silence.shape)
            own, _ = member.hear(torch.cat([before, heard[:, : heard.shape[1] - later]], 1))
            claims.append(own)
        return torch.softmax(sum(claims) / len(claims), 2), None


class Hop(nn.Module):  # type: ignore[misc]
    """One hop, spectrum in and spectra out: what is exported.

    Args:
        network: one, or several that decide together.
    """

    def __init__(self, network: Network | Ensemble) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectrum: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """The spectra of one hop.

        Args:
            spectrum: of the newest hop, (2, 1025, 2).
            states: as `states` has them at the start: each member's memory, (layers, bands, width), and with
                lookahead the spectra before this one, oldest first, (lookahead, 2, 1025, 2).

        Returns:
            Spectra of the sources, (sources, 2, 1025, 2), of the hop that lies `lookahead` back, and the states.
        """
        late = self.network.shape.lookahead
        line = torch.cat([states[-1], spectrum[None]]) if late else spectrum[None]
        claims, kept = [], []
        for member, memory in zip(self.network.members, states, strict=False):
            own, last = member.step(line[member.shape.lookahead], memory)
            claims.append(own)
            kept.append(last)
        masks = torch.softmax(sum(claims) / len(claims), 0)
        return spread(masks)[..., None] * line[0][None], *kept, *((line[1:],) if late else ())

    @property
    def states(self) -> dict[str, Tensor]:
        """The memory at the start, by name."""
        members = self.network.members
        names = ["h"] if len(members) == 1 else [f"h{number}" for number in range(len(members))]
        states = {name: torch.zeros(member.shape.state) for name, member in zip(names, members, strict=True)}
        if late := self.network.shape.lookahead:
            states["past"] = torch.zeros(late, 2, BINS, 2)
        return states
