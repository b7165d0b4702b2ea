"""The network of an exported model, to continue its training from."""

from __future__ import annotations

import onnx
import torch
from onnx import numpy_helper

from stemfield.separation.cards.card import ModelCard
from stemfield.separation.cards.card_schema import MaskStreamCard
from stemfield.separation.training.dataset import STEMS
from stemfield.separation.training.network import REST, Network, Shape

_PREFIX = "network."


def network_of_model(card: ModelCard) -> Network:
    """The network whose weights are in the graph of a model.

    Args:
        card: a model that `stemfield train release` made of one run.

    Raises:
        ValueError: a model of another kind, or of several networks.
    """
    refusal = f"{card.name}: expected a model that `stemfield train release` made of one run"
    graph = onnx.load(str(card.graph)).graph
    weights = {
        one.name.removeprefix(_PREFIX): torch.from_numpy(numpy_helper.to_array(one).copy())
        for one in graph.initializer
        if one.name.startswith(_PREFIX)
    }
    sources = tuple(card.sources)
    instrument = "" if sources == STEMS else sources[0]
    if not isinstance(card, MaskStreamCard) or "place" not in weights or sources not in (STEMS, (instrument, REST)):
        raise ValueError(refusal)
    layers = {name.split(".")[1] for name in weights if name.startswith("layers.")}
    shape = Shape(weights["place"].shape[1], len(layers), card.lookahead_frames, instrument)
    network = Network(shape)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{refusal}: {str(error).splitlines()[-1].strip()}") from error
    return network
