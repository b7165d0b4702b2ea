"""Building blocks of cards: small strict models and types with their ranges."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from stemfield.layouts.schema import Strict
from stemfield.separation.cards.axes import Axes


def _only(pattern: str, meaning: str) -> AfterValidator:
    """Validator for text that matches a pattern as a whole."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {meaning}")
        return text

    return AfterValidator(check)


def _axes(text: str) -> str:
    """The text, if it is a pattern of axes."""
    Axes(text)
    return text


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


Name = Annotated[str, _only("[a-z0-9][a-z0-9_-]{0,63}", "1 to 64 of the characters a-z, 0-9, _ and -")]
FileName = Annotated[str, _only("[A-Za-z0-9][A-Za-z0-9._-]{0,127}", "a plain file name in the card's folder")]
Sha256 = Annotated[str, _only("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
TensorName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Shape = Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...], Field(strict=False, max_length=8)]
AxesText = Annotated[str, AfterValidator(_axes)]


class SampleRate(Strict):
    """Sample rates that the model accepts without resampling."""

    nominal_hz: int = Field(ge=8000, le=192000, description="Sample rate of the training data.")
    lowest_hz: int = Field(ge=8000, le=192000, description="Audio below this rate is resampled.")
    highest_hz: int = Field(ge=8000, le=192000, description="Audio above this rate is resampled.")


class ModelFile(Strict):
    """A file in the card's folder."""

    path: FileName = Field(description="Plain file name.")
    sha256: Sha256 = Field(description="SHA-256 of the content, 64 hexadecimal digits.")


class Stft(Strict):
    """STFT around a streaming graph, in samples."""

    n_fft: int = Field(ge=16, le=1 << 16, multiple_of=2, description="Length of the analysis window.")
    hop: int = Field(ge=8, le=1 << 15, description="Hop size.")
    synthesis_tail: int = Field(
        ge=16, le=1 << 16, description="Length of the synthesis window, over the newest samples: the latency."
    )
    window: Literal["asymmetric_hann"] = Field(
        description="Square-root Hann, rising over n_fft - hop and falling over hop."
    )
    scale: Literal["amplitude"] = Field(description="A sine of amplitude 1 has magnitude 1 in its bin.")

    @property
    def bins(self) -> int:
        """Number of bins of the one-sided spectrum."""
        return self.n_fft // 2 + 1


class Tensor(Strict):
    """An input or output of a streaming graph, float32."""

    name: TensorName = Field(description="Name in the graph.")
    role: Literal["re_im", "mag", "mask", "wave", "state"] = Field(
        description="Complex spectrum, magnitudes, mask on the mixture's spectrum, samples, or recurrent state."
    )
    shape: Shape = Field(description="All sizes, none dynamic.")


class State(Strict):
    """Recurrent state, carried from an output of one call to an input of the next."""

    source: TensorName = Field(alias="out", description="Output that returns the state.")
    target: TensorName = Field(alias="in", description="Input that takes the state.")
    shape: Shape = Field(description="Shape of both.")
    init: Literal["zeros"] = Field(description="Initial value.")


class ChunkStft(Strict):
    """STFT around a chunk graph, in samples."""

    n_fft: int = Field(ge=16, le=1 << 16, multiple_of=2, description="FFT length; not stored in the ONNX file.")
    hop: int = Field(ge=8, le=1 << 15, description="Hop size; at most n_fft / 2.")
    bins: int | None = Field(
        None, ge=1, le=1 << 15, description="Number of lowest bins passed to the graph; null for all."
    )
    zero_low_bins: int = Field(0, ge=0, le=1 << 15, description="Number of lowest bins set to zero in the input.")
    window: Literal["hann", "sine"] = Field(
        "hann", description="Periodic Hann window, or half a period of a sine, for both analysis and synthesis."
    )
    centre: Literal["sample", "hop"] = Field(
        "sample", description="Frame i is centred on sample i * hop (torch.stft), or half a hop later (Demucs)."
    )
    pad: Literal["reflect", "zero"] = Field("reflect", description="Padding at the ends of the chunk.")
    scale: Literal["none", "sqrt_n_fft", "amplitude"] = Field(
        "none", description="Divisor of the spectra: 1, sqrt(n_fft), or half the sum of the window."
    )
    above: Literal["zero", "average"] = Field(
        "zero", description="Mask above `bins`: zero, or the average of the mask below."
    )

    @property
    def all_bins(self) -> int:
        """Number of bins of the one-sided spectrum."""
        return self.n_fft // 2 + 1

    @property
    def graph_bins(self) -> int:
        """Number of bins that the graph processes."""
        return self.all_bins if self.bins is None else self.bins

    def frames(self, samples: int) -> int:
        """Number of frames of a chunk of this many samples."""
        return 1 + samples // self.hop if self.centre == "sample" else -(-samples // self.hop)


class ChunkTensor(Strict):
    """An input or output of a chunk graph, float32."""

    name: TensorName = Field(description="Name in the graph.")
    role: Literal["wave", "mag", "re_im", "spec_re", "spec_im", "mask"] = Field(
        description="Samples, magnitudes, complex spectrum, its real or imaginary part, or mask on the mixture."
    )
    layout: AxesText = Field(
        description="Its axes: b batch, s sources, c left and right, z real and imaginary, f frequencies, t frames, "
        "n samples; brackets merge, as in `b (c z) f t`."
    )


class Combine(Strict):
    """How stems are made from estimated magnitudes."""

    rule: Literal["direct", "ratio", "wiener"] = Field(
        "direct", description="Magnitudes with the mixture's phase, ratio masks, or a multichannel Wiener filter."
    )
    power: float = Field(2.0, ge=0.5, le=4.0, description="Exponent of the magnitudes in `ratio`.")
    iterations: int = Field(1, ge=1, le=8, description="Number of iterations of `wiener`.")


class Chunk(Strict):
    """Chunk length and overlap, in samples at the model's rate."""

    samples: int = Field(ge=64, le=1 << 22, description="Length of a chunk.")
    trim: int = Field(0, ge=0, le=1 << 20, description="Samples discarded at each end of a chunk.")
    overlap: float = Field(
        0.25, ge=0.0, le=0.5, description="Part of the remaining chunk that is cross-faded with the next one."
    )
    fade: Literal["linear", "hann"] = Field("linear", description="Shape of the cross-fade.")

    @property
    def useful(self) -> int:
        """Samples of a chunk after trimming."""
        return self.samples - 2 * self.trim

    @property
    def crossfade(self) -> int:
        """Samples that two neighbouring chunks share."""
        return round(self.overlap * self.useful)

    @property
    def hop(self) -> int:
        """Samples from one chunk to the next."""
        return self.useful - self.crossfade


class Score(Strict):
    """A score measured on real recordings: a median over clips."""

    data: Name = Field(description="Name of the set of clips.")
    clips: int = Field(ge=1, description="Number of clips.")
    stem: Name = Field(description="Stem that was measured.")
    measure: Literal["csdr", "si_sdr", "si_sdr_improvement"] = Field(description="Metric.")
    value_db: float = Field(description="Median in dB.")
