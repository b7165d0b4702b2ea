"""ONNX Runtime's execution providers: what computes a graph, by the runtime's names or the short ones people use."""

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
"""The build of ONNX Runtime, a Python package, that has a provider."""

_SUFFIX = "ExecutionProvider"

log = logging.getLogger(__name__)


def known_providers(names: Sequence[str]) -> tuple[str, ...]:
    """The runtime's names of execution providers, the preferred one first.

    Args:
        names: such as `cuda` or `CUDAExecutionProvider`; case does not matter.

    Raises:
        ProviderError: the first that this ONNX Runtime does not have, with those that there are.
    """
    here = onnxruntime.get_available_providers()
    return tuple(_known(name, here) for name in names)


def usable_providers(names: Sequence[str]) -> tuple[str, ...]:
    """The same without those that there are not, which are told in the log; the processor where nothing is left."""
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
        hint = f"; it comes with the package {PACKAGES[meant]}"
    else:
        hint = did_you_mean(name, [*every, *every.values()])
    raise ProviderError(f"provider {name!r} is not one of {', '.join(here)}{hint}")
