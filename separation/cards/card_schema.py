"""What a model card says, and what must fit together in it.

A card's `domain` says how tensors and sound meet. What every model says is in `ModelCard`; the streaming domains are
here, the domains of whole chunks in `card_chunks`.

Domain `mask_stream`: one call a hop. In goes the mixture's spectrum of the newest `n_fft` samples, or its magnitudes,
out come the sources' spectra, which are the mixture's under real masks, or the masks; memory is carried in `states`.
Either one graph gives all sources, whose spectra then sum to the mixture's, or each source has a graph of its own: its
first output is the source, and a second one, if there is one, the rest, which is not used. Masks of graphs that do not
know of one another may claim more than there is: they share it in proportion. A graph that looks ahead gives the
sources of the hop that lies `lookahead_frames` back.

Domain `wave_stream`: one call a hop. In go the newest `hop` samples, out come those of the sources, `discard_first`
calls late; memory is carried in `states`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from stemfield.separation.cards.card_parts import ModelFile, Name, SampleRate, Score, State, Stft, Strict, Tensor, Text

__all__ = ["RULE_STFT", "MaskStreamCard", "ModelCard", "SampleRate", "Stft", "StreamCard", "WaveStreamCard"]

MAX_SOURCES = 16
_Shapes = Mapping[str, Sequence[tuple[int, ...]]]
"""What shapes a tensor may have, by its role."""
RULE_STFT = Stft(n_fft=2048, hop=512, synthesis_tail=1024, window="asymmetric_hann", scale="amplitude")
"""The transform in which the threshold judges the stems of models that have no masks of their own."""


class ModelCard(Strict):
    """What every model says of itself."""

    name: Name = Field(description="The folder's name.")
    title: Text = Field(description="One line for people.")
    domain: str = Field(description="How tensors and sound meet.")
    sample_rate: SampleRate = Field(description="The rates that the model works at.")
    sources: Annotated[tuple[Name, ...], Field(strict=False, min_length=1, max_length=MAX_SOURCES)] = Field(
        description="What the graph gives, in its order."
    )
    rest: Name | None = Field(None, description="Name of what is left of the mixture, where that is a stem too.")
    stems: dict[Name, Name] = Field(
        default_factory=dict, description="Which instrument of the room a source belongs to, where the names differ."
    )
    files: Annotated[tuple[ModelFile, ...], Field(strict=False)] = Field(description="The graph, or one a source.")
    level_db: float | None = Field(
        -15.0,
        ge=-60.0,
        le=0.0,
        description="RMS level of the mixtures of its training, dB re full scale, which it hears every recording at;"
        " null: whatever level comes.",
    )
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

    def instrument_of(self, name: str) -> str:
        """The instrument of the room that a stem belongs to."""
        return self.stems.get(name, name)

    def unknown_stems(self, stems: Sequence[str]) -> list[str]:
        """A problem for every stem of the model that is none of some instruments."""
        known = ", ".join(stems)
        wrong = {name: self.instrument_of(name) for name in self.names if self.instrument_of(name) not in stems}
        return [
            f"{f'stems.{name}' if name in self.stems else 'sources'}: {stem!r} is not one of {known};"
            " say in `stems` where it belongs"
            for name, stem in wrong.items()
        ]

    @property
    @abstractmethod
    def delay_samples(self) -> int:
        """Samples at the model's rate that must follow a sample before its stems can be known."""

    @property
    @abstractmethod
    def step_samples(self) -> int:
        """Samples at the model's rate for which one call of the graph brings stems."""

    @property
    def compute_margin_samples(self) -> int:
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
    def audio_input(self) -> Tensor:
        """The input that takes the mixture."""
        return next(tensor for tensor in self.inputs if tensor.role != "state")

    @property
    def audio_output(self) -> Tensor:
        """The output that gives the stems."""
        return next(tensor for tensor in self.outputs if tensor.role != "state")

    def _tensors(self, taken: _Shapes, given: _Shapes, cause: str) -> Iterator[str]:
        """Problems of tensors and states, where sound goes in and out in one tensor of these roles and shapes."""
        for key, tensors, shapes in (("inputs", self.inputs, taken), ("outputs", self.outputs, given)):
            names = [tensor.name for tensor in tensors]
            if len(set(names)) < len(names):
                yield f"{key}: a name appears twice in {', '.join(names)}"
            sounding = [tensor for tensor in tensors if tensor.role in shapes]
            if len(sounding) != 1:
                yield f"{key}: needs exactly one tensor of role {' or '.join(shapes)}, has {len(sounding)}"
            for tensor in sounding:
                if tensor.shape not in shapes[tensor.role]:
                    right = " or ".join(str(list(shape)) for shape in shapes[tensor.role])
                    yield f"{key}: {tensor.name} has shape {list(tensor.shape)}, {cause} make it {right}"
            for tensor in tensors:
                if tensor.role not in (*shapes, "state"):
                    allowed = f"{', '.join(shapes)} and state"
                    yield f"{key}: {tensor.name} has role {tensor.role}, domain {self.domain} allows {allowed}"
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
    lookahead_frames: int = Field(0, ge=0, le=64, description="So many hops back lie the sources that a call gives.")
    places_s: float = Field(
        0.0, ge=0.0, le=60.0, description="Memory of where sources lie between left and right; 0: not asked for."
    )

    @property
    def step_samples(self) -> int:
        """Samples at the model's rate for which one call of the graph brings stems."""
        return self.stft.hop

    @property
    def sums_to_mixture(self) -> bool:
        """Whether one graph shares the whole mixture among several sources."""
        masks = any(tensor.role == "mask" for tensor in self.outputs)
        return len(self.files) == 1 and len(self.sources) > 1 and not masks

    def _wrong_numbers(self) -> Iterator[str]:
        if len(self.files) not in (1, len(self.sources)):
            yield f"files: needs one, or one a source, has {len(self.files)} for {len(self.sources)} sources"
        stft = self.stft
        if stft.synthesis_tail != 2 * stft.hop:
            yield f"stft.synthesis_tail: {stft.synthesis_tail} is not twice the hop of {stft.hop}"
        if stft.synthesis_tail > stft.n_fft:
            yield f"stft.synthesis_tail: {stft.synthesis_tail} is longer than n_fft {stft.n_fft}"
        latency = stft.synthesis_tail + self.lookahead_frames * stft.hop
        if self.latency_samples != latency:
            yield (
                f"latency_samples: {self.latency_samples} contradicts stft.synthesis_tail {stft.synthesis_tail} and"
                f" lookahead_frames {self.lookahead_frames}, which make it {latency}"
            )
        if self.rest is not None and self.sums_to_mixture:
            yield f"rest: {self.rest} is always silent, because the spectra of one graph's sources sum to the mixture"

        if self.places_s > 0.0 and self.rest is None and not self.sums_to_mixture:
            yield f"places_s: {self.places_s:g} needs sources that sum to the mixture: name the rest"

    def _wrong_tensors(self) -> Iterator[str]:
        bins = self.stft.bins
        sources = (1, 2) if len(self.files) > 1 else (len(self.sources),)
        taken: _Shapes = {"re_im": [(2, bins, 2)], "mag": [(2, bins)]}
        given: _Shapes = {"re_im": [(n, 2, bins, 2) for n in sources], "mask": [(n, 2, bins) for n in sources]}
        yield from self._tensors(taken, given, "sources, files and stft")


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
        if len(self.files) != 1:
            yield f"files: needs exactly one, the graph, has {len(self.files)}"
        latency = self.hop * (1 + self.discard_first)
        if self.latency_samples != latency:
            yield (
                f"latency_samples: {self.latency_samples} contradicts hop {self.hop} and discard_first"
                f" {self.discard_first}, which make it {latency}"
            )

    def _wrong_tensors(self) -> Iterator[str]:
        taken, given = (1, 2, self.hop), (1, len(self.sources), 2, self.hop)
        yield from self._tensors({"wave": [taken]}, {"wave": [given]}, "sources and hop")
