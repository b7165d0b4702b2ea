"""The separator: a causal band-split recurrent network that shares the mixture's bins out among the stems.

Luo and Yu, "Music source separation with band-split RNN" (IEEE/ACM TASLP 2023), made causal and small: bands that are
narrow below and wide above, one recurrent layer over time shared by all bands, a small perceptron across bands, and a
softmax over the stems in every bin and channel, so that the stems sum to the mixture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemfield.separation.training.songs import STEMS
from stemfield.separation.training.spectrum import FEATURES, UNITS, features

REST = "rest"
"""What a network for one instrument calls everything else."""
_BANDS = ((12, 4), (10, 8), (8, 16), (8, 32))
"""Bands from low to high: how many, of how many units."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a network."""

    width: int = 80
    layers: int = 3
    lookahead: int = 0
    """Hops of music after the one that is decided on, that the network has heard by then."""
    instrument: str = ""
    """The only one of STEMS that it tells from the rest; empty for all of them."""

    @property
    def sources(self) -> tuple[str, ...]:
        """What the mixture is shared among."""
        return (self.instrument, REST) if self.instrument else STEMS

    @property
    def bands(self) -> int:
        """How many bands there are."""
        return sum(count for count, _ in _BANDS)

    @property
    def state(self) -> tuple[int, int, int]:
        """Of the memory: layers, bands, width."""
        return self.layers, self.bands, self.width


class BandLinear(nn.Module):  # type: ignore[misc]
    """A linear map of its own for every band: from units to bands, or back.

    Args:
        inside: values an input has, a unit or a band.
        outside: values an output has.
        gather: units to bands.
    """

    def __init__(self, inside: int, outside: int, *, gather: bool) -> None:
        super().__init__()
        self.gather = gather
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for count, units in _BANDS:
            before, after = (inside * units, outside) if gather else (inside, outside * units)
            self.weights.append(nn.Parameter(torch.randn(count, before, after) / math.sqrt(before)))
            self.biases.append(nn.Parameter(torch.zeros(count, 1, after)))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 512, inside) to (n, bands, outside), or (n, bands, inside) to (n, 512, outside)."""
        parts, at = [], 0
        for (count, units), weight, bias in zip(_BANDS, self.weights, self.biases, strict=True):
            taken = count * units if self.gather else count
            part = x[:, at : at + taken].reshape(x.shape[0], count, -1).transpose(0, 1)
            at += taken
            mapped = torch.baddbmm(bias, part, weight).transpose(0, 1)
            parts.append(mapped if self.gather else mapped.reshape(x.shape[0], count * units, -1))
        return torch.cat(parts, 1)


class Layer(nn.Module):  # type: ignore[misc]
    """Memory over time, band by band, then an exchange among bands and among values."""

    def __init__(self, width: int, bands: int) -> None:
        super().__init__()
        self.before_time = nn.LayerNorm(width)
        self.time = nn.GRU(width, width)
        self.after_time = nn.Linear(width, width)
        self.before_bands = nn.LayerNorm(width)
        self.bands_in, self.bands_out = nn.Linear(bands, 2 * bands), nn.Linear(2 * bands, bands)
        self.before_values = nn.LayerNorm(width)
        self.values_in, self.values_out = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(time, batch, bands, width) and memory (batch * bands, width) to the same."""
        time, batch, bands, width = x.shape
        heard, last = self.time(self.before_time(x).reshape(time, batch * bands, width), memory[None])
        return self.exchange(x + self.after_time(heard).reshape(x.shape)), last[0]

    def exchange(self, x: Tensor) -> Tensor:
        """Across bands and values: (..., bands, width) to the same."""
        across = self.before_bands(x).transpose(-1, -2)
        x = x + self.bands_out(functional.gelu(self.bands_in(across))).transpose(-1, -2)
        return x + self.values_out(functional.gelu(self.values_in(self.before_values(x))))

    def step(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One hop, (bands, width) both, as plain operations: what `forward` does, for the exported graph."""
        gru = self.time
        given = functional.linear(self.before_time(x), gru.weight_ih_l0, gru.bias_ih_l0)
        kept = functional.linear(memory, gru.weight_hh_l0, gru.bias_hh_l0)
        reset_in, update_in, new_in = given.chunk(3, -1)
        reset_kept, update_kept, new_kept = kept.chunk(3, -1)
        update = torch.sigmoid(update_in + update_kept)
        new = torch.tanh(new_in + torch.sigmoid(reset_in + reset_kept) * new_kept)
        memory = new + update * (memory - new)
        return self.exchange(x + self.after_time(memory)), memory


class Network(nn.Module):  # type: ignore[misc]
    """Features in, masks out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = BandLinear(FEATURES, shape.width, gather=True)
        self.place = nn.Parameter(0.02 * torch.randn(shape.bands, shape.width))
        self.layers = nn.ModuleList(Layer(shape.width, shape.bands) for _ in range(shape.layers))
        self.last = nn.LayerNorm(shape.width)
        self.decoder = BandLinear(shape.width, 2 * len(shape.sources), gather=False)

    def forward(self, heard: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Masks of a stretch of music: see `hear`."""
        claims, memory = self.hear(heard, memory)
        return torch.softmax(claims, 2), memory

    def hear(self, heard: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the sources claim of a stretch of music; the masks are its softmax over the sources.

        Args:
            heard: `features`, (batch, time, 512, 4).
            memory: (layers, batch * bands, width), or None at the start.

        Returns:
            Claims (batch, time, sources, channels, 512), each on the hop that lies `lookahead` back, and the memory.
        """
        batch, time = heard.shape[:2]
        x = self.encoder(heard.transpose(0, 1).reshape(time * batch, UNITS, FEATURES)) + self.place
        x = x.reshape(time, batch, *self.place.shape)
        if memory is None:
            memory = x.new_zeros(self.shape.layers, batch * self.shape.bands, self.shape.width)
        kept = []
        for index, layer in enumerate(self.layers):
            x, last = layer(x, memory[index])
            kept.append(last)
        claims = self.claims(x.reshape(time * batch, *self.place.shape))
        return claims.unflatten(0, (time, batch)).transpose(0, 1), torch.stack(kept)

    def favour(self, logits: Sequence[float]) -> None:
        """Add to what the stems claim, everywhere; to calibrate a network after its training."""
        with torch.no_grad():
            for bias in self.decoder.biases:
                bias.view(-1, len(self.shape.sources), 2).add_(torch.tensor(logits, device=bias.device)[:, None])

    def claims(self, x: Tensor) -> Tensor:
        """(n, bands, width) to claims (n, sources, channels, 512)."""
        return self.decoder(self.last(x)).unflatten(-1, (len(self.shape.sources), 2)).permute(0, 2, 3, 1)

    def step(self, spectrum: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One hop as plain operations: spectrum (2, 1025, 2) and memory (layers, bands, width) to claims and memory."""
        left, right = spectrum.unbind(0)
        heard = features((left[:, 0], left[:, 1]), (right[:, 0], right[:, 1]))
        x = (self.encoder(heard[None]) + self.place)[0]
        kept = []
        for index, layer in enumerate(self.layers):
            x, last = layer.step(x, memory[index])
            kept.append(last)
        return self.claims(x[None])[0], torch.stack(kept)

    @property
    def members(self) -> Sequence[Network]:
        """The networks that decide."""
        return (self,)


def parameters_of(network: Any) -> int:
    """How many numbers a network has learnt."""
    return sum(parameter.numel() for parameter in network.parameters())
