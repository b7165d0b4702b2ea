"""ONNX graphs in ONNX Runtime: opening them, and comparing them with what a card says."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,  # noqa: A004 - the runtime's exception of that name
    RuntimeException,
)

from stemfield.layouts.problems import did_you_mean
from stemfield.separation.cards.card import CardError
from stemfield.separation.cards.onnx_file import OnnxFileError, external_weights_problem
from stemfield.separation.runtime.providers import CPU, known_providers

REFUSALS = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, RuntimeException)
_ERRORS_ONLY = 3

log = logging.getLogger(__name__)


def open_graph(path: Path, providers: Sequence[str], threads: int) -> onnxruntime.InferenceSession:
    """A graph, ready to run.

    Args:
        path: the ONNX file.
        providers: ONNX Runtime's execution providers, the preferred one first. Where one does not start, for want of
            its device or libraries, the log says so and the processor computes.
        threads: that share one call.

    Raises:
        CardError: the file is no ONNX graph that this runtime can run.
        ValueError: a provider that this runtime does not have.
    """
    wanted = known_providers(providers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread would take its core from the audio.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERRORS_ONLY
    # a file of ONNX Runtime's own format would be known by its name alone, and is not looked into
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        if refusal := external_weights_problem(path):
            raise CardError(str(path), (refusal,))
        session = _opened(path, options, wanted)
    except (OnnxFileError, OSError) as error:
        raise CardError(str(path), (f"no usable ONNX graph: {error}",)) from error
    except REFUSALS as error:
        first_line = str(error).splitlines()[0]
        raise CardError(str(path), (f"no usable ONNX graph: {first_line}",)) from error
    if missing := [name for name in wanted if name not in session.get_providers()]:
        log.warning("%s does not start here: %s computes", " and ".join(missing), session.get_providers()[0])
    return session


def _opened(path: Path, options: onnxruntime.SessionOptions, wanted: Sequence[str]) -> onnxruntime.InferenceSession:
    try:
        # its own way of falling back prints to standard output
        return onnxruntime.InferenceSession(str(path), options, list(wanted), enable_fallback=False)
    except (*REFUSALS, EPFail, RuntimeError, ValueError):
        # what a provider that does not start raises depends on the provider
        return onnxruntime.InferenceSession(str(path), options, list(CPU), enable_fallback=False)


def check_tensors(
    path: Path,
    session: onnxruntime.InferenceSession,
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, Sequence[int]],
    *,
    exact: bool,
) -> None:
    """Compares a graph's tensors with the shapes that a card gives them.

    Args:
        path: of the graph.
        session: the graph.
        inputs: shapes by name.
        outputs: shapes by name.
        exact: whether every size must be declared; otherwise what the graph leaves open, or declares as 0, may be
            anything.

    Raises:
        CardError: with all differences.
    """
    problems = (
        *_differences("input", inputs, session.get_inputs(), exact),
        *_differences("output", outputs, session.get_outputs(), exact),
    )
    if problems:
        raise CardError(str(path), problems)


def _differences(kind: str, expected: Mapping[str, Sequence[int]], found: Sequence[Any], exact: bool) -> Iterator[str]:
    tensors = {tensor.name: tensor for tensor in found}
    for name in tensors.keys() - expected.keys():
        if exact or kind == "input":
            yield f"the graph's {kind} {name!r} is not in the card"
    for name, shape in expected.items():
        if name not in tensors:
            yield f"the graph has no {kind} {name!r}{did_you_mean(name, tensors)}"
            continue
        graph = tensors[name]
        if graph.type != "tensor(float)":
            yield f"the {kind} {name!r} is a {graph.type}, not a tensor(float)"
        if not _agree(list(graph.shape), list(shape), exact):
            yield f"the {kind} {name!r} has shape {list(graph.shape)}, the card says {list(shape)}"


def _agree(declared: list[Any], said: list[int], exact: bool) -> bool:
    if exact or not declared:
        return declared == said or (not exact and not declared)
    open_ends = [size if isinstance(size, int) and size > 0 else None for size in declared]
    return len(open_ends) == len(said) and all(a in (None, b) for a, b in zip(open_ends, said, strict=True))
