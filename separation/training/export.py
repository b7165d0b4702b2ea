"""Export of a trained network: the ONNX graph, its card, and checks of both."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemfield.layouts.strict_yaml import dump_yaml
from stemfield.separation.cards.card import CARD, ModelCard, load_card
from stemfield.separation.cards.card_parts import Chunk, sha256_of
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.training.chunk_step import ChunkStep
from stemfield.separation.training.level import LEVEL_DB
from stemfield.separation.training.network import REST, Network
from stemfield.separation.training.spectrum import BINS, CHUNK_STFT, STFT
from stemfield.separation.training.streaming_step import Ensemble, StreamingStep
from stemfield.separation.training.validation import PLACES_S, separate

OPSET = 18
GRAPH_ERROR = 1e-4
STREAMING_ERROR = 1e-5
NETWORKS = "networks"
"""Metadata of a graph: the shapes of its networks as JSON, from which their training can be continued."""
_TEST_HOPS = 40
CHUNK = Chunk(samples=1032 * CHUNK_STFT.hop, trim=43 * CHUNK_STFT.hop, overlap=86 / 946)
"""Chunks of 12 s in files: half a second at each end only heard, one second cross-faded."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of a model, for its card."""

    name: str
    title: str
    licence: str
    attribution: tuple[str, ...]
    trained_on: str
    scores: tuple[Mapping[str, Any], ...] = ()


