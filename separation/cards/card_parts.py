"""The words that cards are made of: each a small strict value with its range."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from stemfield.separation.cards.axes import Axes


def _only(pattern: str, meaning: str) -> AfterValidator:
    """Refuses text that does not match as a whole, in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"is no {meaning}")
        return text

    return AfterValidator(check)


Name = Annotated[str, _only("[a-z0-9][a-z0-9_-]{0,63}", "name of up to 64 of a-z, 0-9, _ and -")]
FileName = Annotated[str, _only("[A-Za-z0-9][A-Za-z0-9._-]{0,127}", "plain file name in the card's folder")]
Sha256 = Annotated[str, _only("[0-9a-f]{64}", "SHA-256 of 64 hexadecimal digits")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
TensorName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Shape = Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...], Field(strict=False, max_length=8)]
AxesText = Annotated[str, AfterValidator(Axes.check)]


class Strict(BaseModel):
    """A part of a card: unknown keys and loose types are refused, values never change."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class SampleRate(Strict):
    """The rates that the model works at without conversion."""

    nominal_hz: int = Field(ge=8000, le=192000, description="The rate of its training.")
    lowest_hz: int = Field(ge=8000, le=192000, description="Sound below this rate is converted.")
    highest_hz: int = Field(ge=8000, le=192000, description="Sound above this rate is converted.")


class ModelFile(Strict):
    """A file in the card's folder."""

    path: FileName = Field(description="Its plain name.")
    sha256: Sha256 = Field(description="Of its content, 64 hexadecimal digits.")


class Stft(Strict):
    """The transform around a streaming graph, in samples."""

    n_fft: int = Field(ge=16, le=1 << 16, multiple_of=2, description="Samples that a hop's spectrum sees.")
    hop: int = Field(ge=8, le=1 << 15, description="Samples from one call to the next.")
    synthesis_tail: int = Field(
        ge=16, le=1 << 16, description="How many of the newest samples a hop's synthesis covers: the latency."
    )
    window: Literal["asymmetric_hann"] = Field(
        description="Square-root Hann, rising over n_fft - hop and falling over hop."
    )
    scale: Literal["amplitude"] = Field(description="A sine of amplitude 1 reads 1 in its bin.")

    @property
    def bins(self) -> int:
        """Frequencies of the half spectrum."""
        return self.n_fft // 2 + 1


class Tensor(Strict):
    """An input or output of a streaming graph, float32."""

    name: TensorName = Field(description="As the graph calls it.")
    role: Literal["re_im", "mag", "mask", "wave", "state"] = Field(
        description="Spectrum, its magnitudes, what multiplies the mixture's spectrum, sound, or memory."
    )
    shape: Shape = Field(description="Every size, none open.")


class State(Strict):
    """Memory that goes from one call's output to the next call's input."""

    source: TensorName = Field(alias="out", description="The output that gives it.")
    target: TensorName = Field(alias="in", description="The input that takes it.")
    shape: Shape = Field(description="Of both.")
    init: Literal["zeros"] = Field(description="What it is before the first call.")


class ChunkStft(Strict):
    """The transform around a graph that sees whole chunks: a periodic Hann window, in samples."""

    n_fft: int = Field(ge=16, le=1 << 16, multiple_of=2, description="Length of a frame; it is not in the ONNX file.")
    hop: int = Field(ge=8, le=1 << 15, description="Samples from frame to frame; at most n_fft / 2.")
    bins: int | None = Field(
        None, ge=1, le=1 << 15, description="How many of the lowest frequencies the graph sees; null is all of them."
    )
    zero_low_bins: int = Field(0, ge=0, le=1 << 15, description="How many of them are put to zero before it sees them.")
    centre: Literal["sample", "hop"] = Field(
        "sample", description="Frame i is centred on sample i * hop (torch.stft), or half a hop later (Demucs)."
    )
    pad: Literal["reflect", "zero"] = Field("reflect", description="What lies beyond the chunk's ends.")
    scale: Literal["none", "sqrt_n_fft", "amplitude"] = Field(
        "none", description="What spectra are divided by: 1, sqrt(n_fft), or half the window's sum."
    )
    above: Literal["zero", "average"] = Field(
        "zero", description="What stems get above `bins`: nothing, or the mean of their mask below."
    )

    @property
    def all_bins(self) -> int:
        """Frequencies of the half spectrum."""
        return self.n_fft // 2 + 1

    @property
    def seen_bins(self) -> int:
        """Frequencies that the graph sees."""
        return self.all_bins if self.bins is None else self.bins

    def frames(self, samples: int) -> int:
        """Frames of a chunk of this many samples."""
        return 1 + samples // self.hop if self.centre == "sample" else -(-samples // self.hop)


class ChunkTensor(Strict):
    """An input or output of a graph that sees whole chunks, float32."""

    name: TensorName = Field(description="As the graph calls it.")
    role: Literal["wave", "mag", "re_im", "spec_re", "spec_im", "mask"] = Field(
        description="Sound, magnitudes, complex spectrum, its real or imaginary part, or what multiplies the mixture's."
    )
    layout: AxesText = Field(
        description="Its axes: b batch, s sources, c left and right, z real and imaginary, f frequencies, t frames, "
        "n samples; brackets merge, as in `b (c z) f t`."
    )


class Combine(Strict):
    """How magnitudes become stems."""

    rule: Literal["direct", "ratio", "wiener"] = Field(
        "direct", description="The mixture's phase; shares of the mixture; or a multichannel Wiener filter."
    )
    power: float = Field(2.0, ge=0.5, le=4.0, description="Exponent of the magnitudes in `ratio`.")
    iterations: int = Field(1, ge=1, le=8, description="Of `wiener`.")


class Chunk(Strict):
    """How sound is cut up, in samples at the model's rate."""

    samples: int = Field(ge=64, le=1 << 22, description="What the graph sees at once.")
    trim: int = Field(0, ge=0, le=1 << 20, description="What of it is thrown away at each end.")
    overlap: float = Field(
        0.25, ge=0.0, le=0.5, description="Share of the rest over which neighbouring chunks are cross-faded."
    )
    fade: Literal["linear", "hann"] = Field("linear", description="Shape of the cross-fade.")

    @property
    def useful(self) -> int:
        """Samples of a chunk that are used."""
        return self.samples - 2 * self.trim

    @property
    def crossfade(self) -> int:
        """Samples that two neighbours share."""
        return round(self.overlap * self.useful)

    @property
    def hop(self) -> int:
        """Samples from one chunk to the next."""
        return self.useful - self.crossfade


class Score(Strict):
    """A figure that somebody measured on real recordings: a median over clips."""

    data: Name = Field(description="Name of the set of clips.")
    clips: int = Field(ge=1, description="How many.")
    stem: Name = Field(description="Which stem.")
    measure: Literal["csdr", "si_sdr", "si_sdr_improvement"] = Field(description="What was measured.")
    value_db: float = Field(description="The median.")
