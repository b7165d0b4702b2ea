"""The networks of an exported model, to continue their training or to make other models of them."""

from __future__ import annotations

import json

import onnx
import torch
from onnx import numpy_helper

from stemfield.separation.cards.card import ModelCard
from stemfield.separation.training.export import NETWORKS
from stemfield.separation.training.network import Network, Shape


def network_of_model(card: ModelCard) -> Network:
    """The network of a model that has only one.

    Raises:
        ValueError: a model of another kind, or of several networks.
    """
    networks = networks_of_model(card)
    if len(networks) > 1:
        raise ValueError(f"{card.name}: expected a model of one network, got {len(networks)}")
    return networks[0]


def networks_of_model(card: ModelCard) -> tuple[Network, ...]:
    """The networks whose weights are in the graph of a model.

    Args:
        card: a model that `stemfield train release` made.

    Raises:
        ValueError: a model of another kind.
    """
    refusal = f"{card.name}: expected a model that `stemfield train release` made"
    model = onnx.load(str(card.graph))
    told = {entry.key: entry.value for entry in model.metadata_props}
    if NETWORKS not in told:
        raise ValueError(refusal)
    weights = {one.name: one for one in model.graph.initializer}
    networks = []
    shapes = json.loads(told[NETWORKS])
    for number, shape in enumerate(shapes):
        before = "network." if len(shapes) == 1 else f"network.networks.{number}."
        network = Network(Shape(**shape))
        try:
            network.load_state_dict(
                {
                    name.removeprefix(before): torch.from_numpy(numpy_helper.to_array(weight).copy())
                    for name, weight in weights.items()
                    if name.startswith(before)
                }
            )
        except RuntimeError as error:
            raise ValueError(f"{refusal}: {str(error).splitlines()[-1].strip()}") from error
        networks.append(network)
    return tuple(networks)
