"""Cards of models that process chunks of seconds.

Domain `mag_chunk`: magnitudes in, magnitudes or masks out (Open-Unmix, Spleeter).
Domain `complex_chunk`: complex spectra in, complex spectra or masks out (MDX-Net).
Domain `wave_chunk`: samples in, samples out (Demucs).
Domain `spec_wave_chunk`: complex spectra and samples in and out; the outputs are added (HTDemucs without its STFT).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from stemfield.separation.cards.axes import Axes
from stemfield.separation.cards.card_parts import Chunk, ChunkStft, ChunkTensor, Combine
from stemfield.separation.cards.card_schema import RULE_STFT, ModelCard

CHUNK_DOMAINS = ("mag_chunk", "complex_chunk", "wave_chunk", "spec_wave_chunk")

_COMPLEX = ("re_im", "spec_re", "spec_im")
_INPUT_ROLES = {
    "mag_chunk": ("mag",),
    "complex_chunk": _COMPLEX,
    "wave_chunk": ("wave",),
    "spec_wave_chunk": (*_COMPLEX, "wave"),
}
_OUTPUT_ROLES = {
    "mag_chunk": ("mag", "mask"),
    "complex_chunk": (*_COMPLEX, "mask"),
    "wave_chunk": ("wave",),
    "spec_wave_chunk": (*_COMPLEX, "mask", "wave"),
}
_AXES = {"wave": "bcn", "mag": "bcft", "re_im": "bczft", "spec_re": "bcft", "spec_im": "bcft", "mask": "bcft"}


class ChunkCard(ModelCard):
    """A model of one of the chunk domains."""

    domain: Literal["mag_chunk", "complex_chunk", "wave_chunk", "spec_wave_chunk"] = Field(
        description="How audio maps to tensors."
    )
    inputs: Annotated[tuple[ChunkTensor, ...], Field(strict=False)] = Field(description="Inputs of every graph.")
    outputs: Annotated[tuple[ChunkTensor, ...], Field(strict=False)] = Field(description="Outputs of every graph.")
    chunk: Chunk = Field(description="Chunk length and overlap.")
    stft: ChunkStft | None = Field(None, description="STFT around the graph, if it works on spectra.")
    combine: Combine = Field(Combine(), description="How stems are made from magnitudes.")
    normalise: Literal["none", "peak", "rms", "meanstd"] = Field(
        "none", description="Divisor of a chunk before the graph; the stems are multiplied by it again."
    )
    places_s: float = Field(
        0.0, ge=0.0, le=60.0, description="Time constant of the spatial filter in seconds, for masks that sum to one."
    )
    compensate: float = Field(1.0, gt=0.0, le=4.0, description="Factor on the graph's estimates.")

    @property
    def delay_samples(self) -> int:
        """Latency of the stems in samples at the model's rate."""
        return self.chunk.samples - self.chunk.trim + RULE_STFT.synthesis_tail

    @property
    def compute_margin_samples(self) -> int:
        """One hop: a chunk is computed while the next one plays."""
        return self.chunk.hop

    @property
    def graph_sources(self) -> int:
        """Number of sources per graph."""
        return len(self.sources) if len(self.files) == 1 else 1

    def sizes(self) -> dict[str, int]:
        """Sizes of the axes of the graph's tensors, by letter."""
        sizes = {"b": 1, "s": self.graph_sources, "c": 2, "z": 2, "n": self.chunk.samples}
        if self.stft is not None:
            sizes |= {"f": self.stft.graph_bins, "t": self.stft.frames(self.chunk.samples)}
        return sizes

    def _wrong_numbers(self) -> Iterator[str]:
        if len(self.files) not in (1, len(self.sources)):
            yield f"files: expected one, or one per source ({len(self.sources)}), got {len(self.files)}"
        chunk, stft = self.chunk, self.stft
        if chunk.useful < 64:
            most = (chunk.samples - 64) // 2
            yield f"chunk.trim: expected at most {max(most, 0)} for {chunk.samples} samples, got {chunk.trim}"
        if stft is None:
            return
        if 2 * stft.hop > stft.n_fft:
            yield f"stft.hop: expected at most half of n_fft {stft.n_fft}, got {stft.hop}"
        if stft.graph_bins > stft.all_bins:
            yield f"stft.bins: expected at most {stft.all_bins} with n_fft {stft.n_fft}, got {stft.bins}"
        if stft.zero_low_bins > stft.graph_bins:
            yield f"stft.zero_low_bins: expected at most {stft.graph_bins}, the bins, got {stft.zero_low_bins}"
        if chunk.samples <= stft.n_fft:
            yield f"chunk.samples: expected more than n_fft {stft.n_fft}, got {chunk.samples}"
        if stft.above == "average" and self.combine.rule != "ratio":
            yield f"stft.above: expected zero with combine.rule {self.combine.rule}, which has no masks, got average"
        if self.combine.rule != "direct" and len(self.sources) == 1:
            yield f"combine.rule: expected direct with a single source, got {self.combine.rule}"

    def _wrong_tensors(self) -> Iterator[str]:
        spectral = self.domain != "wave_chunk"
        if spectral and self.stft is None:
            yield f"stft: missing, required in domain {self.domain}"
        if not spectral and self.stft is not None:
            yield f"stft: expected none in domain {self.domain}"
        if self.domain != "mag_chunk" and self.combine != Combine():
            yield f"combine: expected none in domain {self.domain}, which has no magnitudes"
        yield from self._check_tensors("inputs", self.inputs, _INPUT_ROLES[self.domain])
        yield from self._check_tensors("outputs", self.outputs, _OUTPUT_ROLES[self.domain])
        if self.domain == "spec_wave_chunk":
            for key, tensors in (("inputs", self.inputs), ("outputs", self.outputs)):
                roles = {tensor.role for tensor in tensors}
                if roles and (roles == {"wave"} or "wave" not in roles):
                    yield f"{key}: expected a spectrum and a wave in domain spec_wave_chunk"

    def _check_tensors(self, key: str, tensors: Sequence[ChunkTensor], allowed: tuple[str, ...]) -> Iterator[str]:
        if not tensors:
            yield f"{key}: expected at least one tensor"
        for what, words in (
            ("name", [tensor.name for tensor in tensors]),
            ("role", [tensor.role for tensor in tensors]),
        ):
            if len(set(words)) < len(words):
                yield f"{key}: expected each {what} once, got {', '.join(words)}"
        roles = {tensor.role for tensor in tensors}
        if len(roles & {"spec_re", "spec_im"}) == 1:
            yield f"{key}: expected spec_re and spec_im together, got only one of them"
        if len(roles - {"wave", "spec_im"}) > 1:
            yield f"{key}: expected one kind of spectrum, got {', '.join(sorted(roles - {'wave'}))}"
        if key == "outputs" and self.places_s > 0.0 and roles != {"mask"}:
            yield f"places_s: expected 0 without a mask as output, got {self.places_s:g}"
        for tensor in tensors:
            if tensor.role not in allowed:
                yield f"{key}: role of {tensor.name}: expected {', '.join(allowed)} in {self.domain}, got {tensor.role}"
            else:
                yield from self._axes(key, tensor)

    def _axes(self, key: str, tensor: ChunkTensor) -> Iterator[str]:
        letters = set(Axes(tensor.layout).letters)
        must = set(_AXES[tensor.role]) - {"b"}
        may = must | {"b"}
        if key == "outputs":
            may.add("s")
            if self.graph_sources > 1:
                must.add("s")
        if tensor.role == "mask":
            may.add("z")
        if missing := sorted(must - letters):
            yield f"{key}: layout of {tensor.name}: expected axes {', '.join(missing)} too, got {tensor.layout!r}"
        if extra := sorted(letters - may):
            yield f"{key}: layout of {tensor.name}: expected no axes {', '.join(extra)}, got {tensor.layout!r}"
