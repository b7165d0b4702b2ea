"""Cards for well-known model families, from the ONNX files and details that the user supplies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnxruntime

from stemfield.layouts.problems import did_you_mean
from stemfield.separation.cards.card import CardError
from stemfield.separation.cards.card_parts import sha256_of
from stemfield.separation.runtime.graph import open_graph
from stemfield.separation.runtime.providers import CPU

FOUR = ("drums", "bass", "other", "vocals")
_RATE = {"nominal_hz": 44100, "lowest_hz": 44100, "highest_hz": 48000}


@dataclass(frozen=True, slots=True)
class Details:
    """What the files do not say and the user supplies."""

    name: str
    sources: tuple[str, ...] = ()
    """In the order of the graph's output or of the files; empty for the family's default."""
    rest: str | None = None
    stems: Mapping[str, str] = field(default_factory=dict)
    n_fft: int | None = None
    compensate: float = 1.0
    samples: int | None = None
    licence: str = ""
    title: str = ""
    attribution: tuple[str, ...] = ()
    trained_on: str = "not known"


def card_data(family: str, files: Sequence[Path], details: Details) -> dict[str, Any]:
    """Card, as plain data, for the files of a model of a family: one file, or one per source.

    Raises:
        CardError: the files are not ONNX graphs, do not match the family, or a detail is missing.
    """
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise CardError(details.name, (f"family: expected {known}, got {family!r}{did_you_mean(family, FAMILIES)}",))
    graphs = [open_graph(path, CPU, threads=1) for path in files]
    problems = [] if details.licence else ["licence: expected the licence of the weights (--licence)"]
    try:
        particulars = FAMILIES[family](graphs, details)
    except ValueError as error:
        raise CardError(details.name, (*problems, *str(error).splitlines())) from error
    if problems:
        raise CardError(details.name, tuple(problems))
    data = {
        "name": details.name,
        "title": details.title or f"{details.name} ({family})",
        "sample_rate": _RATE,
        "files": [{"path": path.name, "sha256": sha256_of(path)} for path in files],
        "licence": details.licence,
        "attribution": list(details.attribution),
        "trained_on": details.trained_on,
        **particulars,
    }
    if details.rest:
        data["rest"] = details.rest
    if details.stems:
        data["stems"] = dict(details.stems)
    return data


def _openunmix(graphs: Sequence[onnxruntime.InferenceSession], details: Details) -> dict[str, Any]:
    sources = _one_each(graphs, details)
    taken, given = _only_tensors(graphs[0])
    _check(taken.shape, (None, 2, 2049, None), "one input [batch, 2, 2049, frames]")
    return {
        "domain": "mag_chunk",
        "sources": sources,
        **_ports(taken, given, "mag", "b c f t"),
        "stft": {"n_fft": 4096, "hop": 1024},
        "chunk": {"samples": details.samples or 6 * 44 * 1024, "trim": 4096},
        "combine": {"rule": "wiener" if len(sources) > 1 else "direct"},
    }


def _spleeter(graphs: Sequence[onnxruntime.InferenceSession], details: Details) -> dict[str, Any]:
    sources = _one_each(graphs, details)
    taken, given = _only_tensors(graphs[0])
    _check(taken.shape, (2, None, 512, 1024), "one input [2, splits, 512, 1024]")
    return {
        "domain": "mag_chunk",
        "sources": sources,
        **_ports(taken, given, "mag", "c b t f"),
        "stft": {"n_fft": 4096, "hop": 1024, "bins": 1024, "above": "average"},
        "chunk": {"samples": 511 * 1024, "trim": 4096},
        "combine": {"rule": "ratio", "power": 2.0},
    }


def _mdx(graphs: Sequence[onnxruntime.InferenceSession], details: Details) -> dict[str, Any]:
    taken, given = _only_tensors(graphs[0])
    _check(taken.shape, (None, 4, None, None), "one input [batch, 4, dim_f, dim_t]")
    problems = []
    if details.n_fft is None:
        problems.append("n_fft: not in the file (--n-fft): Kim_Vocal_2 7680, Inst_HQ_3 6144, Inst_HQ_4 5120")
    if not details.sources:
        problems.append("sources: not in the file (--source, such as --source vocals)")
    if problems:
        raise ValueError("\n".join(problems))
    bins, frames = _size(taken.shape[2]) or 3072, _size(taken.shape[3]) or 256
    n_fft = details.n_fft or 0
    return {
        "domain": "complex_chunk",
        "sources": list(details.sources),
        **_ports(taken, given, "re_im", "b (c z) f t"),
        "stft": {"n_fft": n_fft, "hop": 1024, "bins": bins, "zero_low_bins": 3},
        "chunk": {"samples": 1024 * (frames - 1), "trim": n_fft // 2},
        "compensate": details.compensate,
    }


def _htdemucs(graphs: Sequence[onnxruntime.InferenceSession], details: Details) -> dict[str, Any]:
    taken, given = graphs[0].get_inputs(), graphs[0].get_outputs()
    waves_in = [tensor for tensor in taken if len(tensor.shape) == 3]
    waves_out = [tensor for tensor in given if len(tensor.shape) == 4]
    if len(waves_in) != 1 or len(waves_out) != 1:
        raise ValueError(
            f"htdemucs: expected an input [1, 2, samples] and an output [1, sources, 2, samples], {_got(graphs[0])}"
        )
    (sound,), (stems,) = waves_in, waves_out
    sources = list(details.sources or FOUR)
    if _size(stems.shape[1]) not in (None, len(sources)):
        raise ValueError(f"sources: expected {stems.shape[1]} as in the graph, got {', '.join(sources)} (--source)")
    samples = details.samples or _size(sound.shape[2]) or 343980
    card: dict[str, Any] = {
        "domain": "wave_chunk",
        "sources": sources,
        **_ports(sound, stems, "wave", "b c n", "b s c n"),
        "chunk": {"samples": samples, "overlap": 0.25},
        "normalise": "meanstd",
    }
    spectra_in = [tensor for tensor in taken if tensor is not sound]
    spectra_out = [tensor for tensor in given if tensor is not stems]
    if not spectra_in and not spectra_out:
        return card
    card["domain"] = "spec_wave_chunk"
    card["stft"] = {"n_fft": 4096, "hop": 1024, "bins": 2048, "centre": "hop", "scale": "sqrt_n_fft"}
    if len(spectra_in) == len(spectra_out) == 1:
        roles = [("re_im", "b (c z) f t", "b s (c z) f t")]
    elif len(spectra_in) == len(spectra_out) == 2:
        spectra_in, spectra_out = _real_first(spectra_in), _real_first(spectra_out)
        roles = [("spec_re", "b c f t", "b s c f t"), ("spec_im", "b c f t", "b s c f t")]
    else:
        raise ValueError(f"htdemucs: expected one or two spectra besides the samples, {_got(graphs[0])}")
    for (role, layout_in, layout_out), there, back in zip(roles, spectra_in, spectra_out, strict=True):
        card["inputs"].append({"name": there.name, "role": role, "layout": layout_in})
        card["outputs"].append({"name": back.name, "role": role, "layout": layout_out})
    return card


def _wave(graphs: Sequence[onnxruntime.InferenceSession], details: Details) -> dict[str, Any]:
    taken, given = _only_tensors(graphs[0])
    if not details.sources:
        raise ValueError("sources: not in the file (--source, once for each, in the order of the output)")
    samples = details.samples or _size(taken.shape[-1])
    if samples is None:
        raise ValueError("samples: the graph accepts any length (--samples, the length of a chunk)")
    layouts = {3: ("b c n", "b s c n"), 2: ("c n", "s c n")}.get(len(taken.shape))
    if layouts is None:
        raise ValueError(f"wave: expected an input [1, 2, samples], {_got(graphs[0])}")
    return {
        "domain": "wave_chunk",
        "sources": list(details.sources),
        **_ports(taken, given, "wave", *layouts),
        "chunk": {"samples": samples, "overlap": 0.25},
    }


FAMILIES: Mapping[str, Callable[[Sequence[onnxruntime.InferenceSession], Details], dict[str, Any]]] = {
    "openunmix": _openunmix,
    "spleeter": _spleeter,
    "mdx": _mdx,
    "htdemucs": _htdemucs,
    "wave": _wave,
}
"""Families and the functions that make their cards."""


def _one_each(graphs: Sequence[onnxruntime.InferenceSession], details: Details) -> list[str]:
    if len(details.sources) != len(graphs):
        raise ValueError(
            f"sources: expected {len(graphs)}, one per file in their order, got {len(details.sources)} (--source)"
        )
    return list(details.sources)


def _only_tensors(graph: onnxruntime.InferenceSession) -> tuple[Any, Any]:
    """The input and the output of a graph that has one of each."""
    inputs, outputs = graph.get_inputs(), graph.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(f"expected 1 input and 1 output, {_got(graph)}")
    return inputs[0], outputs[0]


def _ports(taken: Any, given: Any, role: str, layout: str, layout_out: str = "") -> dict[str, Any]:
    """The card's keys for one input and one output; the output has the layout of the input unless it has its own."""
    return {
        "inputs": [{"name": taken.name, "role": role, "layout": layout}],
        "outputs": [{"name": given.name, "role": role, "layout": layout_out or layout}],
    }


def _check(shape: Sequence[object], expected: Sequence[int | None], words: str) -> None:
    agree = len(shape) == len(expected) and all(
        want is None or _size(size) in (None, want) for size, want in zip(shape, expected, strict=True)
    )
    if not agree:
        raise ValueError(f"expected {words}, got {list(shape)}")


def _size(size: object) -> int | None:
    return size if isinstance(size, int) and size > 0 else None


def _got(graph: onnxruntime.InferenceSession) -> str:
    tensors = [f"{tensor.name} {list(tensor.shape)}" for tensor in (*graph.get_inputs(), *graph.get_outputs())]
    return f"got {', '.join(tensors)}"


def _real_first(tensors: Sequence[Any]) -> list[Any]:
    return sorted(tensors, key=lambda tensor: "im" in tensor.name.lower().replace("mix", ""))
