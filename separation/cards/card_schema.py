"""Schema of model cards, and its consistency checks.

A card's `domain` defines how audio maps to tensors. `ModelCard` has the keys common to all models; the streaming
domains are here, the chunk domains in `card_chunks`.

Domain `mask_stream`: one call per hop. The input is the mixture's spectrum over the newest `n_fft` samples, or its
magnitudes; the outputs are the sources' spectra, which are the mixture's spectrum under real masks, or the masks;
recurrent state is carried in `states`. Either one graph estimates all sources, whose spectra then sum to the mixture's,
or each source has its own graph: its first output is the source; a second one, if present, is the rest, which is not
used. Independent masks may sum to more than one and are scaled down in proportion. A graph with lookahead returns the
sources of the hop `lookahead_frames` earlier.

Domain `wave_stream`: one call per hop. The input is the newest `hop` samples, the outputs are the samples of the
sources, `discard_first` calls late; recurrent state is carried in `states`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from stemfield.layouts.schema import Strict
from stemfield.separation.cards.card_parts import ModelFile, Name, SampleRate, Score, State, Stft, Tensor, Text

__all__ = ["RULE_STFT", "MaskStreamCard", "ModelCard", "SampleRate", "Stft", "StreamCard", "WaveStreamCard"]

MAX_SOURCES = 16
_Shapes = Mapping[str, Sequence[tuple[int, ...]]]
"""Allowed shapes of a tensor, by its role."""
RULE_STFT = Stft(n_fft=2048, hop=512, synthesis_tail=1024, window="asymmetric_hann", scale="amplitude")
"""Transform in which mask rules are applied to stems of models without masks."""


class ModelCard(Strict):
    """Keys common to all models."""

    name: Name = Field(description="Name of the model and its folder.")
    title: Text = Field(description="Title, one line.")
    domain: str = Field(description="How audio maps to tensors.")
    sample_rate: SampleRate = Field(description="Supported sample rates.")
    sources: Annotated[tuple[Name, ...], Field(strict=False, min_length=1, max_length=MAX_SOURCES)] = Field(
        description="Sources estimated by the graph, in its order."
    )
    rest: Name | None = Field(None, description="Name of the rest of the mixture, if that is a stem too.")
    stems: dict[Name, Name] = Field(
        default_factory=dict, description="Instrument that a source belongs to, if its name differs."
    )
    files: Annotated[tuple[ModelFile, ...], Field(strict=False)] = Field(description="The graph, or one per source.")
    level_db: float | None = Field(
        -15.0,
        ge=-60.0,
        le=0.0,
        description="RMS level of the training mixtures in dB re full scale, to which the input is normalised;"
        " null for no normalisation.",
    )
    licence: Text = Field(description="Licence of the weights.")
    attribution: Annotated[tuple[Text, ...], Field(strict=False)] = Field(description="Credits.")
    trained_on: Text = Field(description="Training data.")
    scores: Annotated[tuple[Score, ...], Field(strict=False)] = Field((), description="Measured scores.")

    _folder: Path = PrivateAttr(default=Path())

    def located(self, folder: Path) -> Self:
        """Set the folder of the card's files; returns the card."""
        self._folder = folder
        return self

    @property
    def folder(self) -> Path:
        """Folder of the card and its files."""
        return self._folder

    @property
    def graph(self) -> Path:
        """The ONNX file; the first if there are several."""
        return self._folder / self.files[0].path

    @property
    def graphs(self) -> tuple[Path, ...]:
        """All ONNX files."""
        return tuple(self._folder / file.path for file in self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stems: the sources, and the rest if the card names it."""
        return self.sources if self.rest is None else (*self.sources, self.rest)

    def instrument_of(self, name: str) -> str:
        """Instrument that a stem belongs to."""
        return self.stems.get(name, name)

    def unknown_stems(self, stems: Sequence[str]) -> list[str]:
        """A problem for every stem of the model that belongs to none of these instruments."""
        known = ", ".join(stems)
        wrong = {name: self.instrument_of(name) for name in self.names if self.instrument_of(name) not in stems}
        return [
            f"{f'stems.{name}' if name in self.stems else 'sources'}: expected {known}, got {stem!r};"
            " `stems` can map it to one of them"
            for name, stem in wrong.items()
        ]

    @property
    @abstractmethod
    def delay_samples(self) -> int:
        """Latency of the stems in samples at the model's rate."""

    @property
    def compute_margin_samples(self) -> int:
        """Additional latency for the computing time of one call, in samples at the model's rate."""
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
                f"sample_rate.nominal_hz: expected lowest_hz {rate.lowest_hz} to highest_hz {rate.highest_hz},"
                f" got {rate.nominal_hz}"
            )
        if len(set(self.sources)) < len(self.sources):
            yield f"sources: expected each name once, got {', '.join(self.sources)}"
        if self.rest in self.sources:
            yield f"rest: expected a name that is not among the sources, got {self.rest!r}"
        known = ", ".join(self.names)
        for index, score in enumerate(self.scores):
            if score.stem not in self.names:
                yield f"scores[{index}].stem: expected {known}, got {score.stem!r}"
        for name in self.stems.keys() - set(self.names):
            yield f"stems: expected {known}, got {name!r}"

    @abstractmethod
    def _wrong_numbers(self) -> Iterator[str]:
        """Sizes that contradict each other."""

    @abstractmethod
    def _wrong_tensors(self) -> Iterator[str]:
        """Tensors that do not fit the domain or the sizes."""


