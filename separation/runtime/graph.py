"""Opening of ONNX graphs in ONNX Runtime, and comparison of their tensors with a card."""

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


def open_graph(
    path: Path, providers: Sequence[str], threads: int, *, plan_memory: bool = True
) -> onnxruntime.InferenceSession:
    """Open a graph.

    Args:
        path: the ONNX file.
        providers: ONNX Runtime execution providers in order of preference. If one fails to start, because its device or
            libraries are missing, a warning is logged and the CPU is used.
        threads: number of threads per call.
        plan_memory: whether to plan all memory in advance, which makes small steps quicker but takes twice as much.

    Raises:
        CardError: not an ONNX graph that this runtime can run.
        ValueError: this runtime does not have a provider.
    """
    wanted = known_providers(providers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = plan_memory
    # Spinning threads would take cores from the audio.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERRORS_ONLY
    # ORT-format files, which are detected by their extension, could have external weights that go unnoticed
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        if problem := external_weights_problem(path):
            raise CardError(str(path), (problem,))
        session = _opened(path, options, wanted)
    except (OnnxFileError, OSError, *REFUSALS) as error:
        first_line = str(error).splitlines()[0]
        raise CardError(str(path), (f"no usable ONNX graph: {first_line}",)) from error
    if missing := [name for name in wanted if name not in session.get_providers()]:
        log.warning("%s failed to start, using %s", " and ".join(missing), session.get_providers()[0])
    return session


def _opened(path: Path, options: onnxruntime.SessionOptions, wanted: Sequence[str]) -> onnxruntime.InferenceSession:
    try:
        # the runtime's own fallback prints to standard output
        return onnxruntime.InferenceSession(str(path), options, list(wanted), enable_fallback=False)
    except (*REFUSALS, EPFail, RuntimeError, ValueError):
        # the exception for a provider that fails to start depends on the provider
        return onnxruntime.InferenceSession(str(path), options, list(CPU), enable_fallback=False)


def check_tensors(
    path: Path,
    session: onnxruntime.InferenceSession,
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, Sequence[int]],
    *,
    exact: bool,
) -> None:
    """Compare a graph's tensors with the shapes in a card, by their names.

    If `exact`, the graph must declare every size; otherwise sizes that are dynamic or declared as 0 match any.

    Raises:
        CardError: lists all differences.
    """
    problems = [
        *_differences("input", inputs, session.get_inputs(), exact),
        *_differences("output", outputs, session.get_outputs(), exact),
    ]
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
            yield f"the {kind} {name!r}: expected tensor(float), got {graph.type}"
        if not _matches(list(graph.shape), list(shape), exact):
            yield f"the {kind} {name!r}: expected shape {list(shape)} as in the card, got {list(graph.shape)}"


def _matches(declared: list[Any], expected: list[int], exact: bool) -> bool:
    if exact:
        return declared == expected
    sizes = [size if isinstance(size, int) and size > 0 else None for size in declared]
    matches = len(sizes) == len(expected) and all(a in (None, b) for a, b in zip(sizes, expected, strict=True))
    return matches or not declared
