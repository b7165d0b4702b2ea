"""Open-Unmix from its weights, against the network computed step by step."""

import numpy as np
import onnxruntime
import pytest

from stemfield.separation.importing.export_openunmix import save_graph

BINS, SEEN, HIDDEN = 20, 14, 8


def random_weights(directions=2):
    rng = np.random.default_rng(2)
    inner = HIDDEN // directions
    weights = {}
    for dense, shape in (("fc1", (HIDDEN, 2 * SEEN)), ("fc2", (HIDDEN, 2 * HIDDEN)), ("fc3", (2 * BINS, HIDDEN))):
        weights[f"{dense}.weight"] = rng.standard_normal(shape) / 3
        norm = dense.replace("fc", "bn")
        for part, low, high in (("weight", 0.5, 2), ("bias", -1, 1), ("running_mean", -1, 1), ("running_var", 0.5, 2)):
            weights[f"{norm}.{part}"] = rng.uniform(low, high, shape[0])
    for layer in range(3):
        for way in ("", "_reverse")[:directions]:
            for kind, shape in (("weight_ih", (4 * inner, HIDDEN)), ("weight_hh", (4 * inner, inner))):
                weights[f"lstm.{kind}_l{layer}{way}"] = rng.standard_normal(shape) / 2
            for kind in ("bias_ih", "bias_hh"):
                weights[f"lstm.{kind}_l{layer}{way}"] = rng.standard_normal(4 * inner) / 2
    for name, size in (("input_mean", SEEN), ("input_scale", SEEN), ("output_scale", BINS), ("output_mean", BINS)):
        weights[name] = rng.uniform(0.2, 1.5, size)
    return {name: value.astype(np.float32) for name, value in weights.items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slow_lstm(x, weights, suffix):
    inner = weights[f"lstm.weight_hh{suffix}"].shape[1]
    h = c = np.zeros(inner)
    out = []
    for frame in x:
        gates = weights[f"lstm.weight_ih{suffix}"] @ frame + weights[f"lstm.bias_ih{suffix}"]
        gates = gates + weights[f"lstm.weight_hh{suffix}"] @ h + weights[f"lstm.bias_hh{suffix}"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def slow_network(x, weights, directions):
    """x: (2, bins, frames)."""

    def dense(y, index):
        y = y @ weights[f"fc{index}.weight"].T
        norm = {part: weights[f"bn{index}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
        return (y - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-5) * norm["weight"] + norm["bias"]

    frames = x.transpose(2, 0, 1).astype(np.float64)
    seen = (frames[..., :SEEN] + weights["input_mean"]) * weights["input_scale"]
    encoded = np.tanh(dense(seen.reshape(len(seen), -1), 1))
    hidden = encoded
    for layer in range(3):
        ways = [slow_lstm(hidden, weights, f"_l{layer}")]
        if directions == 2:
            ways.append(slow_lstm(hidden[::-1], weights, f"_l{layer}_reverse")[::-1])
        hidden = np.concatenate(ways, axis=1)
    y = np.maximum(dense(np.concatenate([encoded, hidden], axis=1), 2), 0)
    y = dense(y, 3).reshape(-1, 2, BINS) * weights["output_scale"] + weights["output_mean"]
    return (np.maximum(y, 0) * frames).transpose(1, 2, 0)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("frames", [1, 9])
def test_the_graph_is_the_network(tmp_path, directions, frames):
    weights = random_weights(directions)
    save_graph(weights, tmp_path / "vocals.onnx")
    x = np.random.default_rng(4).uniform(0, 3, (1, 2, BINS, frames)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "vocals.onnx"))
    (y,) = session.run(["y"], {"x": x})
    np.testing.assert_allclose(y[0], slow_network(x[0], weights, directions), rtol=1e-4, atol=1e-5)
    assert y.any()
