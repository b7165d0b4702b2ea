"""The network of an exported model, to continue its training from."""

from __future__ import annotations

from dataclasses import replace

import onnx
import torch
from onnx import numpy_helper

from stemfield.separation.cards.card import ModelCard
from stemfield.separation.cards.card_schema import MaskStreamCard
from stemfield.separation.training.dataset import STEMS
from stemfield.separation.training.export import LOOKAHEAD
from stemfield.separation.training.network import REST, Network, Shape

_PREFIX = "network."


def bidirectional(network: Network) -> Network:
    """The same network with recurrent layers in both directions, whose backward halves have no effect yet.

    They begin with the weights of the forward halves.
    """
    both = Network(replace(network.shape, bidirectional=True))
    weights = network.state_dict()
    for name in list(weights):
        if ".time." in name:
            weights[f"{name}_reverse"] = weights[name]
        elif name.endswith("after_time.weight"):
            weights[name] = torch.cat([weights[name], torch.zeros_like(weights[name])], 1)
    both.load_state_dict(weights)
    return both


def network_of_model(card: ModelCard) -> Network:
    """The network whose weights are in the graph of a model.

    Args:
        card: a model that `stemfield train release` made of one run.

    Raises:
        ValueError: a model of another kind, or of several networks.
    """
    refusal = f"{card.name}: expected a model that `stemfield train release` made of one run"
    model = onnx.load(str(card.graph))
    graph = model.graph
    weights = {
        one.name.removeprefix(_PREFIX): torch.from_numpy(numpy_helper.to_array(one).copy())
        for one in graph.initializer
        if one.name.startswith(_PREFIX)
    }
    sources = tuple(card.sources)
    instrument = "" if sources == STEMS else sources[0]
    both = "layers.0.time.weight_hh_l0_reverse" in weights
    if "place" not in weights or sources not in (STEMS, (instrument, REST)):
        raise ValueError(refusal)
    layers = {name.split(".")[1] for name in weights if name.startswith("layers.")}
    told = {entry.key: entry.value for entry in model.metadata_props}
    late = card.lookahead_frames if isinstance(card, MaskStreamCard) else int(told.get(LOOKAHEAD, 0))
    shape = Shape(weights["place"].shape[1], len(layers), late, instrument, both)
    network = Network(shape)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{refusal}: {str(error).splitlines()[-1].strip()}") from error
    return network
