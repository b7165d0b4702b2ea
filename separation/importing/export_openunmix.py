"""Conversion of Open-Unmix checkpoints to ONNX graphs, layer by layer from the weights.

The network is that of Stöter, Uhlich, Liutkus and Mitsufuji, "Open-Unmix: a reference implementation for music source
separation" (JOSS 4, 2019): cropped magnitudes, three bidirectional LSTM layers with a skip connection, and a mask on
the magnitudes. Batch normalisation is constant after training and folded into the linear layers.

Reading a checkpoint needs torch, writing a graph needs onnx; both are in the extra `train`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.problems import UserError

Weights = Mapping[str, NDArray[np.float32]]
"""Weights by their names in the checkpoint."""

OPSET = 17
_EPSILON = 1e-5
"""Default epsilon of torch's BatchNorm1d."""


class CheckpointError(UserError):
    """A file that is not an Open-Unmix checkpoint."""


def read_checkpoint(path: Path) -> dict[str, NDArray[np.float32]]:
    """Weights of a `.pth` file.

    Raises:
        CheckpointError: not a checkpoint, or not of this network.
    """
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        # torch's message recommends a mode that would execute code in the file
        raise CheckpointError(f"{path}: expected a checkpoint with weights only") from error
    if not isinstance(state, dict) or "fc1.weight" not in state or "lstm.weight_ih_l0" not in state:
        raise CheckpointError(f"{path}: expected a checkpoint of Open-Unmix, got weights with other names")
    return {name: np.asarray(value, np.float32) for name, value in state.items() if value.ndim}


def save_graph(weights: Weights, path: Path) -> None:
    """Write the graph of one target, with magnitudes (batch, 2, bins, frames) as input and output."""
    import onnx
    from onnx import TensorProto, helper

    builder = _Builder()
    bins = weights["output_scale"].shape[0]
    seen = weights["input_mean"].shape[0]
    shape = ["batch", 2, bins, "frames"]
    mixture = builder.add("Transpose", "x", perm=[3, 0, 1, 2])
    crop = builder.add("Slice", mixture, builder.index([0]), builder.index([seen]), builder.index([3]))
    scaled = builder.add("Mul", builder.add("Add", crop, weights["input_mean"]), weights["input_scale"])
    flat = builder.add("Reshape", scaled, builder.index([0, 0, -1]))
    encoded = builder.add("Tanh", _dense(builder, flat, weights, "fc1", "bn1"))
    hidden = encoded
    layers = sum(name.startswith("lstm.weight_ih_l") and not name.endswith("_reverse") for name in weights)
    for layer in range(layers):
        hidden = _lstm(builder, hidden, weights, layer)
    both = builder.add("Concat", encoded, hidden, axis=2)
    inner = builder.add("Relu", _dense(builder, both, weights, "fc2", "bn2"))
    wide = builder.add("Reshape", _dense(builder, inner, weights, "fc3", "bn3"), builder.index([0, 0, 2, bins]))
    shifted = builder.add("Add", builder.add("Mul", wide, weights["output_scale"]), weights["output_mean"])
    masked = builder.add("Mul", builder.add("Relu", shifted), mixture)
    builder.add("Transpose", masked, perm=[1, 2, 3, 0], into="y")
    graph = helper.make_graph(
        builder.nodes,
        "open-unmix",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        builder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


class _Builder:
    """Builds nodes and constants of a graph, with generated names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str | NDArray[Any], into: str = "", **attributes: Any) -> str:
        """Add a node, with arrays as constants; returns the name of its first output."""
        from onnx import helper

        names = [given if isinstance(given, str) else self._constant(given) for given in inputs]
        result = into or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [result], **attributes))
        return result

    def index(self, numbers: list[int]) -> NDArray[np.int64]:
        """Integer constant for shapes and axes."""
        return np.array(numbers, np.int64)

    def _constant(self, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _dense(builder: _Builder, given: str, weights: Weights, dense: str, norm: str) -> str:
    """A linear layer with the batch normalisation after it."""
    factor = np.divide(weights[f"{norm}.weight"], np.sqrt(weights[f"{norm}.running_var"] + np.float32(_EPSILON)))
    matrix = (weights[f"{dense}.weight"] * factor[:, None]).T
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * factor
    return builder.add("Add", builder.add("MatMul", given, matrix), bias)


def _lstm(builder: _Builder, given: str, weights: Weights, layer: int) -> str:
    """An LSTM layer, (frames, batch, features) to (frames, batch, directions * hidden)."""
    ways = ("", "_reverse") if f"lstm.weight_ih_l{layer}_reverse" in weights else ("",)

    def gates(kind: str) -> NDArray[np.float32]:
        """Gates reordered from torch (input, forget, cell, output) to ONNX (input, output, forget, cell)."""
        stacked = []
        for way in ways:
            i, f, c, o = np.split(weights[f"lstm.{kind}_l{layer}{way}"], 4)
            stacked.append(np.concatenate([i, o, f, c]))
        return np.stack(stacked)

    biases = np.concatenate([gates("bias_ih"), gates("bias_hh")], axis=1)
    found = builder.add(
        "LSTM",
        given,
        gates("weight_ih"),
        gates("weight_hh"),
        biases,
        hidden_size=weights[f"lstm.weight_hh_l{layer}"].shape[1],
        direction="bidirectional" if len(ways) == 2 else "forward",
    )
    ordered = builder.add("Transpose", found, perm=[0, 2, 1, 3])
    return builder.add("Reshape", ordered, builder.index([0, 0, -1]))
