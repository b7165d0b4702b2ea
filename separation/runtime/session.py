"""A streaming graph in ONNX Runtime with its recurrent state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import StreamCard
from stemfield.separation.runtime.graph import check_tensors, open_graph
from stemfield.separation.runtime.providers import CPU


class Session:
    """Runs a graph once per hop and carries its recurrent state between calls.

    Its graph is the card's first unless another one is given.

    Raises:
        CardError: not an ONNX graph, or it does not match the card (all differences are listed).
        ValueError: this runtime does not have a provider.
    """

    def __init__(self, card: StreamCard, providers: Sequence[str] = CPU, graph: Path | None = None) -> None:
        path = graph or card.graph
        # A hop is too little work for several threads.
        self._session = open_graph(path, providers, threads=1)
        check_tensors(
            path,
            self._session,
            {tensor.name: tensor.shape for tensor in card.inputs},
            {tensor.name: tensor.shape for tensor in card.outputs},
            exact=True,
        )
        self._input = card.audio_input.name
        self._takes_magnitudes = card.audio_input.role == "mag"
        self._returns_masks = card.audio_output.role == "mask"
        self._silence = np.zeros(card.audio_output.shape, np.float32)
        self._outputs = [card.audio_output.name, *(state.source for state in card.states)]
        self._targets = [state.target for state in card.states]
        self._initial = {state.target: np.zeros(state.shape, np.float32) for state in card.states}
        self.reset()

    def reset(self) -> None:
        """Reset the recurrent state."""
        self._state = dict(self._initial)

    def call(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one hop.

        Args:
            sound: input of the shape in the card.

        Returns:
            Output of the shape in the card. If a graph returns values that are not finite, the stems are zero and the
            state is reset, so that one bad hop does not spoil the following ones.
        """
        stems: NDArray[np.float32]
        stems, *states = self._session.run(self._outputs, {self._input: sound, **self._state})
        if not all(np.isfinite(tensor).all() for tensor in (stems, *states)):
            self.reset()
            return self._silence.copy()
        self._state = dict(zip(self._targets, states, strict=True))
        return stems

    def step(
        self, newest: NDArray[np.complex64], mixture: NDArray[np.complex64] | None = None
    ) -> NDArray[np.complex64]:
        """Run one hop of a graph on spectra or magnitudes that returns spectra or masks.

        Args:
            newest: the mixture's newest spectrum, shape (2, bins), contiguous.
            mixture: spectrum that the masks apply to, if it is an earlier one.

        Returns:
            Spectra of the sources, shape (sources, 2, bins).
        """
        stems = self.call(np.abs(newest) if self._takes_magnitudes else newest.view(np.float32).reshape(2, -1, 2))
        if self._returns_masks:
            masked: NDArray[np.complex64] = np.maximum(stems, 0.0) * (newest if mixture is None else mixture)
            return masked
        spectra: NDArray[np.complex64] = stems.view(np.complex64)[..., 0]
        return spectra
