"""Small ONNX graphs with the tensors of well-known models, and cards around them.

They only scale their input, each source, side and bin by a different number, so that every mistake in the order of axes
shows and the right answer can be computed without a graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
LICENCE = {"licence": "CC0-1.0", "attribution": ["nobody"], "trained_on": "nothing"}
RATE = {"nominal_hz": 44100, "lowest_hz": 44100, "highest_hz": 48000}


def value(name: str, shape: Iterable[int]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def constant(name: str, array: ArrayLike) -> Any:
    return numpy_helper.from_array(np.asarray(array, np.float32), name)


def save(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any], opset: int = OPSET
) -> None:
    graph = helper.make_graph(nodes, "toy", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def scaling(path: Path, pairs: Iterable[tuple[str, Sequence[int], str, Sequence[int], ArrayLike]]) -> None:
    """A graph that multiplies each input by constants: pairs of (input, shape, output, shape, gains).

    A gain with one axis more than the input adds a new axis after the batch, that of the sources.
    """
    nodes, inputs, outputs, constants = [], [], [], []
    for index, (source, shape, target, out_shape, factors) in enumerate(pairs):
        gains = np.asarray(factors, np.float32)
        constants.append(constant(f"g{index}", gains))
        inputs.append(value(source, shape))
        outputs.append(value(target, out_shape))
        given = source
        if gains.ndim > len(shape):
            constants.append(numpy_helper.from_array(np.array([1], np.int64), f"axis{index}"))
            nodes.append(helper.make_node("Unsqueeze", [source, f"axis{index}"], [f"wide{index}"]))
            given = f"wide{index}"
        nodes.append(helper.make_node("Mul", [given, f"g{index}"], [target]))
    save(path, nodes, inputs, outputs, constants)


def write_card(folder: Path, domain: str, sources: Iterable[str], files: Iterable[str], **fields: Any) -> str:
    """Writes a card for graphs that are in the folder; returns the folder's path as text."""
    data = {
        "name": folder.name,
        "title": f"A toy {folder.name}",
        "domain": domain,
        "sample_rate": RATE,
        "sources": list(sources),
        "files": [{"path": file, "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()} for file in files],
        "level_db": None,  # as it comes, so that the truth is simple
        **LICENCE,
        **fields,
    }
    (folder / "card.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return str(folder)


def small_wave(
    folder: Path,
    gains: ArrayLike = ((0.7, 0.2), (0.1, 0.5)),
    samples: int = 960,
    sources: Iterable[str] = ("vocals", "other"),
    **fields: Any,
) -> str:
    """A waveform model of small chunks with a gain for each source and side; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    factors = np.asarray(gains, np.float32)
    n = len(factors)
    scaling(
        folder / "wave.onnx",
        [("mix", (1, 2, samples), "stems", (1, n, 2, samples), factors[None, :, :, None])],
    )
    fields.setdefault("chunk", {"samples": samples, "trim": 60, "overlap": 0.25})
    return write_card(
        folder,
        "wave_chunk",
        sources,
        ["wave.onnx"],
        inputs=[{"name": "mix", "role": "wave", "layout": "b c n"}],
        outputs=[{"name": "stems", "role": "wave", "layout": "b s c n"}],
        **fields,
    )


def wave_stream(folder: Path, hop: int = 128, discard_first: int = 1) -> str:
    """A waveform stream with memory: the first source is the hop before, halved; the second the rest of that hop."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("Mul", ["h", "half"], ["vocals"]),
        helper.make_node("Sub", ["h", "vocals"], ["other"]),
        helper.make_node("Unsqueeze", ["vocals", "one"], ["v"]),
        helper.make_node("Unsqueeze", ["other", "one"], ["o"]),
        helper.make_node("Concat", ["v", "o"], ["stems"], axis=1),
        helper.make_node("Identity", ["chunk"], ["h_out"]),
    ]
    constants = [constant("half", [[[0.5], [0.25]]]), numpy_helper.from_array(np.array([1], np.int64), "one")]
    shape = (1, 2, hop)
    save(
        folder / "stream.onnx",
        nodes,
        [value("chunk", shape), value("h", shape)],
        [value("stems", (1, 2, 2, hop)), value("h_out", shape)],
        constants,
    )
    return write_card(
        folder,
        "wave_stream",
        ["vocals", "other"],
        ["stream.onnx"],
        hop=hop,
        discard_first=discard_first,
        latency_samples=hop * (1 + discard_first),
        inputs=[
            {"name": "chunk", "role": "wave", "shape": list(shape)},
            {"name": "h", "role": "state", "shape": list(shape)},
        ],
        outputs=[
            {"name": "stems", "role": "wave", "shape": [1, 2, 2, hop]},
            {"name": "h_out", "role": "state", "shape": list(shape)},
        ],
        states=[{"in": "h", "out": "h_out", "shape": list(shape), "init": "zeros"}],
    )


def slow_stream(folder: Path, hop: int = 64, size: int = 600) -> str:
    """A waveform stream that is far too slow for live sound: it multiplies matrices."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("MatMul", ["m", "m"], ["m1"]),
        helper.make_node("MatMul", ["m1", "m"], ["m2"]),
        helper.make_node("ReduceSum", ["h"], ["h_sum"], keepdims=0),
        helper.make_node("Mul", ["m2", "h_sum"], ["m3"]),
        helper.make_node("MatMul", ["m3", "m"], ["m4"]),
        helper.make_node("ReduceSum", ["m4"], ["sum"], keepdims=0),
        helper.make_node("Add", ["chunk", "sum"], ["sound"]),
        helper.make_node("Unsqueeze", ["sound", "one"], ["stems"]),
        helper.make_node("Identity", ["h"], ["h_out"]),
    ]
    constants = [constant("m", np.zeros((size, size))), numpy_helper.from_array(np.array([1], np.int64), "one")]
    shape = [1, 2, hop]
    save(
        folder / "slow.onnx",
        nodes,
        [value("chunk", shape), value("h", [1])],
        [value("stems", [1, 1, 2, hop]), value("h_out", [1])],
        constants,
    )
    return write_card(
        folder,
        "wave_stream",
        ["other"],
        ["slow.onnx"],
        hop=hop,
        latency_samples=hop,
        inputs=[{"name": "chunk", "role": "wave", "shape": shape}, {"name": "h", "role": "state", "shape": [1]}],
        outputs=[
            {"name": "stems", "role": "wave", "shape": [1, 1, 2, hop]},
            {"name": "h_out", "role": "state", "shape": [1]},
        ],
        states=[{"in": "h", "out": "h_out", "shape": [1], "init": "zeros"}],
    )


def trap_stream(folder: Path, trap: str, hop: int = 256, loud: float = 0.9) -> str:
    """A waveform stream that passes on what it hears, and that a sample above `loud` is the end of.

    Args:
        folder: is made where it is missing.
        trap: `error` has the runtime raise; `hog` asks for 8 GB of memory.
        hop: samples.
        loud: full scale is 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("Abs", ["chunk"], ["size"]),
        helper.make_node("ReduceMax", ["size"], ["peak"], keepdims=0),
        helper.make_node("Greater", ["peak", "loud"], ["is_over"]),
        helper.make_node("Cast", ["is_over"], ["over"], to=TensorProto.INT64),
    ]
    floats: dict[str, ArrayLike] = {"loud": loud}
    integers = {"axis": [1]}
    if trap == "error":
        floats["nothing"] = [0.0]
        nodes.append(helper.make_node("Gather", ["nothing", "over"], ["zero"], axis=0))
    else:
        integers |= {"many": [2_000_000_000], "few": [1]}
        nodes += [
            helper.make_node("Mul", ["over", "many"], ["more"]),
            helper.make_node("Add", ["more", "few"], ["count"]),
            helper.make_node("ConstantOfShape", ["count"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
        ]
    nodes += [
        helper.make_node("Add", ["chunk", "zero"], ["sound"]),
        helper.make_node("Unsqueeze", ["sound", "axis"], ["stems"]),
        helper.make_node("Identity", ["h"], ["h_out"]),
    ]
    shape = [1, 2, hop]
    save(
        folder / "trap.onnx",
        nodes,
        [value("chunk", shape), value("h", [1])],
        [value("stems", [1, 1, 2, hop]), value("h_out", [1])],
        [constant(name, numbers) for name, numbers in floats.items()]
        + [numpy_helper.from_array(np.array(numbers, np.int64), name) for name, numbers in integers.items()],
    )
    return write_card(
        folder,
        "wave_stream",
        ["vocals"],
        ["trap.onnx"],
        hop=hop,
        latency_samples=hop,
        inputs=[{"name": "chunk", "role": "wave", "shape": shape}, {"name": "h", "role": "state", "shape": [1]}],
        outputs=[
            {"name": "stems", "role": "wave", "shape": [1, 1, 2, hop]},
            {"name": "h_out", "role": "state", "shape": [1]},
        ],
        states=[{"in": "h", "out": "h_out", "shape": [1], "init": "zeros"}],
    )


FOUR = ("vocals", "bass", "drums", "other")


def masks_of(claims: np.ndarray, level: float) -> np.ndarray:
    """The masks of `mask_graph`: one source has what it claims, several share the whole."""
    raised = np.exp(np.asarray(claims, np.float64) * (1.0 + level))
    return raised / (1.0 + raised) if len(claims) == 1 else raised / raised.sum(axis=0)


def mask_graph(
    path: Path,
    claims: np.ndarray,
    takes: str = "re_im",
    gives: str = "re_im",
    state: Sequence[int] = (3, 34, 64),
    lookahead: int = 0,
) -> None:
    """One hop of masks from claims, shape (sources, 2, bins), which grow with the mean of what was heard before.

    The memory halves in every hop and gains a thousand times the mean square of what goes in. Spectra with lookahead
    are those of a hop back, which the graph remembers.
    """
    claims = np.asarray(claims, np.float32)
    spectrum = (2, claims.shape[2], 2)
    nodes = [
        helper.make_node("ReduceMean", ["h"], ["level"], keepdims=0),
        helper.make_node("Add", ["level", "one"], ["grown"]),
        helper.make_node("Mul", ["claims", "grown"], ["raised"]),
        helper.make_node("Sigmoid", ["raised"], ["masks"])
        if len(claims) == 1
        else helper.make_node("Softmax", ["raised"], ["masks"], axis=0),
        helper.make_node("Mul", ["X", "X"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["power"], keepdims=0),
        helper.make_node("Mul", ["power", "thousand"], ["news"]),
        helper.make_node("Mul", ["h", "half"], ["kept"]),
        helper.make_node("Add", ["kept", "news"], ["h_out"]),
    ]
    if gives == "re_im":
        nodes.append(helper.make_node("Unsqueeze", ["masks", "last"], ["wide"]))
        if lookahead:
            nodes.append(helper.make_node("Unsqueeze", ["X", "first"], ["newest"]))
            nodes.append(helper.make_node("Concat", ["past", "newest"], ["line"], axis=0))
            nodes.append(helper.make_node("Split", ["line", "cut"], ["mixture", "past_out"], axis=0))
        else:
            nodes.append(helper.make_node("Unsqueeze", ["X", "first"], ["mixture"]))
        nodes.append(helper.make_node("Mul", ["wide", "mixture"], ["Y"]))
    else:
        nodes.append(helper.make_node("Identity", ["masks"], ["Y"]))
    constants = [constant(name, number) for name, number in (("one", 1.0), ("thousand", 1000.0), ("half", 0.5))]
    constants += [
        numpy_helper.from_array(np.array([axis], np.int64), name) for name, axis in (("first", 0), ("last", 3))
    ]
    inputs = [value("X", spectrum if takes == "re_im" else spectrum[:2]), value("h", state)]
    outputs = [value("Y", (len(claims), *(spectrum if gives == "re_im" else spectrum[:2]))), value("h_out", state)]
    if lookahead and gives == "re_im":
        inputs.append(value("past", (lookahead, *spectrum)))
        outputs.append(value("past_out", (lookahead, *spectrum)))
        constants.append(numpy_helper.from_array(np.array([1, lookahead], np.int64), "cut"))
    save(path, nodes, inputs, outputs, [constant("claims", claims), *constants])


def mask_stream(
    folder: Path,
    claims: np.ndarray | Sequence[np.ndarray] | None = None,
    takes: str = "re_im",
    gives: str = "re_im",
    sources: Sequence[str] = FOUR,
    lookahead: int = 0,
    **fields: Any,
) -> str:
    """A model of masks: of claims (sources, 2, bins) in one graph, or of a list of them, a graph for each source."""
    folder.mkdir(parents=True, exist_ok=True)
    if claims is None:
        claims = np.random.default_rng(0).standard_normal((len(sources), 2, 1025))
    graphs = [claims] if isinstance(claims, np.ndarray) else claims
    names = [f"{folder.name}.onnx"] if len(graphs) == 1 else [f"{source}.onnx" for source in sources]
    state, bins = [3, 34, 64], graphs[0].shape[2]
    for name, claim in zip(names, graphs, strict=True):
        mask_graph(folder / name, claim, takes, gives, state, lookahead)
    hop = (bins - 1) // 2
    shape = [2, bins, 2]
    given: dict[str, Any] = {
        "stft": {"n_fft": 4 * hop, "hop": hop, "synthesis_tail": 2 * hop, "window": "asymmetric_hann"}
        | {"scale": "amplitude"},
        "inputs": [
            {"name": "X", "role": takes, "shape": shape if takes == "re_im" else shape[:2]},
            {"name": "h", "role": "state", "shape": [*state]},
        ],
        "outputs": [
            {"name": "Y", "role": gives, "shape": [len(graphs[0]), *(shape if gives == "re_im" else shape[:2])]},
            {"name": "h_out", "role": "state", "shape": [*state]},
        ],
        "states": [{"in": "h", "out": "h_out", "shape": [*state], "init": "zeros"}],
        "latency_samples": (2 + lookahead) * hop,
    }
    if lookahead:
        given["lookahead_frames"] = lookahead
        if gives == "re_im":
            past = [lookahead, *shape]
            given["inputs"].append({"name": "past", "role": "state", "shape": [*past]})
            given["outputs"].append({"name": "past_out", "role": "state", "shape": [*past]})
            given["states"].append({"in": "past", "out": "past_out", "shape": [*past], "init": "zeros"})
    return write_card(folder, "mask_stream", sources, names, **given | fields)
