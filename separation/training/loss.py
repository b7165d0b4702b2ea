"""The training loss, computed from masks without synthesis.

In a unit of the spectrum let X be the mixture, S a stem and m the mask. The power of the error follows from the powers
P_X, P_S and the product C = Re(X* S) without further knowledge of the phases: m^2 P_X - 2 m C + P_S.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.training.batches import Batch
from stemfield.separation.training.dataset import STEMS
from stemfield.separation.training.spectrum import SCALE, STFT, features, pool

_LOW_HZ = 250.0


@dataclass(frozen=True, slots=True)
class LossInputs:
    """A batch in the form that the loss needs."""

    features: Tensor
    """Features of the mixture, (batch, time, 512, 4)."""
    mixture: Tensor
    """P_X, (batch, time, 1, channels, 512)."""
    stems: Tensor
    """P_S, (batch, time, stems, channels, 512)."""
    product: Tensor
    """C, the same shape."""
    groups: Tensor
    """Stems in each of the spectra, (batch, 4, 4): see `Batch`."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the terms of the loss."""

    stems: tuple[float, ...] = (1.6, 0.9, 0.8, 0.9)
    """Vocals, bass, drums, other."""
    detail: float = 3.0
    """Weight of the magnitude term against the energy term."""
    low: float = 2.0
    """Weight of units below 250 Hz in the magnitude term, which are few, against the others."""
    missing: tuple[float, ...] = (1.8, 1.0, 1.0, 1.0)
    """Weight of missing energy of a stem against excess energy."""

    def for_instrument(self, instrument: str) -> LossWeights:
        """Weights for a network of one instrument and the rest."""
        index = STEMS.index(instrument)
        return replace(self, stems=(self.stems[index], 1.0), missing=(self.missing[index], 1.0))


def loss_inputs(examples: Batch) -> LossInputs:
    """Compute the inputs of the loss from a batch."""
    stems = examples.spectra
    mixture = stems.sum(1)
    left, right = mixture.unbind(1)
    inputs = features((left.real, left.imag), (right.real, right.imag))
    power = pool(mixture.real**2 + mixture.imag**2)
    own = pool(stems.real**2 + stems.imag**2)
    product = pool(mixture[:, None].real * stems.real + mixture[:, None].imag * stems.imag)
    gain = SCALE**2
    return LossInputs(
        inputs,
        gain * power.permute(0, 2, 1, 3)[:, :, None],
        gain * own.permute(0, 3, 1, 2, 4),
        gain * product.permute(0, 3, 1, 2, 4),
        examples.groups.to(stems.device),
    )


def loss(masks: Tensor, batch: LossInputs, weights: LossWeights, lookahead: int = 0) -> Tensor:
    """Scalar loss: logarithm of the error energy, also of silent stems, plus difference of compressed magnitudes.

    Stems that are only known as a sum are compared by their sum.

    Args:
        masks: (batch, time, stems, channels, 512).
        batch: the inputs of the loss.
        weights: weights of the terms.
        lookahead: delay of the masks in hops.
    """
    masks = torch.einsum("bgs,btscu->btgcu", batch.groups, masks[:, lookahead:])
    mixture, stems, product = (part[:, : masks.shape[1]] for part in (batch.mixture, batch.stems, batch.product))
    stem_weights, missing_weights = (
        torch.tensor(values, device=masks.device) for values in (weights.stems, weights.missing)
    )
    members = batch.groups.sum(2).clamp_min(1.0)
    # mean over the stems of a group; 0 for an unused row
    importance = batch.groups @ stem_weights / members
    estimated = masks**2 * mixture
    error = (estimated - 2.0 * masks * product + stems).sum((1, 3, 4)).clamp_min(0.0)
    whole = mixture.sum((1, 2, 3, 4))[:, None] + 1.0
    energy = (importance * torch.log10(error / whole + 1e-3)).mean()
    level = (mixture.mean((1, 2, 3, 4)) + 1.0)[:, None, None, None, None]
    difference = (estimated / level + 1e-5) ** 0.25 - (stems / level + 1e-5) ** 0.25
    missing = (batch.groups @ missing_weights / members)[:, None, :, None, None]
    frequencies = torch.ones(difference.shape[-1], device=masks.device)
    frequencies[: round(_LOW_HZ * STFT.n_fft / RATE_HZ) + 1] = weights.low
    detail = (torch.where(difference < 0.0, missing * -difference, difference) * frequencies).mean((1, 3, 4))
    return energy + weights.detail * (importance * detail).mean()
