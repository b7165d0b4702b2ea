"""The separator network: a causal band-split RNN that estimates masks.

Luo and Yu, "Music source separation with band-split RNN" (IEEE/ACM TASLP 2023), made causal and small: bands that widen
with frequency, a recurrent layer over time shared by all bands, a small MLP across bands, and a softmax over the stems
in each unit and channel, so that the stems sum to the mixture. In files, one network may hear the music forwards and
another one backwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemfield.separation.training.dataset import STEMS
from stemfield.separation.training.spectrum import FEATURES, UNITS, features

REST = "rest"
"""Second source of a network for one instrument: everything else."""
_BANDS = ((12, 4), (10, 8), (8, 16), (8, 32))
"""Bands from low to high: number of bands, units per band."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a network."""

    width: int = 80
    layers: int = 3
    lookahead: int = 0
    """Lookahead in hops."""
    instrument: str = ""
    """One of STEMS for a network of one instrument and the rest; empty for all stems."""
    direction: Literal["live", "forward", "backward"] = "live"
    """Streaming, or through whole recordings, which have a symmetric window: forwards or backwards in time."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return (self.instrument, REST) if self.instrument else STEMS

    @property
    def bands(self) -> int:
        """Number of bands."""
        return sum(count for count, _ in _BANDS)

    @property
    def state(self) -> tuple[int, int, int]:
        """Shape of the recurrent state: layers, bands, width."""
        return self.layers, self.bands, self.width


class BandLinear(nn.Module):  # type: ignore[misc]
    """A separate linear layer for each band, from units to bands or back.

    Args:
        inside: values per input unit or band.
        outside: values per output unit or band.
        gather: from units to bands instead of bands to units.
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
    """A GRU over time, shared by all bands, followed by MLPs across bands and across values."""

    def __init__(self, width: int, bands: int) -> None:
        super().__init__()
        self.before_time = nn.LayerNorm(width)
        self.time = nn.GRU(width, width)
        self.after_time = nn.Linear(width, width)
        self.before_bands = nn.LayerNorm(width)
        self.bands_in, self.bands_out = nn.Linear(bands, 2 * bands), nn.Linear(2 * bands, bands)
        self.before_values = nn.LayerNorm(width)
        self.values_in, self.values_out = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Process (time, batch, bands, width) with the state (batch * bands, width); returns both."""
        time, batch, bands, width = x.shape
        outputs, last = self.time(self.before_time(x).reshape(time, batch * bands, width), state[None])
        return self.exchange(x + self.after_time(outputs).reshape(x.shape)), last[0]

    def exchange(self, x: Tensor) -> Tensor:
        """MLPs across bands and across values, (..., bands, width)."""
        across = self.before_bands(x).transpose(-1, -2)
        x = x + self.bands_out(functional.gelu(self.bands_in(across))).transpose(-1, -2)
        return x + self.values_out(functional.gelu(self.values_in(self.before_values(x))))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One hop of `forward` in plain operations for the exported graph; input and state are (bands, width)."""
        gru = self.time
        given = functional.linear(self.before_time(x), gru.weight_ih_l0, gru.bias_ih_l0)
        kept = functional.linear(state, gru.weight_hh_l0, gru.bias_hh_l0)
        reset_in, update_in, new_in = given.chunk(3, -1)
        reset_kept, update_kept, new_kept = kept.chunk(3, -1)
        update = torch.sigmoid(update_in + update_kept)
        new = torch.tanh(new_in + torch.sigmoid(reset_in + reset_kept) * new_kept)
        state = new + update * (state - new)
        return self.exchange(x + self.after_time(state)), state


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

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Masks of an excerpt: see `forward_logits`."""
        logits, state = self.forward_logits(inputs, state)
        return torch.softmax(logits, 2), state

    def forward_logits(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits of an excerpt; the masks are their softmax over the sources.

        Args:
            inputs: `features`, (batch, time, 512, 4).
            state: (layers, batch * bands, width), or None for the initial state.

        Returns:
            Logits (batch, time, sources, channels, 512), each for the hop `lookahead` hops back, and the state.
        """
        batch, time = inputs.shape[:2]
        x = self.encoder(inputs.transpose(0, 1).reshape(time * batch, UNITS, FEATURES)) + self.place
        x = x.reshape(time, batch, *self.place.shape)
        if state is None:
            state = x.new_zeros(self.shape.layers, batch * self.shape.bands, self.shape.width)
        kept = []
        for index, layer in enumerate(self.layers):
            x, last = layer(x, state[index])
            kept.append(last)
        logits = self.decode(x.reshape(time * batch, *self.place.shape))
        return logits.unflatten(0, (time, batch)).transpose(0, 1), torch.stack(kept)

    def add_logits(self, logits: Sequence[float]) -> None:
        """Add constants to the logits of the sources, to calibrate a network after its training."""
        with torch.no_grad():
            for bias in self.decoder.biases:
                bias.view(-1, len(self.shape.sources), 2).add_(torch.tensor(logits, device=bias.device)[:, None])

    def decode(self, x: Tensor) -> Tensor:
        """Decode (n, bands, width) to logits (n, sources, channels, 512)."""
        return self.decoder(self.last(x)).unflatten(-1, (len(self.shape.sources), 2)).permute(0, 2, 3, 1)

    def step(self, spectrum: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One hop in plain operations: spectrum (2, 1025, 2) and state (layers, bands, width) to logits and state."""
        left, right = spectrum.unbind(0)
        inputs = features((left[:, 0], left[:, 1]), (right[:, 0], right[:, 1]))
        x = (self.encoder(inputs[None]) + self.place)[0]
        kept = []
        for index, layer in enumerate(self.layers):
            x, last = layer.step(x, state[index])
            kept.append(last)
        return self.decode(x[None])[0], torch.stack(kept)

    @property
    def members(self) -> Sequence[Network]:
        """The network itself, as a list like that of an ensemble."""
        return (self,)
