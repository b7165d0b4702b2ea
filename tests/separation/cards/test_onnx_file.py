"""External weights are detected wherever a graph can contain a tensor, and such a model is refused."""

import hashlib
import random

import numpy as np
import onnx
import pytest
import toy_models as toys
import yaml
from damage import damaged
from onnx import TensorProto, helper, numpy_helper

from stemfield.separation.cards.card import CardError, available_models, load_card
from stemfield.separation.cards.onnx_file import OnnxFileError, external_files, external_weights_problem
from stemfield.separation.runtime.graph import open_graph
from stemfield.separation.runtime.providers import CPU


def tensor(name, location=None):
    made = numpy_helper.from_array(np.arange(4, dtype=np.float32), name)
    if location is not None:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="offset", value="0")
        made.external_data.add(key="location", value=location)
    return made


def graph(*initializers, nodes=(), name="g"):
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [4]) for end in ("x", "y")]
    nodes = nodes or [helper.make_node("Identity", ["x"], ["y"])]
    return helper.make_graph(list(nodes), name, ends[:1], ends[1:], list(initializers))


def model(made, functions=()):
    built = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], functions=functions)
    built.ir_version = 8
    return built


def sparse(location):
    made = onnx.SparseTensorProto(dims=[8])
    made.values.CopyFrom(tensor("values", location))
    made.indices.CopyFrom(numpy_helper.from_array(np.arange(4), "indices"))
    return made


def with_sparse():
    made = graph()
    made.sparse_initializer.append(sparse("s.bin"))
    return model(made)


def with_training():
    made = model(graph())
    made.training_info.add().algorithm.CopyFrom(graph(tensor("w", "t.bin")))
    return made


def constant(location, **attributes):
    return helper.make_node("Constant", [], ["c"], **(attributes or {"value": tensor("c", location)}))


def named(names):
    """An attribute that no operator of the standard has may hold several."""
    node = helper.make_node("Odd", ["x"], ["y"], domain="own")
    node.attribute.append(helper.make_attribute("tensors", [tensor("t", name) for name in names]))
    node.attribute.append(helper.make_attribute("graphs", [graph(tensor("w", "deep.bin"))]))
    return node


CASES = {
    "initializer": (model(graph(tensor("a"), tensor("w", "w.bin"))), ("w.bin",)),
    "outside": (
        model(graph(tensor("w", "../../etc/passwd"), tensor("v", "/dev/zero"))),
        ("../../etc/passwd", "/dev/zero"),
    ),
    "memory": (model(graph(tensor("w", "*/_ORT_MEM_ADDR_/*"))), ("*/_ORT_MEM_ADDR_/*",)),
    "constant": (model(graph(nodes=[constant("c.bin"), helper.make_node("Add", ["x", "c"], ["y"])])), ("c.bin",)),
    "sparse": (with_sparse(), ("s.bin",)),
    "training": (with_training(), ("t.bin",)),
    "lists": (model(graph(nodes=[named(["a.bin", "b.bin"])])), ("a.bin", "b.bin", "deep.bin")),
    "subgraph": (
        model(
            graph(
                nodes=[
                    helper.make_node(
                        "If", ["x"], ["y"], then_branch=graph(tensor("w", "then.bin")), else_branch=graph(tensor("w"))
                    )
                ]
            )
        ),
        ("then.bin",),
    ),
    "function": (
        model(
            graph(),
            [helper.make_function("own", "F", ["x"], ["c"], [constant("f.bin")], [helper.make_opsetid("", 17)])],
        ),
        ("f.bin",),
    ),
    "nowhere": (model(graph(TensorProto(name="w", dims=[4], data_type=1, data_location=TensorProto.EXTERNAL))), ("?",)),
    "inside": (model(graph(tensor("a"), nodes=[constant(None), helper.make_node("Add", ["x", "c"], ["y"])])), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_weights_in_other_files_are_found_wherever_they_are(tmp_path, case):
    built, expected = CASES[case]
    path = tmp_path / "model.onnx"
    path.write_bytes(built.SerializeToString())
    assert external_files(path) == expected
    if expected:
        problem = external_weights_problem(path)
        assert problem.startswith("model.onnx: expected all weights inside the file")
        assert f"got weights in '{', '.join(expected)}'" in problem
        with pytest.raises(CardError, match="expected all weights inside the file"):
            open_graph(path, CPU, threads=1)
    else:
        assert external_weights_problem(path) == ""
        open_graph(path, CPU, threads=1)


def test_what_onnx_itself_moves_out_is_refused_with_the_way_back(tmp_path, monkeypatch):
    folder = tmp_path / "toy"
    toys.mask_stream(folder)
    path = folder / "toy.onnx"
    assert external_files(path) == ()
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="toy.data", size_threshold=0)
    card = yaml.safe_load((folder / "card.yaml").read_text())
    card["files"][0]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(CardError) as caught:
        load_card(str(folder))
    (problem,) = caught.value.problems
    assert problem.startswith("files: toy.onnx: expected all weights inside the file")
    assert [e.name for e in available_models((tmp_path,)) if e.problems] == ["toy"]
    monkeypatch.chdir(folder)
    way_back = problem[problem.index("onnx.save(") : problem.index(" moves")]
    eval(way_back, {"onnx": onnx})
    card["files"][0]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    assert load_card(str(folder)).name == "toy"


def test_damaged_graphs_are_refused_or_read(tmp_path):
    samples = [built.SerializeToString() for built, _ in CASES.values()]
    chance, path = random.Random(1), tmp_path / "x.onnx"
    refused = 0
    for _ in range(300):
        path.write_bytes(damaged(chance.choice(samples), samples, chance, 4))
        try:
            assert all(isinstance(name, str) for name in external_files(path))
        except OnnxFileError:
            refused += 1
    assert 20 < refused < 300
    for content, reason in (
        (b"", "empty"),
        (b"\x3a\xff", "truncated"),
        (b"\x3b", "unknown wire type"),
        (b"\x80" * 20, "truncated"),
    ):
        path.write_bytes(content)
        with pytest.raises(OnnxFileError, match=reason):
            external_files(path)
