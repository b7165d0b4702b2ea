"""Chunk models: one chunk through the STFT, the graphs and the inverse STFT."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stemfield.separation.cards.axes import Axes
from stemfield.separation.cards.card import CardError
from stemfield.separation.cards.card_chunks import ChunkCard
from stemfield.separation.cards.card_parts import ChunkTensor
from stemfield.separation.chunks.chunk_transform import ChunkTransform
from stemfield.separation.runtime.graph import REFUSALS, check_tensors, open_graph
from stemfield.separation.runtime.providers import CPU
from stemfield.separation.signal.combine import ratio_masks, wiener, with_phase
from stemfield.separation.signal.level import power
from stemfield.separation.signal.spatial_filter import SpatialFilter

_SILENT = 1e-8
"""Lower limit of the level that a chunk is divided by."""


class ChunkModel:
    """Separates one chunk of the mixture into one chunk per source.

    Raises:
        CardError: a file is not an ONNX graph or does not match the card.
        ValueError: this runtime does not have a provider.
    """

    def __init__(self, card: ChunkCard, providers: Sequence[str] = CPU) -> None:
        self.card = card
        self._sizes = card.sizes()
        self._axes = {tensor.name: Axes(tensor.layout) for tensor in (*card.inputs, *card.outputs)}
        self._transform = None if card.stft is None else ChunkTransform(card.stft, card.chunk.samples)
        self._spatial = None
        if card.stft is not None and card.places_s > 0.0:
            self._spatial = SpatialFilter(card.stft.hop / card.sample_rate.nominal_hz, card.places_s)
        self._graphs: list[tuple[Path, onnxruntime.InferenceSession]] = []
        threads = os.cpu_count() or 1
        for path in card.graphs:
            session = open_graph(path, providers, threads, plan_memory=False)
            taken, given = (
                {tensor.name: self._shape(tensor) for tensor in tensors} for tensors in (card.inputs, card.outputs)
            )
            check_tensors(path, session, taken, given, exact=False)
            self._graphs.append((path, session))

    def _shape(self, tensor: ChunkTensor) -> tuple[int, ...]:
        return self._axes[tensor.name].shape(self._sizes)

    def separate(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Separate a chunk.

        Args:
            mixture: shape (2, samples).

        Returns:
            Stems, shape (sources, 2, samples). Zeros for silence and where a graph returns values that are not finite.

        Raises:
            CardError: a graph returns shapes that contradict the card, or cannot run with the card's shapes.
        """
        card = self.card
        sources = (len(card.sources), *mixture.shape)
        if not mixture.any():
            return np.zeros(sources, np.float32)
        mean, scale = _level(mixture, card.normalise, card.level_db)
        sound = (mixture - mean) / scale
        spectrum = None if self._transform is None else self._transform.analyse(sound)
        feeds = {tensor.name: self._input(tensor, sound, spectrum) for tensor in card.inputs}
        given = [self._run(path, session, feeds) for path, session in self._graphs]
        parts: dict[str, NDArray[np.float32]] = {
            tensor.role: np.concatenate([outputs[index] for outputs in given])
            for index, tensor in enumerate(card.outputs)
        }
        stems = np.zeros(sources, np.float32)
        if spectrum is not None and self._transform is not None:
            stems += self._transform.synthesise(self._spectra(parts, spectrum))
        if "wave" in parts:
            stems += parts["wave"]
        stems *= np.float32(card.compensate * scale)
        stems += np.float32(mean)
        return stems if np.isfinite(stems).all() else np.zeros(sources, np.float32)

    def _input(
        self, tensor: ChunkTensor, sound: NDArray[np.float32], spectrum: NDArray[np.complex64] | None
    ) -> NDArray[np.float32]:
        axes = self._axes[tensor.name]
        if tensor.role == "wave" or spectrum is None or self.card.stft is None:
            return axes.pack(sound, "cn")
        stft = self.card.stft
        seen = spectrum[:, : stft.graph_bins].copy()
        seen[:, : stft.zero_low_bins] = 0.0
        match tensor.role:
            case "mag":
                return axes.pack(np.abs(seen), "cft")
            case "spec_re":
                return axes.pack(seen.real, "cft")
            case "spec_im":
                return axes.pack(seen.imag, "cft")
            case _:
                return axes.pack(np.stack([seen.real, seen.imag], axis=1), "czft")

    def _run(
        self, path: Path, session: onnxruntime.InferenceSession, feeds: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """Run a graph; returns an array per output with axes sources, left and right, then those of its role."""
        tensors = self.card.outputs
        try:
            outputs = session.run([tensor.name for tensor in tensors], feeds)
        except REFUSALS as error:
            first_line = str(error).splitlines()[0]
            raise CardError(str(path), (f"the graph cannot run with the card's shapes: {first_line}",)) from error
        problems = [
            f"the output {tensor.name!r}: expected shape {list(self._shape(tensor))}, got {list(output.shape)}"
            for tensor, output in zip(tensors, outputs, strict=True)
            if output.shape != self._shape(tensor)
        ]
        if problems:
            raise CardError(str(path), tuple(problems))
        return [
            self._axes[tensor.name].unpack(output, _order(tensor, self._axes[tensor.name]), self._sizes)
            for tensor, output in zip(tensors, outputs, strict=True)
        ]

    def _spectra(self, parts: dict[str, NDArray[np.float32]], mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Spectra of all bins, shape (sources, 2, bins, frames), from the outputs of the graphs."""
        stft, combine = self.card.stft, self.card.combine
        assert stft is not None
        seen = mixture[:, : stft.graph_bins]
        full = np.zeros((len(self.card.sources), *mixture.shape), np.complex64)
        if "mag" in parts:
            magnitudes = np.maximum(parts["mag"], 0.0)
            if combine.rule == "ratio":
                masks = ratio_masks(magnitudes, combine.power)
                full[:, :, : stft.graph_bins] = masks * seen
                if stft.above == "average":
                    full[:, :, stft.graph_bins :] = masks.mean(axis=2, keepdims=True) * mixture[:, stft.graph_bins :]
                return full
            wanted = combine.rule == "wiener"
            found = wiener(magnitudes, seen, combine.iterations) if wanted else with_phase(magnitudes, seen)
        elif "mask" in parts:
            mask = parts["mask"]
            found = seen * (mask[:, :, 0] + 1j * mask[:, :, 1] if mask.ndim == 5 else mask)
            if self._spatial is not None:
                found = self._spatial.apply_to_chunk(seen, found)
        elif "re_im" in parts:
            found = parts["re_im"][:, :, 0] + 1j * parts["re_im"][:, :, 1]
        else:
            found = parts["spec_re"] + 1j * parts["spec_im"]
        full[:, :, : stft.graph_bins] = found
        return full


def _order(tensor: ChunkTensor, axes: Axes) -> str:
    match tensor.role:
        case "wave":
            return "scn"
        case "re_im":
            return "sczft"
        case "mask" if "z" in axes.letters:
            return "sczft"
        case _:
            return "scft"


def _level(mixture: NDArray[np.float32], normalise: str, level_db: float | None) -> tuple[float, float]:
    """Offset to subtract from a chunk, and level to divide it by."""
    mono = mixture.mean(axis=0)
    match normalise:
        case "none":
            return 0.0, 1.0 if level_db is None else math.sqrt(power(mixture) / 10.0 ** (level_db / 10.0))
        case "meanstd":
            # where left and right cancel, as with one channel inverted, the mono sum has no level to measure
            return float(mono.mean()), max(float(mono.std()), 0.1 * float(mixture.std()), _SILENT)
        case "peak":
            return 0.0, max(float(np.abs(mixture).max()), _SILENT)
        case _:
            return 0.0, max(float(np.sqrt(np.square(mixture).mean())), _SILENT)
