"""Files that would fill the memory, or never end, are refused before they do."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compiler.onnx import scope
from compiler.onnx.file import reading
from tests.onnx_graphs import FLAT, converted, make_model, node, refused, save

SHAPE = ("n", 2, 6, 6)


def calling(*bodies: list[onnx.NodeProto]) -> onnx.ModelProto:
    """A model that calls the last of functions F0, F1, … with these nodes from "a" to "b"."""
    own = helper.make_opsetid("own", 1)
    opsets = [helper.make_opsetid("", 17), own]
    model = make_model([helper.make_node(f"F{len(bodies) - 1}", ["x"], ["y"], domain="own")], (1, 1, 6, 6))
    functions = [helper.make_function("own", f"F{n}", ["a"], ["b"], body, opsets) for n, body in enumerate(bodies)]
    model.functions.extend(functions)
    model.opset_import.append(own)
    return model


def test_functions_that_call_themselves_or_stand_for_billions_of_nodes_are_refused(tmp_path: Path) -> None:
    def call(number: int, value: str, output: str) -> onnx.NodeProto:
        return helper.make_node(f"F{number}", [value], [output], domain="own")

    assert "its function 'F0' calls itself" in refused(calling([call(0, "a", "b")]), tmp_path)
    twice = [[call(n - 1, "a", "t"), call(n - 1, "t", "b")] for n in range(1, 40)]
    assert "its functions stand for 5e+11 nodes" in refused(calling([node("Relu", "a", "b")], *twice), tmp_path)


def test_what_would_fill_the_memory_is_refused_before_it_does(tmp_path: Path) -> None:
    zero = helper.make_tensor("zero", TensorProto.INT8, [1], [0])
    nodes = [node("ConstantOfShape", "s", f"c{number}", value=zero) for number in range(3)]
    nodes += [node("Sub", "c0 c1", "d"), node("Sub", "d c2", "e"), node("Add", "x e", "h"), FLAT]
    many = make_model(nodes, SHAPE, {"s": np.array([2**25])})
    assert "up to here; at most 67,108,864 may be" in refused(many, tmp_path)
    wide = make_model([node("Conv", "x w", "h", pads=[1024] * 4), FLAT], SHAPE, {"w": np.ones((1, 2, 500, 500))})
    assert "its windows take" in refused(wide, tmp_path)
    places = {"places": np.zeros(2**16 + 1, np.int64)}
    scores = make_model([node("Flatten", "x", "f"), node("Gather", "f places", axis=1)], SHAPE, places)
    assert "it gives 65,537 scores for each frame; at most 65,536 may be" in refused(scores, tmp_path)


@pytest.mark.filterwarnings("error")
def test_constants_that_overflow_are_refused_without_a_warning_of_numpys(tmp_path: Path) -> None:
    nodes = [node("Exp", "large", "w"), node("Conv", "x w", "h"), FLAT]
    large = {"large": np.full((2, 2, 3, 3), 1000.0)}
    assert "aren't finite numbers" in refused(make_model(nodes, SHAPE, large), tmp_path)


def test_texts_are_not_computed_with(tmp_path: Path) -> None:
    """Ten sums of a text with itself are a thousand times as long, and forty would fill the memory."""
    joined = [node("Add", f"t{n} t{n}", f"t{n + 1}") for n in range(10)]
    end = [node("Cast", "t10", "k", to=TensorProto.FLOAT), node("Add", "x k", "h"), FLAT]
    doubling = make_model([*joined, *end], SHAPE)
    doubling.graph.initializer.append(onnx.numpy_helper.from_array(np.array(["1"], dtype=object), "t0"))
    assert "'Add_t1' (Add): it computes with texts" in refused(doubling, tmp_path)
    cast = [node("Cast", "k", "t10", to=TensorProto.STRING), node("Cast", "t10", "n", to=TensorProto.FLOAT)]
    written = make_model([*cast, node("Add", "x n", "h"), FLAT], SHAPE, {"k": np.float32(1)})
    assert "'Cast_t10' (Cast): it computes with texts" in refused(written, tmp_path)


def test_a_constant_that_is_joined_to_itself_many_times_is_refused(tmp_path: Path) -> None:
    nodes = [node("Concat", " ".join(["k"] * 200), "c", axis=0), node("Gather", "x c", "h", axis=3), FLAT]
    assert "up to 1e+08 values" in refused(make_model(nodes, SHAPE, {"k": np.zeros(2**19, np.int64)}), tmp_path)


@pytest.mark.parametrize("step", [0.0, 1e-30])
def test_ranges_without_an_end_are_refused(tmp_path: Path, step: float) -> None:
    nodes = [node("Range", "start limit step", "r"), node("Gather", "x r", "h", axis=3), FLAT]
    constants = {"start": np.float32(0), "limit": np.float32(5), "step": np.float32(step)}
    assert "its constant would have up to" in refused(make_model(nodes, SHAPE, constants), tmp_path)


def test_attributes_that_would_fill_the_memory_are_refused_before_they_are_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_MOST_LISTED", 1000)
    constant = helper.make_node("Constant", [], ["k"], value_floats=[0.5] * 1001)
    assert "lists 1,001 numbers" in refused(make_model([constant, node("Add", "x k", "h"), FLAT], SHAPE), tmp_path)


def test_activations_of_too_many_operators_are_refused(tmp_path: Path) -> None:
    nodes = [node("Tanh", f"h{n}" if n else "x", f"h{n + 1}") for n in range(600)]
    assert "over 500 operators" in refused(make_model([*nodes, node("Flatten", "h600")], SHAPE), tmp_path)
    nodes = [node("Mul", "x x", f"q{n}") for n in range(600)]
    nodes += [node("Add", f"q{n} {f's{n}' if n else 'x'}", f"s{n + 1}") for n in range(600)]
    assert "over 500 operators" in refused(make_model([*nodes, node("Flatten", "s600")], SHAPE), tmp_path)


def test_weights_beside_the_file_that_claim_terabytes_are_refused(tmp_path: Path) -> None:
    model = make_model([node("Conv", "x w", "h"), FLAT], SHAPE)
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 2, 3, 3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    model.graph.initializer.append(tensor)
    with (tmp_path / "w.bin").open("wb") as file:
        file.truncate(10**12)  # takes no room on the disk
    assert "w.bin has 1,000,000,000,000 bytes" in refused(model, tmp_path)


def test_weights_that_lie_beside_the_file_once_and_are_taken_many_times_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_LARGEST_FILE", 10**4)
    model = make_model([node("Conv", "x w0", "h"), FLAT], SHAPE)
    for place in range(20):
        tensor = TensorProto(name=f"w{place}", data_type=TensorProto.FLOAT, dims=[2, 2, 16, 16])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="w.bin")
        model.graph.initializer.append(tensor)
    (tmp_path / "w.bin").write_bytes(bytes(4 * 2 * 2 * 16 * 16))
    assert "net.onnx has 12,288 bytes; a network for one ciphertext has far fewer" in refused(model, tmp_path)


def test_a_batch_of_any_size_takes_no_memory(tmp_path: Path) -> None:
    nodes = [node("Slice", "x zero two one", "h"), FLAT]
    constants = {"zero": np.array([0]), "two": np.array([2]), "one": np.array([2])}
    assert converted(save(make_model(nodes, (2**62, 2, 6, 6), constants), tmp_path)).scores == 24


@pytest.mark.parametrize("copying", ["Reshape", "Gather"])
def test_copies_of_places_are_counted_whatever_operator_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copying: str
) -> None:
    monkeypatch.setattr(scope, "_MOST_FOLDED", 1000)
    nodes, name = [], "x"
    for place in range(20):
        nodes += [node("Transpose", name, f"t{place}", perm=[0, 1, 3, 2])]
        nodes += [node(copying, f"t{place} k", f"r{place}", **({"axis": 1} if copying == "Gather" else {}))]
        name = f"r{place}"
    model = make_model([*nodes, node("Flatten", name)], SHAPE, {"k": [0, 1] if copying == "Gather" else [0, 6, 2, 6]})
    assert "constants and places have 1,008 values up to here; at most 1,000 may be" in refused(model, tmp_path)


def test_layers_that_give_more_values_together_than_the_memory_should_hold(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "c0", pads=[900] * 4)]
    nodes += [node("Conv", f"c{place} w", f"c{place + 1}", pads=[0, 0, 0, 1]) for place in range(10)]
    message = refused(
        make_model([*nodes, node("Flatten", "c10")], ("n", 1, 8, 8), {"w": np.ones((1, 1, 1, 1))}), tmp_path
    )
    assert "'Conv_c10' (Conv): it gives 3,286,944 values for each frame, too many with those before it" in message
    matrices = [node("CumSum", f"x{place} axis" if place else "x axis", f"x{place + 1}") for place in range(9)]
    constants = {"axis": np.array(3)}
    message = refused(make_model([*matrices, node("Flatten", "x9")], ("n", 1, 1, 1400), constants), tmp_path)
    assert "'CumSum_x8' (CumSum): it needs a matrix of 1,960,000 weights, and those before it have" in message


def test_messages_stay_short_whatever_a_file_lists(tmp_path: Path) -> None:
    axes = make_model([node("ReduceSum", "x axes", "h"), FLAT], SHAPE, {"axes": np.full(10**4, 10**9)})
    assert "'ReduceSum_h' (ReduceSum): its axes [1000000000" in refused(axes, tmp_path)
    many = make_model([node("Reshape", "x shape", "h"), FLAT], SHAPE, {"shape": np.ones(10**5, np.int64)})
    assert "it lists 100,000 numbers as shape; at most 65,536 may be" in refused(many, tmp_path)
    name = "w" * 10**5
    nameless = make_model([node("Conv", f"x {name}", "h"), FLAT], SHAPE, {name: np.full((2, 2, 3, 3), np.nan)})
    for model in (axes, many, nameless):
        assert len(refused(model, tmp_path)) < 3000