class StreamCard(ModelCard):
    """A model called once per hop, with recurrent state."""

    inputs: Annotated[tuple[Tensor, ...], Field(strict=False)] = Field(description="Inputs of the graph.")
    outputs: Annotated[tuple[Tensor, ...], Field(strict=False)] = Field(description="Outputs of the graph.")
    states: Annotated[tuple[State, ...], Field(strict=False)] = Field(description="Recurrent state.")
    latency_samples: int = Field(description="Latency of the stems.")

    @property
    def delay_samples(self) -> int:
        """Latency of the stems in samples at the model's rate."""
        return self.latency_samples

    @property
    def audio_input(self) -> Tensor:
        """Input for the mixture."""
        return next(tensor for tensor in self.inputs if tensor.role != "state")

    @property
    def audio_output(self) -> Tensor:
        """Output with the stems."""
        return next(tensor for tensor in self.outputs if tensor.role != "state")

    def _tensors(self, taken: _Shapes, given: _Shapes, cause: str) -> Iterator[str]:
        """Problems of tensors and states, with one audio input and output of these roles and shapes."""
        for key, tensors, shapes in (("inputs", self.inputs, taken), ("outputs", self.outputs, given)):
            names = [tensor.name for tensor in tensors]
            if len(set(names)) < len(names):
                yield f"{key}: expected each name once, got {', '.join(names)}"
            audio = [tensor for tensor in tensors if tensor.role in shapes]
            if len(audio) != 1:
                yield f"{key}: expected exactly one tensor of role {' or '.join(shapes)}, got {len(audio)}"
            for tensor in audio:
                if tensor.shape not in shapes[tensor.role]:
                    right = " or ".join(str(list(shape)) for shape in shapes[tensor.role])
                    yield f"{key}: shape of {tensor.name}: expected {right} from {cause}, got {list(tensor.shape)}"
            for tensor in tensors:
                if tensor.role not in (*shapes, "state"):
                    allowed = f"{', '.join(shapes)} or state"
                    yield f"{key}: role of {tensor.name}: expected {allowed} in {self.domain}, got {tensor.role}"
            held = {tensor.name: tensor.shape for tensor in tensors if tensor.role == "state"}
            carried = {state.target if key == "inputs" else state.source: state.shape for state in self.states}
            yield from (f"{key}: the state {name} is missing from states" for name in sorted(held.keys() - carried))
            kind = "an input" if key == "inputs" else "an output"
            yield from (f"states: expected {kind} of role state, got {name}" for name in sorted(carried.keys() - held))
            for name in sorted(held.keys() & carried):
                if held[name] != carried[name]:
                    yield (
                        f"states: shape of {name}: expected {list(held[name])} as in {key}, got {list(carried[name])}"
                    )