def export(network: Network | Ensemble, folder: Path, provenance: Provenance) -> ModelCard:
    """Create the folder of a model, whose name must be the model's: the graph of one streaming step and the card.

    Raises:
        ValueError: the graph does not match the network, or streaming does not match whole-file processing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / f"{provenance.name}.onnx"
    if network.shape.direction == "live":
        states = StreamingStep(network).initial_states
        names, example = ["X", *states], (torch.zeros(2, BINS, 2), *states.values())
        model = _graph_of(StreamingStep(network).eval(), example, names, ["Y", *(f"{name}_out" for name in states)])
    else:
        chunk = torch.zeros(2, 2, BINS, CHUNK_STFT.frames(CHUNK.samples))
        model = _graph_of(ChunkStep(network).eval(), (chunk,), ["X"], ["Y"], optimize=False)
    onnx.helper.set_model_props(model, {NETWORKS: json.dumps([asdict(one.shape) for one in network.members])})
    onnx.save(model, str(graph))
    card = write_card(network, folder, provenance)
    check(network, card)
    return card


def write_card(network: Network | Ensemble, folder: Path, provenance: Provenance) -> ModelCard:
    """Write the card for the graph in the folder; returns the loaded card."""
    graph = folder / f"{provenance.name}.onnx"
    card: dict[str, Any] = {
        "name": provenance.name,
        "title": provenance.title,
        "sample_rate": {"nominal_hz": RATE_HZ, "lowest_hz": RATE_HZ, "highest_hz": 48000},
        "sources": list(network.shape.sources),
        **({"stems": {REST: "other"}} if network.shape.instrument else {}),
        "files": [{"path": graph.name, "sha256": sha256_of(graph)}],
        **(_stream(network) if network.shape.direction == "live" else _chunks()),
        "licence": provenance.licence,
        "attribution": list(provenance.attribution),
        "trained_on": provenance.trained_on,
        "scores": [dict(score) for score in provenance.scores],
    }
    text = dump_yaml(card, width=110)
    (folder / CARD).write_text("# Description of this model for the host, and its origin.\n" + text)
    return load_card(str(folder))


def _stream(network: Network | Ensemble) -> dict[str, Any]:
    """What the card of a streaming model says about its graph."""
    spectrum, late = (2, BINS, 2), network.shape.lookahead
    states = {name: tuple(state.shape) for name, state in StreamingStep(network).initial_states.items()}
    return {
        "domain": "mask_stream",
        "stft": STFT.model_dump(),
        "inputs": [
            {"name": "X", "role": "re_im", "shape": [*spectrum]},
            *({"name": name, "role": "state", "shape": [*shape]} for name, shape in states.items()),
        ],
        "outputs": [
            {"name": "Y", "role": "re_im", "shape": [len(network.shape.sources), *spectrum]},
            *({"name": f"{name}_out", "role": "state", "shape": [*shape]} for name, shape in states.items()),
        ],
        "states": [
            {"in": name, "out": f"{name}_out", "shape": [*shape], "init": "zeros"} for name, shape in states.items()
        ],
        "lookahead_frames": late,
        "places_s": PLACES_S,
        "level_db": LEVEL_DB,
        "latency_samples": STFT.synthesis_tail + late * STFT.hop,
    }


def _chunks() -> dict[str, Any]:
    """What the card of a model for files says about its graph."""
    return {
        "domain": "complex_chunk",
        "stft": CHUNK_STFT.model_dump(),
        "chunk": CHUNK.model_dump(),
        "inputs": [{"name": "X", "role": "re_im", "layout": "c z f t"}],
        "outputs": [{"name": "Y", "role": "mask", "layout": "s c f t"}],
        "places_s": PLACES_S,
    }


def check(network: Network | Ensemble, card: ModelCard) -> tuple[float, float]:
    """Maximum errors of the graph against the network, and of streaming against whole-file processing.

    Raises:
        ValueError: an error exceeds GRAPH_ERROR or STREAMING_ERROR.
    """
    errors = graph_error(network, card), streaming_error(network, card)
    limits = GRAPH_ERROR, STREAMING_ERROR
    for what, error, limit in zip(("graph and network", "streaming and whole file"), errors, limits, strict=True):
        if not error <= limit:
            raise ValueError(f"{card.graph}: difference of {what}: expected at most {limit:.2g}, got {error:.2g}")
    return errors


def graph_error(network: Network | Ensemble, card: ModelCard) -> float:
    """Maximum difference of the spectra for hops of noise, very quiet noise and silence; of the masks for chunks."""
    random = np.random.default_rng(1)
    if network.shape.direction != "live":
        chunk = 0.1 * random.standard_normal((2, 2, BINS, CHUNK_STFT.frames(CHUNK.samples))).astype(np.float32)
        with torch.no_grad():
            masks = ChunkStep(network)(torch.from_numpy(chunk)).numpy()
        return float(np.abs(onnxruntime.InferenceSession(str(card.graph)).run(["Y"], {"X": chunk})[0] - masks).max())
    session, hop = onnxruntime.InferenceSession(str(card.graph)), StreamingStep(network).eval()
    states = StreamingStep(network).initial_states
    kept = {name: state.numpy() for name, state in states.items()}
    outputs = ["Y", *(f"{name}_out" for name in states)]
    worst = 0.0
    for index in range(_TEST_HOPS):
        level = (1.0, 1e-4, 0.0)[index % 3]
        spectrum = (level * random.standard_normal((2, BINS, 2))).astype(np.float32)
        with torch.no_grad():
            expected, *memory = hop(torch.from_numpy(spectrum), *states.values())
        states = dict(zip(states, memory, strict=True))
        found, *memory = session.run(outputs, {"X": spectrum, **kept})
        kept = dict(zip(kept, memory, strict=True))
        worst = max(worst, float(np.abs(found - expected.numpy()).max()))
    return worst


def streaming_error(network: Network | Ensemble, card: ModelCard) -> float:
    """Maximum difference of the samples between music fed in pieces and processed as a whole."""
    music = _music()
    separator = Separator(card, RATE_HZ)
    if network.shape.direction != "live":
        # the whole chunk in which the host hears the music first, with silence around it
        before = CHUNK.trim + CHUNK.crossfade
        chunk = np.pad(music, ((0, 0), (before, CHUNK.samples - before - music.shape[1])))
        whole = separate(network, chunk)[..., before : before + music.shape[1]]
    else:
        whole = separate(network, music)
    cuts = (0, 1, 700, 5000, 5001, 20000, music.shape[1])
    pieces = [separator.feed(music[:, begin:end]) for begin, end in pairwise(cuts)]
    streamed = np.concatenate([*pieces, separator.flush()], axis=2)
    return float(np.abs(streamed - whole).max())


def _music() -> NDArray[np.float32]:
    """A second of gliding tones and noise, stereo, peak about 0.5."""
    time = np.arange(RATE_HZ) / RATE_HZ
    random = np.random.default_rng(2)
    hz = np.array([60.0, 220.0, 880.0, 3300.0])[:, None]
    tones = (np.sin(2 * np.pi * hz * time * (1 + 0.1 * time)) / 8).sum(axis=0)
    return np.asarray(np.stack([tones, tones[::-1]]) + 0.02 * random.standard_normal((2, RATE_HZ)), np.float32)


def _graph_of(
    step: torch.nn.Module, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str], *, optimize: bool = True
) -> onnx.ModelProto:
    """Export a module; without optimisation its weights keep their names and shapes, also those of a GRU operator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation warnings of the exporter itself
        program = torch.onnx.export(
            step,
            example,
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            optimize=optimize,
            verbose=False,
        )
    model = program.model_proto
    # remove source locations of the nodes
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    return model
