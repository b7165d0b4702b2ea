"""Optimisers: Muon for the matrices of hidden layers, AdamW for all other weights.

Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024): the momentum of a matrix is
orthogonalised by a few Newton-Schulz iterations, so that all its directions are learnt at a similar rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Matrices (n, rows, columns) with all singular values moved close to 1."""
    a, b, c = _QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Muon; a matrix with three times as many rows as columns is split into the three gates of a GRU.

    Args:
        parameters: the matrices.
        lr: learning rate, relative to a matrix with singular values of 1.
        momentum: momentum.
        decay: weight decay per step, relative to `lr`.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    def step(self, closure: None = None) -> None:  # noqa: ARG002 - the base class's signature
        """Update the weights from their gradients."""
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is None:
                        continue
                    state = self.state[weight]
                    past = state.setdefault("momentum", torch.zeros_like(weight))
                    past.lerp_(weight.grad, 1.0 - group["momentum"])
                    ahead = weight.grad.lerp(past, group["momentum"])
                    rows, columns = weight.shape
                    gates = 3 if rows == 3 * columns else 1
                    turned = orthogonalise(ahead.reshape(gates, rows // gates, columns)).reshape(rows, columns)
                    weight.mul_(1.0 - group["lr"] * group["decay"])
                    weight.sub_(turned, alpha=group["lr"] * max(1.0, rows / gates / columns) ** 0.5)


class Optimisers:
    """Muon for the matrices of a network's layers, AdamW for its other weights."""

    def __init__(self, network: nn.Module, muon_lr: float, adamw_lr: float) -> None:
        matrices = [weight for name, weight in network.named_parameters() if "layers." in name and weight.ndim == 2]
        known = {id(weight) for weight in matrices}
        rest = [weight for weight in network.parameters() if id(weight) not in known]
        adamw = torch.optim.AdamW(rest, lr=adamw_lr, betas=(0.9, 0.98), weight_decay=1e-3)
        self._optimisers: dict[str, Any] = {"muon": Muon(matrices, muon_lr), "adamw": adamw}

    def step(self, rate: float) -> None:
        """Update the weights with `rate` (0..1) times the maximum learning rates."""
        for optimiser in self._optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate * optimiser.defaults["lr"]
            optimiser.step()

    def state(self) -> dict[str, Any]:
        """State for a checkpoint."""
        return {name: optimiser.state_dict() for name, optimiser in self._optimisers.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        for name, optimiser in self._optimisers.items():
            optimiser.load_state_dict(state[name])