class MaskStreamCard(StreamCard):
    """A model of the domain `mask_stream`."""

    domain: Literal["mask_stream"] = Field(description="How audio maps to tensors.")
    stft: Stft = Field(description="STFT around the graph.")
    lookahead_frames: int = Field(0, ge=0, le=64, description="Delay of the returned sources, in hops.")
    places_s: float = Field(
        0.0, ge=0.0, le=60.0, description="Time constant of the spatial filter in seconds; 0 for no filter."
    )

    @property
    def sums_to_mixture(self) -> bool:
        """Whether one graph estimates several sources that sum to the mixture."""
        masks = any(tensor.role == "mask" for tensor in self.outputs)
        return len(self.files) == 1 and len(self.sources) > 1 and not masks

    def _wrong_numbers(self) -> Iterator[str]:
        if len(self.files) not in (1, len(self.sources)):
            yield f"files: expected one, or one per source ({len(self.sources)}), got {len(self.files)}"
        stft = self.stft
        if stft.synthesis_tail != 2 * stft.hop:
            yield f"stft.synthesis_tail: expected twice the hop of {stft.hop}, got {stft.synthesis_tail}"
        if stft.synthesis_tail > stft.n_fft:
            yield f"stft.synthesis_tail: expected at most n_fft {stft.n_fft}, got {stft.synthesis_tail}"
        latency = stft.synthesis_tail + self.lookahead_frames * stft.hop
        if self.latency_samples != latency:
            yield (
                f"latency_samples: expected {latency} from stft.synthesis_tail {stft.synthesis_tail} and"
                f" lookahead_frames {self.lookahead_frames}, got {self.latency_samples}"
            )
        if self.rest is not None and self.sums_to_mixture:
            yield f"rest: expected none, because the sources of one graph sum to the mixture, got {self.rest!r}"

        if self.places_s > 0.0 and self.rest is None and not self.sums_to_mixture:
            yield f"places_s: expected 0, or `rest` so that the stems sum to the mixture, got {self.places_s:g}"

    def _wrong_tensors(self) -> Iterator[str]:
        bins = self.stft.bins
        sources = (1, 2) if len(self.files) > 1 else (len(self.sources),)
        taken: _Shapes = {"re_im": [(2, bins, 2)], "mag": [(2, bins)]}
        given: _Shapes = {"re_im": [(n, 2, bins, 2) for n in sources], "mask": [(n, 2, bins) for n in sources]}
        yield from self._tensors(taken, given, "sources, files and stft")


class WaveStreamCard(StreamCard):
    """A model of the domain `wave_stream`."""

    domain: Literal["wave_stream"] = Field(description="How audio maps to tensors.")
    hop: int = Field(ge=8, le=1 << 15, description="Samples per call.")
    discard_first: int = Field(0, ge=0, le=64, description="Delay of the returned sources, in calls.")

    @property
    def delay_samples(self) -> int:
        """Latency of the stems in samples at the model's rate."""
        return self.latency_samples + RULE_STFT.synthesis_tail

    def _wrong_numbers(self) -> Iterator[str]:
        if len(self.files) != 1:
            yield f"files: expected exactly one, got {len(self.files)}"
        latency = self.hop * (1 + self.discard_first)
        if self.latency_samples != latency:
            yield (
                f"latency_samples: expected {latency} from hop {self.hop} and discard_first {self.discard_first},"
                f" got {self.latency_samples}"
            )

    def _wrong_tensors(self) -> Iterator[str]:
        taken, given = (1, 2, self.hop), (1, len(self.sources), 2, self.hop)
        yield from self._tensors({"wave": [taken]}, {"wave": [given]}, "sources and hop")
