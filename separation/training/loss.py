"""How far masks are from right, without going back to samples.

In a unit of the spectrum let X be the mixture, S a stem and m the mask. From the powers P_X, P_S and the product
C = Re(X* S) follows the power of the error, m^2 P_X - 2 m C + P_S, whatever the phases are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemfield.separation.training.data import Examples
from stemfield.separation.training.songs import STEMS
from stemfield.separation.training.spectrum import LOUD, features, pooled


@dataclass(frozen=True, slots=True)
class Spectra:
    """A batch as the loss needs it."""

    heard: Tensor
    """Features of the mixture, (batch, time, 512, 4)."""
    mixture: Tensor
    """P_X, (batch, time, 1, channels, 512)."""
    stems: Tensor
    """P_S, (batch, time, stems, channels, 512)."""
    product: Tensor
    """C, the same shape."""
    groups: Tensor
    """Which stems each of the spectra holds, (batch, 4, 4): see `Examples`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much."""

    stems: tuple[float, ...] = (1.6, 0.9, 0.8, 0.9)
    """Vocals, bass, drums, other."""
    detail: float = 3.0
    """Of the magnitudes' difference against the energy's."""
    missing: tuple[float, ...] = (1.8, 1.0, 1.0, 1.0)
    """How much worse it is to leave a stem's sound to others than to take theirs."""

    def of(self, instrument: str) -> Weights:
        """For a network of one instrument and the rest."""
        index = STEMS.index(instrument)
        return replace(self, stems=(self.stems[index], 1.0), missing=(self.missing[index], 1.0))


def prepare(examples: Examples) -> Spectra:
    """What the loss needs of examples, whose sum is the mixture."""
    stems = examples.spectra
    mixture = stems.sum(1)
    left, right = mixture.unbind(1)
    heard = features((left.real, left.imag), (right.real, right.imag))
    power = pooled(mixture.real**2 + mixture.imag**2)
    own = pooled(stems.real**2 + stems.imag**2)
    product = pooled(mixture[:, None].real * stems.real + mixture[:, None].imag * stems.imag)
    gain = LOUD**2
    return Spectra(
        heard,
        gain * power.permute(0, 2, 1, 3)[:, :, None],
        gain * own.permute(0, 3, 1, 2, 4),
        gain * product.permute(0, 3, 1, 2, 4),
        examples.groups.to(stems.device),
    )


def loss(masks: Tensor, batch: Spectra, weights: Weights, lookahead: int = 0) -> Tensor:
    """One number: logarithm of the error's energy, for silent stems too, and difference of compressed magnitudes.

    Stems that nobody has apart are judged by their sum.

    Args:
        masks: (batch, time, stems, channels, 512).
        batch: what was heard and what is true.
        weights: what counts.
        lookahead: how many hops the masks come after what they are for.
    """
    masks = torch.einsum("bgs,btscu->btgcu", batch.groups, masks[:, lookahead:])
    mixture, stems, product = (part[:, : masks.shape[1]] for part in (batch.mixture, batch.stems, batch.product))
    own, worse = (torch.tensor(values, device=masks.device) for values in (weights.stems, weights.missing))
    members = batch.groups.sum(2).clamp_min(1.0)
    # of a group the mean of its stems' importance, of no stems none
    importance = batch.groups @ own / members
    claimed = masks**2 * mixture
    error = (claimed - 2.0 * masks * product + stems).sum((1, 3, 4)).clamp_min(0.0)
    whole = mixture.sum((1, 2, 3, 4))[:, None] + 1.0
    energy = (importance * torch.log10(error / whole + 1e-3)).mean()
    level = (mixture.mean((1, 2, 3, 4)) + 1.0)[:, None, None, None, None]
    difference = (claimed / level + 1e-5) ** 0.25 - (stems / level + 1e-5) ** 0.25
    excess = (batch.groups @ worse / members)[:, None, :, None, None]
    detail = torch.where(difference < 0.0, excess * -difference, difference).mean((1, 3, 4))
    return energy + weights.detail * (importance * detail).mean()
