"""Cards of models that see whole chunks of sound, seconds at a time.

Domain `mag_chunk`: magnitudes in, magnitudes or masks out (Open-Unmix, Spleeter).
Domain `complex_chunk`: complex spectra in, complex spectra or masks out (MDX-Net).
Domain `wave_chunk`: sound in, sound out (Demucs).
Domain `spec_wave_chunk`: complex spectra and sound in; out come both, which are added (HTDemucs without its transform).
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
    """A model of one of the domains of whole chunks."""

    domain: Literal["mag_chunk", "complex_chunk", "wave_chunk", "spec_wave_chunk"] = Field(
        description="How tensors and sound meet."
    )
    inputs: Annotated[tuple[ChunkTensor, ...], Field(strict=False)] = Field(
        description="Tensors that every graph takes."
    )
    outputs: Annotated[tuple[ChunkTensor, ...], Field(strict=False)] = Field(
        description="Tensors that every graph gives."
    )
    chunk: Chunk = Field(description="How sound is cut up.")
    stft: ChunkStft | None = Field(None, description="The transform around the graph, where it sees spectra.")
    combine: Combine = Field(Combine(), description="How magnitudes become stems.")
    normalise: Literal["none", "peak", "rms", "meanstd"] = Field(
        "none", description="What a chunk is divided by before the graph sees it; the stems are multiplied again."
    )
    compensate: float = Field(1.0, gt=0.0, le=4.0, description="What the graph's estimates are multiplied by.")

    @property
    def delay_samples(self) -> int:
        """Samples at the model's rate that must follow a sample before its stems can be known."""
        return self.chunk.samples - self.chunk.trim + RULE_STFT.synthesis_tail

    @property
    def step_samples(self) -> int:
        """Samples at the model's rate for which one call of the graph brings stems."""
        return self.chunk.hop

    @property
    def compute_margin_samples(self) -> int:
        """While one chunk is computed the next one plays."""
        return self.chunk.hop

    @property
    def graph_sources(self) -> int:
        """Sources of each graph."""
        return len(self.sources) if len(self.files) == 1 else 1

    def sizes(self) -> dict[str, int]:
        """How long the axes of the graph's tensors are, by their letters."""
        sizes = {"b": 1, "s": self.graph_sources, "c": 2, "z": 2, "n": self.chunk.samples}
        if self.stft is not None:
            sizes |= {"f": self.stft.seen_bins, "t": self.stft.frames(self.chunk.samples)}
        return sizes

    def _wrong_numbers(self) -> Iterator[str]:
        if len(self.files) not in (1, len(self.sources)):
            yield f"files: needs one, or one a source, has {len(self.files)} for {len(self.sources)} sources"
        chunk, stft = self.chunk, self.stft
        if chunk.useful < 64:
            yield f"chunk.trim: {chunk.trim} at each end leaves {max(chunk.useful, 0)} of {chunk.samples} samples"
        if stft is None:
            return
        if 2 * stft.hop > stft.n_fft:
            yield f"stft.hop: {stft.hop} is more than half of n_fft {stft.n_fft}"
        if stft.seen_bins > stft.all_bins:
            yield f"stft.bins: {stft.bins} is more than the {stft.all_bins} that n_fft {stft.n_fft} has"
        if stft.zero_low_bins > stft.seen_bins:
            yield f"stft.zero_low_bins: {stft.zero_low_bins} is more than the {stft.seen_bins} bins"
        if chunk.samples <= stft.n_fft:
            yield f"chunk.samples: {chunk.samples} is not more than n_fft {stft.n_fft}"
        if stft.above == "average" and self.combine.rule != "ratio":
            yield f"stft.above: average needs masks, which combine.rule {self.combine.rule} has not"
        if self.combine.rule != "direct" and len(self.sources) == 1:
            yield f"combine.rule: {self.combine.rule} shares the mixture among sources, and there is only one"

    def _wrong_tensors(self) -> Iterator[str]:
        spectral = self.domain != "wave_chunk"
        if spectral and self.stft is None:
            yield f"stft: domain {self.domain} needs it"
        if not spectral and self.stft is not None:
            yield f"stft: domain {self.domain} has no transform"
        if self.domain != "mag_chunk" and self.combine != Combine():
            yield f"combine: domain {self.domain} has no magnitudes to combine"
        yield from self._ports("inputs", self.inputs, _INPUT_ROLES[self.domain])
        yield from self._ports("outputs", self.outputs, _OUTPUT_ROLES[self.domain])
        if self.domain == "spec_wave_chunk":
            for key, ports in (("inputs", self.inputs), ("outputs", self.outputs)):
                roles = {port.role for port in ports}
                if roles and (roles == {"wave"} or "wave" not in roles):
                    yield f"{key}: domain spec_wave_chunk needs both a spectrum and a wave"

    def _ports(self, key: str, ports: Sequence[ChunkTensor], allowed: tuple[str, ...]) -> Iterator[str]:
        if not ports:
            yield f"{key}: needs at least one tensor"
        for what, words in (("name", [port.name for port in ports]), ("role", [port.role for port in ports])):
            if len(set(words)) < len(words):
                yield f"{key}: a {what} appears twice in {', '.join(words)}"
        roles = {port.role for port in ports}
        if len(roles & {"spec_re", "spec_im"}) == 1:
            yield f"{key}: spec_re and spec_im need each other"
        if len(roles - {"wave", "spec_im"}) > 1:
            yield f"{key}: one kind of spectrum is enough, there are {', '.join(sorted(roles - {'wave'}))}"
        for port in ports:
            if port.role not in allowed:
                yield f"{key}: {port.name} has role {port.role}, domain {self.domain} allows {', '.join(allowed)}"
            else:
                yield from self._axes(key, port)

    def _axes(self, key: str, port: ChunkTensor) -> Iterator[str]:
        letters = set(Axes(port.layout).letters)
        must = set(_AXES[port.role]) - {"b"}
        may = must | {"b"}
        if key == "outputs":
            may.add("s")
            if self.graph_sources > 1:
                must.add("s")
        if port.role == "mask":
            may.add("z")
        if missing := sorted(must - letters):
            yield f"{key}: the layout {port.layout!r} of {port.name} lacks {', '.join(missing)}"
        if strange := sorted(letters - may):
            yield f"{key}: the layout {port.layout!r} of {port.name} must not have {', '.join(strange)}"
