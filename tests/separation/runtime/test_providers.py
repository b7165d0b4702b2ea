"""Execution providers: names, and behaviour if a provider is unavailable or fails to start."""

import time

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from stemfield.separation.cards.card import CardError, ProviderError
from stemfield.separation.runtime import graph
from stemfield.separation.runtime.graph import open_graph
from stemfield.separation.runtime.providers import CPU, known_providers, usable_providers
from stemfield.separation.worker.process import WorkerProcess

HERE = ["OpenVINOExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture
def here(monkeypatch):
    """A build of ONNX Runtime with OpenVINO."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: HERE)


@pytest.mark.parametrize(
    "names", [HERE, ["openvino", "cpu"], ["OpenVINO", "CPU"], ["openvinoexecutionprovider", "cpu"]]
)
def test_names_are_the_runtimes_or_short(here, names):
    assert known_providers(names) == tuple(HERE)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cuda", "; the package onnxruntime-gpu has it"),
        ("TensorrtExecutionProvider", "; the package onnxruntime-gpu has it"),
        ("opnvino", ", did you mean openvino?"),
        ("CPUExecutionProvidr", ", did you mean CPUExecutionProvider?"),
        ("abacus", ""),
    ],
)
def test_what_is_not_there_is_told_with_what_is(here, name, reason):
    with pytest.raises(ProviderError) as caught:
        known_providers(["cpu", name])
    assert str(caught.value) == f"expected provider {', '.join(HERE)}, got {name!r}{reason}"


def test_live_the_others_compute(here, caplog):
    assert usable_providers(["cuda", "openvino", "cpu"]) == tuple(HERE)
    assert "expected provider OpenVINOExecutionProvider, CPUExecutionProvider, got 'cuda'" in caplog.text
    assert usable_providers(["cuda"]) == CPU


def test_one_that_does_not_start_is_told_and_the_processor_computes(here, monkeypatch, card, caplog):
    real = onnxruntime.InferenceSession

    def start(path, options, providers, **more):
        if "OpenVINOExecutionProvider" in providers:
            raise EPFail("no device")
        return real(path, options, providers, **more)

    monkeypatch.setattr(graph.onnxruntime, "InferenceSession", start)
    session = open_graph(card.graph, ["openvino"], threads=1)
    assert session.get_providers() == list(CPU)
    assert caplog.messages == ["OpenVINOExecutionProvider failed to start, using CPUExecutionProvider"]


def test_a_broken_graph_is_not_taken_for_a_broken_provider(tmp_path, capsys):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(CardError, match="no usable ONNX graph"):
        open_graph(path, CPU, threads=1)
    assert capsys.readouterr() == ("", "")


def test_a_worker_separates_without_the_provider_that_was_wanted(engine, card, make_music):
    worker = WorkerProcess(engine.timeline, card.folder, 48000, 8192, ["abacus"])
    try:
        engine.play_silence_until(engine.stems_flow)
        engine.play(make_music(9600, 48000))
        assert worker.poll() is None
        deadline = time.monotonic() + 5
        while not worker.last_message and time.monotonic() < deadline:
            time.sleep(0.01)
        assert worker.last_message.startswith("expected provider ")
        assert np.abs(engine.read_stems(engine.timeline.stems_end() - 2000, 1000)).max() > 0.0
    finally:
        worker.kill()
        worker.wait(10)
