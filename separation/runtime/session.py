"""A graph of a streaming model in ONNX Runtime, checked against its card, with its memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import StreamCard
from stemfield.separation.runtime.graph import check_tensors, open_graph
from stemfield.separation.runtime.providers import CPU


class Session:
    """One call a hop: the mixture in, the stems out; memory is kept in between.

    Args:
        card: what the graph must look like.
        providers: ONNX Runtime's execution providers, the preferred one first.
        graph: its file; without, the card's first.

    Raises:
        CardError: the file is no ONNX graph, or another one than the card describes (all differences are listed).
        ValueError: a provider that this runtime does not have.
    """

    def __init__(self, card: StreamCard, providers: Sequence[str] = CPU, graph: Path | None = None) -> None:
        path = graph or card.graph
        # A hop is too little work to share.
        self._session = open_graph(path, providers, threads=1)
        check_tensors(
            path,
            self._session,
            {tensor.name: tensor.shape for tensor in card.inputs},
            {tensor.name: tensor.shape for tensor in card.outputs},
            exact=True,
        )
        self._input = card.audio_input.name
        self._sees_magnitudes = card.audio_input.role == "mag"
        self._gives_masks = card.audio_output.role == "mask"
        self._silence = np.zeros(card.audio_output.shape, np.float32)
        self._outputs = [card.audio_output.name, *(state.source for state in card.states)]
        self._targets = [state.target for state in card.states]
        self._initial = {state.target: np.zeros(state.shape, np.float32) for state in card.states}
        self.reset()

    def reset(self) -> None:
        """Puts the memory back to what it is at the start."""
        self._memory = dict(self._initial)

    def call(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """One hop, as the graph sees it.

        Args:
            sound: of the shape that the card gives the input.

        Returns:
            Of the shape that the card gives the output. Where a graph gives anything but finite numbers the stems are
            zero and its memory starts anew, so that one bad hop cannot spoil all that follow.
        """
        stems: NDArray[np.float32]
        stems, *memory = self._session.run(self._outputs, {self._input: sound, **self._memory})
        if not all(np.isfinite(tensor).all() for tensor in (stems, *memory)):
            self.reset()
            return self._silence.copy()
        self._memory = dict(zip(self._targets, memory, strict=True))
        return stems

    def step(self, heard: NDArray[np.complex64], mixture: NDArray[np.complex64] | None = None) -> NDArray[np.complex64]:
        """One hop of a graph that takes spectra or their magnitudes, and gives spectra or masks.

        Args:
            heard: the mixture's newest spectrum, shape (2, bins), contiguous.
            mixture: its spectrum that the masks are for, where that is an earlier one.

        Returns:
            Spectra of what the graph gives, shape (sources, 2, bins).
        """
        stems = self.call(np.abs(heard) if self._sees_magnitudes else heard.view(np.float32).reshape(2, -1, 2))
        if self._gives_masks:
            masked: NDArray[np.complex64] = np.maximum(stems, 0.0) * (heard if mixture is None else mixture)
            return masked
        spectra: NDArray[np.complex64] = stems.view(np.complex64)[..., 0]
        return spectra
