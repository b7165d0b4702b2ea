"""A model's graph in ONNX Runtime, checked against its card, with its memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,  # noqa: A004 - the runtime's exception of that name
    RuntimeException,
)

from stemfield.layouts.check import suggestion
from stemfield.separation.card import CardError, ModelCard
from stemfield.separation.card_schema import Tensor

CPU = ("CPUExecutionProvider",)
_REFUSALS = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, RuntimeException)
_ERRORS_ONLY = 3


class Session:
    """One call a hop: the mixture's spectrum in, the stems' spectra out; memory is kept in between.

    Args:
        card: what the graph must look like.
        providers: ONNX Runtime's execution providers, the preferred one first.

    Raises:
        CardError: the file is no ONNX graph, or another one than the card describes (all differences are listed).
        ValueError: a provider that this runtime does not have.
    """

    def __init__(self, card: ModelCard, providers: Sequence[str] = CPU) -> None:
        known = onnxruntime.get_available_providers()
        for provider in providers:
            if provider not in known:
                hint = suggestion(provider, known)
                raise ValueError(f"provider {provider!r} is not one of {', '.join(known)}{hint}")
        options = onnxruntime.SessionOptions()
        # A hop is too little work to share, and a spinning thread would take its core from the audio.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(str(card.graph), options, list(providers))
        except _REFUSALS as error:
            first_line = str(error).splitlines()[0]
            raise CardError(str(card.graph), (f"no usable ONNX graph: {first_line}",)) from error
        problems = (
            *_differences("input", card.inputs, self._session.get_inputs()),
            *_differences("output", card.outputs, self._session.get_outputs()),
        )
        if problems:
            raise CardError(str(card.graph), problems)
        self._sources = len(card.sources)
        self._input = card.spectrum_in.name
        self._output = card.spectrum_out.name
        self._outputs = [self._output, *(state.source for state in card.states)]
        self._targets = [state.target for state in card.states]
        self._initial = {state.target: np.zeros(state.shape, np.float32) for state in card.states}
        self.reset()

    def reset(self) -> None:
        """Puts the memory back to what it is at the start."""
        self._memory = dict(self._initial)

    def step(self, spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """One hop.

        Args:
            spectrum: of the mixture, shape (2, bins), contiguous.

        Returns:
            Spectra of the stems, shape (sources, 2, bins). Where a graph gives anything but finite numbers the stems
            are zero and its memory starts anew, so that one bad hop cannot spoil all that follow.
        """
        real = spectrum.view(np.float32).reshape(2, -1, 2)
        stems, *memory = self._session.run(self._outputs, {self._input: real, **self._memory})
        if not all(np.isfinite(tensor).all() for tensor in (stems, *memory)):
            self.reset()
            return np.zeros((self._sources, *spectrum.shape), np.complex64)
        self._memory = dict(zip(self._targets, memory, strict=True))
        spectra: NDArray[np.complex64] = stems.view(np.complex64)[..., 0]
        return spectra


def _differences(kind: str, expected: Sequence[Tensor], found: Sequence[Any]) -> Iterator[str]:
    """What the graph has otherwise than the card says."""
    tensors = {tensor.name: tensor for tensor in found}
    for name in tensors.keys() - {tensor.name for tensor in expected}:
        yield f"the graph's {kind} {name!r} is not in the card"
    for tensor in expected:
        if tensor.name not in tensors:
            yield f"the graph has no {kind} {tensor.name!r}{suggestion(tensor.name, tensors)}"
            continue
        graph = tensors[tensor.name]
        if graph.type != "tensor(float)":
            yield f"the {kind} {tensor.name!r} is a {graph.type}, not a tensor(float)"
        if list(graph.shape) != list(tensor.shape):
            yield f"the {kind} {tensor.name!r} has shape {list(graph.shape)}, the card says {list(tensor.shape)}"
