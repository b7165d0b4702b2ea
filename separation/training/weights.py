"""Networks from the weights of runs and of models, and several of them as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.streaming_step import Ensemble


def load_network(*paths: Path) -> Network | Ensemble:
    """The network of `best.pt` or `step-N.pt`, or `together` of those of several runs."""
    return together(load_networks(*paths))


def load_networks(*paths: Path) -> list[Network]:
    """The networks of `best.pt` or `step-N.pt`; weights of one run are averaged."""
    runs: dict[Path, list[dict[str, Any]]] = {}
    for path in paths:
        state = torch.load(path, map_location="cpu", weights_only=True)
        runs.setdefault(path.resolve().parent, []).append(state)
    networks = list[Network]()
    for states in runs.values():
        network = Network(Shape(**states[0]["shape"]))
        weights = [state["average"] for state in states]
        network.load_state_dict({name: sum(one[name] for one in weights) / len(weights) for name in weights[0]})
        networks.append(network.eval())
    return networks


def together(networks: Sequence[Network], *, backward: int = 0) -> Network | Ensemble:
    """Networks as one: itself, or an ensemble. With a network for files, live ones hear files forwards.

    Args:
        networks: at least one.
        backward: how many of them, from the first, also hear files backwards.

    Raises:
        ValueError: the networks have different sources, or are fewer than `backward`.
    """
    if backward > len(networks):
        raise ValueError(f"--backward: expected at most {len(networks)}, the networks, got {backward}")
    sources = {network.shape.sources for network in networks}
    if len(sources) > 1:
        different = " and ".join(", ".join(names) for names in sorted(sources))
        raise ValueError(f"expected networks with the same sources, got {different}")
    if backward or any(network.shape.direction != "live" for network in networks):
        networks = [directed(one, "forward") if one.shape.direction == "live" else one for one in networks]
    networks = [*networks, *(directed(one, "backward") for one in networks[:backward])]
    return networks[0] if len(networks) == 1 else Ensemble(networks).eval()


def directed(network: Network, direction: Literal["live", "forward", "backward"]) -> Network:
    """A copy of a network that hears music in another direction."""
    copy = Network(replace(network.shape, direction=direction))
    copy.load_state_dict(network.state_dict())
    copy.eval()
    return copy
