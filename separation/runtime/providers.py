"""Execution providers of ONNX Runtime, by full or short names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import onnxruntime

from stemfield.layouts.problems import did_you_mean
from stemfield.separation.cards.card import ProviderError

CPU = ("CPUExecutionProvider",)
PACKAGES: Mapping[str, str] = {
    "CUDAExecutionProvider": "onnxruntime-gpu",
    "TensorrtExecutionProvider": "onnxruntime-gpu",
    "OpenVINOExecutionProvider": "onnxruntime-openvino",
    "MIGraphXExecutionProvider": "onnxruntime-migraphx",
    "DmlExecutionProvider": "onnxruntime-directml",
    "QNNExecutionProvider": "onnxruntime-qnn",
    "CANNExecutionProvider": "onnxruntime-cann",
}
"""Python package with the build of ONNX Runtime that has a provider."""

_SUFFIX = "ExecutionProvider"

log = logging.getLogger(__name__)


def known_providers(names: Sequence[str]) -> tuple[str, ...]:
    """Full names of execution providers, in order of preference.

    Args:
        names: short or full names such as `cuda` or `CUDAExecutionProvider`, in any case.

    Raises:
        ProviderError: this ONNX Runtime does not have one; names the first and lists the available ones.
    """
    here = onnxruntime.get_available_providers()
    return tuple(_known(name, here) for name in names)


def usable_providers(names: Sequence[str]) -> tuple[str, ...]:
    """Full names of the available providers among these; logs the others. The CPU if none is left."""
    here = onnxruntime.get_available_providers()
    usable = []
    for name in names:
        try:
            usable.append(_known(name, here))
        except ProviderError as error:
            log.warning("%s", error)
    return tuple(usable) or CPU


def _known(name: str, here: Sequence[str]) -> str:
    every: dict[str, str]
    every = {each.removesuffix(_SUFFIX).lower(): each for each in (*onnxruntime.get_all_providers(), *here)}
    meant = every.get(name.lower().removesuffix(_SUFFIX.lower()), name)
    if meant in here:
        return meant
    if meant in PACKAGES:
        hint = f"; the package {PACKAGES[meant]} has it"
    else:
        hint = did_you_mean(name, [*every, *every.values()])
    raise ProviderError(f"expected provider {', '.join(here)}, got {name!r}{hint}")
