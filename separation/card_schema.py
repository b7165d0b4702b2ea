"""What a model card says, and what must fit together in it.

A card's `domain` says how tensors and sound meet. What every model says is in `ModelCard`; the streaming domains are
here, the domains of whole chunks in `card_chunks`.

Domain `mask_stream`: one call a hop. In goes the mixture's spectrum of the newest `n_fft` samples, out come the
spectra of the sources, which are the mixture's under real masks that sum to one; memory is carried in `states`.

Domain `wave_stream`: one call a hop. In go the newest `hop` samples, out come those of the sources, `discard_first`
calls late; memory is carried in `states`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from stemfield.separation.card_parts import ModelFile, SampleRate, Score, State, Stft, Strict, Tensor, Text, Word

__all__ = ["RULE_STFT", "MaskStreamCard", "ModelCard", "SampleRate", "Stft", "StreamCard", "WaveStreamCard"]

MAX_SOURCES = 16
RULE_STFT = Stft(n_fft=2048, hop=512, synthesis_tail=1024, window="asymmetric_hann", scale="amplitude")
"""The transform in which the threshold judges the stems of models that have no masks of their own."""


class ModelCard(Strict):
    """What every model says of itself."""

    name: Word = Field(description="The folder's name.")
    title: Text = Field(description="One line for people.")
    domain: str = Field(description="How tensors and sound meet.")
    sample_rate: SampleRate = Field(description="The rates that the model works at.")
    sources: Annotated[tuple[Word, ...], Field(strict=False, min_length=1, max_length=MAX_SOURCES)] = Field(
        description="What the graph gives, in its order."
    )
    rest: Word | None = Field(None, description="Name of what is left of the mixture, where that is a stem too.")
    stems: dict[Word, Word] = Field(
        default_factory=dict, description="Which instrument of the room a source belongs to, where the names differ."
    )
    files: Annotated[tuple[ModelFile, ...], Field(strict=False)] = Field(description="The graph, or one a source.")
    licence: Text = Field(description="Of the weights.")
    attribution: Annotated[tuple[Text, ...], Field(strict=False)] = Field(description="Who is to be named.")
    trained_on: Text = Field(description="What it learnt from.")
    scores: Annotated[tuple[Score, ...], Field(strict=False)] = Field((), description="Measured figures.")

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
        """The ONNX file, the first where there are several."""
        return self._folder / self.files[0].path

    @property
    def graphs(self) -> tuple[Path, ...]:
        """Every ONNX file."""
        return tuple(self._folder / file.path for file in self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """The stems that a separator gives: the sources, and the rest where it is one."""
        return self.sources if self.rest is None else (*self.sources, self.rest)

    def room_stem(self, name: str) -> str:
        """The instrument of the room that a stem belongs to."""
        return self.stems.get(name, name)

    @property
    @abstractmethod
    def delay_samples(self) -> int:
        """Samples at the model's rate that must follow a sample before its stems can be known."""

    @property
    @abstractmethod
    def step_samples(self) -> int:
        """Samples at the model's rate for which one call of the graph brings stems."""

    @property
    def patience_samples(self) -> int:
        """Samples that may pass during one call of the graph, beyond the margin that is kept free anyway."""
        return 0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._wrong_words(), *self._wrong_numbers(), *self._wrong_tensors()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _wrong_words(self) -> Iterator[str]:
        rate = self.sample_rate
        if not rate.lowest_hz <= rate.nominal_hz <= rate.highest_hz:
            yield (
                f"sample_rate: nominal_hz {rate.nominal_hz} is outside lowest_hz {rate.lowest_hz}"
                f" to highest_hz {rate.highest_hz}"
            )
        if len(set(self.sources)) < len(self.sources):
            yield f"sources: a name appears twice in {', '.join(self.sources)}"
        if self.rest in self.sources:
            yield f"rest: {self.rest} is one of the sources"
        known = ", ".join(self.names)
        for index, score in enumerate(self.scores):
            if score.stem not in self.names:
                yield f"scores[{index}].stem: {score.stem!r} is not one of {known}"
        for name in self.stems.keys() - set(self.names):
            yield f"stems: {name!r} is not one of {known}"

    @abstractmethod
    def _wrong_numbers(self) -> Iterator[str]:
        """Sizes that contradict one another."""

    @abstractmethod
    def _wrong_tensors(self) -> Iterator[str]:
        """Tensors that the domain or the sizes do not allow."""


