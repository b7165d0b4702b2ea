"""What a model card says, and what must fit together in it.

A card's `domain` says how tensors and sound meet; every further family of models is one more domain with fields of its
own.

Domain `mask_stream`: one call a hop. In goes the mixture's spectrum of the newest `n_fft` samples, out come the
spectra of the sources, which are the mixture's under real masks that sum to one; memory is carried in `states`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, model_validator


def _only(pattern: str, meaning: str) -> AfterValidator:
    """Refuses text that does not match as a whole, in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"is no {meaning}")
        return text

    return AfterValidator(check)


Word = Annotated[str, _only("[a-z0-9][a-z0-9_-]{0,63}", "name of up to 64 of a-z, 0-9, _ and -")]
FileName = Annotated[str, _only("[A-Za-z0-9][A-Za-z0-9._-]{0,127}", "plain file name in the card's folder")]
Sha256 = Annotated[str, _only("[0-9a-f]{64}", "SHA-256 of 64 hexadecimal digits")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
TensorName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Shape = Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...], Field(strict=False, max_length=8)]

MAX_SOURCES = 16


class Strict(BaseModel):
    """A part of a card: unknown keys and loose types are refused, values never change."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class SampleRate(Strict):
    """The rates that the model works at without conversion."""

    nominal_hz: int = Field(ge=8000, le=192000)
    """The rate of its training."""
    lowest_hz: int = Field(ge=8000, le=192000)
    highest_hz: int = Field(ge=8000, le=192000)


class ModelFile(Strict):
    """A file in the card's folder."""

    path: FileName
    sha256: Sha256


class Stft(Strict):
    """The transform around the graph, in samples."""

    n_fft: int = Field(ge=16, le=1 << 16, multiple_of=2)
    hop: int = Field(ge=8, le=1 << 15)
    synthesis_tail: int = Field(ge=16, le=1 << 16)
    """How many of the newest samples a hop's synthesis covers; it sets the latency."""
    window: Literal["asymmetric_hann"]
    scale: Literal["amplitude"]

    @property
    def bins(self) -> int:
        """Frequencies of the half spectrum."""
        return self.n_fft // 2 + 1


class Tensor(Strict):
    """An input or output of the graph, float32."""

    name: TensorName
    role: Literal["re_im", "state"]
    shape: Shape


class State(Strict):
    """Memory that goes from one call's output to the next call's input."""

    source: TensorName = Field(alias="out")
    target: TensorName = Field(alias="in")
    shape: Shape
    init: Literal["zeros"]


class Score(Strict):
    """A figure that somebody measured on real recordings: a median over clips."""

    data: Word
    clips: int = Field(ge=1)
    stem: Word
    measure: Literal["csdr", "si_sdr", "si_sdr_improvement"]
    value_db: float


class ModelCard(Strict):
    """A model of the domain `mask_stream`."""

    name: Word
    title: Text
    domain: Literal["mask_stream"]
    sample_rate: SampleRate
    sources: Annotated[tuple[Word, ...], Field(strict=False, max_length=MAX_SOURCES)]
    """Names of the stems, in the order of the graph's output."""
    files: Annotated[tuple[ModelFile, ...], Field(strict=False)]
    stft: Stft
    inputs: Annotated[tuple[Tensor, ...], Field(strict=False)]
    outputs: Annotated[tuple[Tensor, ...], Field(strict=False)]
    states: Annotated[tuple[State, ...], Field(strict=False)]
    latency_samples: int
    """Samples at the model's rate that must follow a sample before its stems are known."""
    licence: Text
    attribution: Annotated[tuple[Text, ...], Field(strict=False)]
    trained_on: Text
    scores: Annotated[tuple[Score, ...], Field(strict=False)]

    _folder: Path = PrivateAttr(default=Path())

    def located(self, folder: Path) -> Self:
        """This card as that of the files in `folder`."""
        self._folder = folder
        return self

    @property
    def folder(self) -> Path:
        """Where the card and its files are."""
        return self._folder

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self._folder / self.files[0].path

    @property
    def spectrum_in(self) -> Tensor:
        """The input that takes the mixture's spectrum."""
        return next(tensor for tensor in self.inputs if tensor.role == "re_im")

    @property
    def spectrum_out(self) -> Tensor:
        """The output that gives the stems' spectra."""
        return next(tensor for tensor in self.outputs if tensor.role == "re_im")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._wrong_numbers(), *self._wrong_tensors()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _wrong_numbers(self) -> list[str]:
        problems = [] if len(self.files) == 1 else [f"files: needs exactly one, the graph, has {len(self.files)}"]
        rate, stft = self.sample_rate, self.stft
        if not rate.lowest_hz <= rate.nominal_hz <= rate.highest_hz:
            problems.append(
                f"sample_rate: nominal_hz {rate.nominal_hz} is outside lowest_hz {rate.lowest_hz}"
                f" to highest_hz {rate.highest_hz}"
            )
        if stft.synthesis_tail != 2 * stft.hop:
            problems.append(f"stft.synthesis_tail: {stft.synthesis_tail} is not twice the hop of {stft.hop}")
        if stft.synthesis_tail > stft.n_fft:
            problems.append(f"stft.synthesis_tail: {stft.synthesis_tail} is longer than n_fft {stft.n_fft}")
        if self.latency_samples != stft.synthesis_tail:
            problems.append(
                f"latency_samples: {self.latency_samples} contradicts stft.synthesis_tail {stft.synthesis_tail},"
                " which is the latency"
            )
        if len(set(self.sources)) < len(self.sources):
            problems.append(f"sources: a name appears twice in {', '.join(self.sources)}")
        problems += [
            f"scores[{index}].stem: {score.stem!r} is not one of {', '.join(self.sources)}"
            for index, score in enumerate(self.scores)
            if score.stem not in self.sources
        ]
        return problems

    def _wrong_tensors(self) -> list[str]:
        problems = []
        spectrum = (2, self.stft.bins, 2)
        for key, tensors, shape in (
            ("inputs", self.inputs, spectrum),
            ("outputs", self.outputs, (len(self.sources), *spectrum)),
        ):
            names = [tensor.name for tensor in tensors]
            if len(set(names)) < len(names):
                problems.append(f"{key}: a name appears twice in {', '.join(names)}")
            spectra = [tensor for tensor in tensors if tensor.role == "re_im"]
            if len(spectra) != 1:
                problems.append(f"{key}: needs exactly one tensor of role re_im, has {len(spectra)}")
            problems += [
                f"{key}: {tensor.name} has shape {list(tensor.shape)}, sources and stft make it {list(shape)}"
                for tensor in spectra
                if tensor.shape != shape
            ]
            held = {tensor.name: tensor.shape for tensor in tensors if tensor.role == "state"}
            carried = {state.target if key == "inputs" else state.source: state.shape for state in self.states}
            problems += [f"{key}: the state {name} is missing from states" for name in sorted(held.keys() - carried)]
            problems += [f"states: {name} is no {key[:-1]} of role state" for name in sorted(carried.keys() - held)]
            problems += [
                f"states: {name} has shape {list(carried[name])}, {key} says {list(held[name])}"
                for name in sorted(held.keys() & carried)
                if held[name] != carried[name]
            ]
        return problems