class StreamCard(ModelCard):
    """A model that is called once a hop and carries its memory in states."""

    inputs: Annotated[tuple[Tensor, ...], Field(strict=False)] = Field(description="Tensors that the graph takes.")
    outputs: Annotated[tuple[Tensor, ...], Field(strict=False)] = Field(description="Tensors that the graph gives.")
    states: Annotated[tuple[State, ...], Field(strict=False)] = Field(description="Memory from call to call.")
    latency_samples: int = Field(description="Samples that must follow a sample before its stems are known.")

    @property
    def delay_samples(self) -> int:
        """Samples at the model's rate that must follow a sample before its stems can be known."""
        return self.latency_samples

    @property
    def sound_in(self) -> Tensor:
        """The input that takes the mixture."""
        return next(tensor for tensor in self.inputs if tensor.role != "state")

    @property
    def sound_out(self) -> Tensor:
        """The output that gives the stems."""
        return next(tensor for tensor in self.outputs if tensor.role != "state")

    def _one_file(self) -> Iterator[str]:
        if len(self.files) != 1:
            yield f"files: needs exactly one, the graph, has {len(self.files)}"

    def _tensors(self, role: str, taken: tuple[int, ...], given: tuple[int, ...], cause: str) -> Iterator[str]:
        """Problems of tensors and states, where sound goes in and out in tensors of this role and these shapes."""
        for key, tensors, shape in (("inputs", self.inputs, taken), ("outputs", self.outputs, given)):
            names = [tensor.name for tensor in tensors]
            if len(set(names)) < len(names):
                yield f"{key}: a name appears twice in {', '.join(names)}"
            sounding = [tensor for tensor in tensors if tensor.role == role]
            if len(sounding) != 1:
                yield f"{key}: needs exactly one tensor of role {role}, has {len(sounding)}"
            for tensor in sounding:
                if tensor.shape != shape:
                    yield f"{key}: {tensor.name} has shape {list(tensor.shape)}, {cause} make it {list(shape)}"
            for tensor in tensors:
                if tensor.role not in (role, "state"):
                    yield f"{key}: {tensor.name} has role {tensor.role}, domain {self.domain} allows {role} and state"
            held = {tensor.name: tensor.shape for tensor in tensors if tensor.role == "state"}
            carried = {state.target if key == "inputs" else state.source: state.shape for state in self.states}
            yield from (f"{key}: the state {name} is missing from states" for name in sorted(held.keys() - carried))
            yield from (f"states: {name} is no {key[:-1]} of role state" for name in sorted(carried.keys() - held))
            for name in sorted(held.keys() & carried):
                if held[name] != carried[name]:
                    yield f"states: {name} has shape {list(carried[name])}, {key} says {list(held[name])}"


class MaskStreamCard(StreamCard):
    """A model of the domain `mask_stream`."""

    domain: Literal["mask_stream"] = Field(description="How tensors and sound meet.")
    stft: Stft = Field(description="The transform around the graph.")

    @property
    def step_samples(self) -> int:
        """Samples at the model's rate for which one call of the graph brings stems."""
        return self.stft.hop

    def _wrong_numbers(self) -> Iterator[str]:
        yield from self._one_file()
        stft = self.stft
        if stft.synthesis_tail != 2 * stft.hop:
            yield f"stft.synthesis_tail: {stft.synthesis_tail} is not twice the hop of {stft.hop}"
        if stft.synthesis_tail > stft.n_fft:
            yield f"stft.synthesis_tail: {stft.synthesis_tail} is longer than n_fft {stft.n_fft}"
        if self.latency_samples != stft.synthesis_tail:
            yield (
                f"latency_samples: {self.latency_samples} contradicts stft.synthesis_tail {stft.synthesis_tail},"
                " which is the latency"
            )
        if self.rest is not None:
            yield f"rest: {self.rest} is always silent, because the masks of mask_stream sum to one"

    def _wrong_tensors(self) -> Iterator[str]:
        spectrum = (2, self.stft.bins, 2)
        yield from self._tensors("re_im", spectrum, (len(self.sources), *spectrum), "sources and stft")


class WaveStreamCard(StreamCard):
    """A model of the domain `wave_stream`."""

    domain: Literal["wave_stream"] = Field(description="How tensors and sound meet.")
    hop: int = Field(ge=8, le=1 << 15, description="Samples from one call to the next.")
    discard_first: int = Field(0, ge=0, le=64, description="How many calls late the sources come.")

    @property
    def step_samples(self) -> int:
        """Samples at the model's rate for which one call of the graph brings stems."""
        return self.hop

    @property
    def delay_samples(self) -> int:
        """Samples at the model's rate that must follow a sample before its stems can be known."""
        return self.latency_samples + RULE_STFT.synthesis_tail

    def _wrong_numbers(self) -> Iterator[str]:
        yield from self._one_file()
        latency = self.hop * (1 + self.discard_first)
        if self.latency_samples != latency:
            yield (
                f"latency_samples: {self.latency_samples} contradicts hop {self.hop} and discard_first"
                f" {self.discard_first}, which make it {latency}"
            )

    def _wrong_tensors(self) -> Iterator[str]:
        yield from self._tensors("wave", (1, 2, self.hop), (1, len(self.sources), 2, self.hop), "sources and hop")
