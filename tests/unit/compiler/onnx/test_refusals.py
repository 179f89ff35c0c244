"""What can't be imported is refused by name, with what to do; no file, however damaged, ends in a traceback."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from common.errors import BlindsightError, ConfigurationError, NetworkError
from compiler.onnx.conversion import supported
from compiler.onnx.draft.draft import Activation
from tests.onnx_graphs import DATA, FLAT, converted, make_model, node, refused, save

SHAPE = ("n", 2, 6, 6)
W = np.ones((2, 2, 3, 3))


@pytest.mark.parametrize(
    ("nodes", "parts"),
    [
        ([node("MaxPool", "x", "h", kernel_shape=[2, 2]), FLAT], ["'MaxPool_h' (MaxPool)", "--replace-maxpool mean"]),
        (
            [node("Flatten", "x", "f"), node("ArgMax", "f", "y", axis=0)],
            ["'ArgMax_y' (ArgMax)", "its axis 0 isn't over the labels of each frame"],
        ),
        (
            [node("InstanceNormalization", "x k k", "h"), FLAT],
            ["(InstanceNormalization)", "train with BatchNormalization instead"],
        ),
        ([node("DFT", "x", "h"), FLAT], ["'DFT_h' (DFT)", "supported are: Abs, Acos"]),
        ([node("AveragePool", "x", "h", kernel_shape=[2, 2], pads=[2, 0, 0, 0]), FLAT], ["beyond its kernel"]),
        ([node("Conv", "x w", "h", pads=[-1, 0, 0, 0]), FLAT], ["'Conv_h' (Conv)", "pads"]),
        ([node("Conv", "x w", "h", pads=[10**6, 0, 0, 0]), FLAT], ["from 0 to 1024"]),
        ([node("Conv", "x w", "h", group=2), FLAT], ["in 2 groups doesn't fit 2 channels"]),
        ([node("Conv", "x w", "h", strides=[0, 1]), FLAT], ["strides"]),
        ([node("Conv", "x w", "h", auto_pad="NEAR"), FLAT], ["auto_pad is 'NEAR'"]),
        ([node("Conv", "x x", "h"), FLAT], ["input 1 depends on the frame, but must be constant"]),
        ([node("Conv", "x gone", "h"), FLAT], ["'gone' isn't computed before it"]),
        ([node("Conv", "x w", "h", dilations=[4, 4]), FLAT], ["doesn't fit in 6×6"]),
        ([node("Pad", "x pads", "h", mode="mirror"), FLAT], ["its mode is 'mirror'"]),
        ([node("Pad", "x batch", "h"), FLAT], ["'Pad_h' (Pad)", "pads the batch"]),
        ([node("Pad", "x cut", "h"), FLAT], ["'Pad_h' (Pad)", "it makes (2, 0, 6)"]),
        ([node("Pad", "x far", "h"), FLAT], ["'Pad_h' (Pad)", "at most 1024"]),
        ([node("Flatten", "x", "h", axis=2), FLAT], ["'Flatten_h' (Flatten)", "axis is 2"]),
        ([node("Reshape", "x odd", "h"), FLAT], ["'Reshape_h' (Reshape)", "mixes frames"]),
        ([node("Reshape", "x mixed", "h"), FLAT], ["mixes frames"]),
        ([node("Reshape", "x bad", "h"), FLAT], ["doesn't fit"]),
        (
            [node("Transpose", "x", "h", perm=[1, 0, 3, 2]), FLAT],
            ["'Flatten_y' (Flatten)", "the batch as dimension 1"],
        ),
        ([node("Relu", "x", "h"), node("MatMul", "h m")], ["'MatMul_y' (MatMul)", "weights for 3 features meet 6"]),
        ([node("Relu", "x", "h"), node("Gemm", "h m")], ["'Gemm_y' (Gemm)", "put Flatten before it"]),
        ([node("Flatten", "x", "f"), node("MatMul", "m f")], ["mixes frames"]),
        ([node("MatMul", "x cubes", "h"), FLAT], ["by (2, 2, 2, 2, 2), which mixes frames"]),
        ([node("Einsum", "x m", "h", equation="nchw,cn->nhw"), FLAT], ["'Einsum_h' (Einsum)", "mixes frames"]),
        ([node("Einsum", "x m", "h", equation="nchw,cd->nch"), FLAT], ["weights for 3 features meet 2"]),
        ([node("Einsum", "x", "h", equation="...w->...w"), FLAT], ["must name each dimension"]),
        ([node("Einsum", "x", "h", equation="nchw->nchhw"), FLAT], ["once at most"]),
        ([node("CumSum", "x none", "h"), FLAT], ["'CumSum_h' (CumSum)", "along the batch"]),
        ([node("GatherElements", "x pairs", "h", axis=1), FLAT], ["don't choose alike"]),
        ([node("Flatten", "x", "f"), node("Trilu", "f", "h"), FLAT], ["differs between frames"]),
        ([node("Concat", "x x", "h", axis=0), FLAT], ["'Concat_h' (Concat)", "axis is 0"]),
        (
            [node("Conv", "x w", "c"), node("Concat", "c x", "h", axis=1), FLAT],
            ["(2, 4, 4), (2, 6, 6)", "fit together"],
        ),
        ([node("Gather", "x two", "h", axis=1), FLAT], ["'Gather_h' (Gather)", "aren't all within 2"]),
        ([node("Gather", "x i", "h"), FLAT], ["'Gather_h' (Gather)", "axis is 0"]),
        ([node("GatherND", "x pairs", "h"), FLAT], ["'GatherND_h' (GatherND)", "choose among frames"]),
        ([node("Slice", "x two two one", "h"), FLAT], ["it makes (0, 6, 6)"]),
        ([node("Tile", "x many", "h"), FLAT], ["'Tile_h' (Tile)", "from 1 to 4,194,304 values"]),
        ([node("Tile", "x two", "h"), FLAT], ["the batch must stay as it is"]),
        ([node("Expand", "x huge", "h"), FLAT], ["'Expand_h' (Expand)", "doesn't fit"]),
        ([node("ReduceSum", "x", "h"), FLAT], ["reduces the batch"]),
        ([node("Resize", "x  scales", "h"), FLAT], ["'Resize_h' (Resize)", "from 1 to 4,194,304 values"]),
        ([node("Resize", "x  doubled", "h"), FLAT], ["resizes the batch"]),
        ([node("Resize", "x  scales", "h", antialias=1), FLAT], ["antialias = 1"]),
        ([node("SpaceToDepth", "x", "h", blocksize=4), FLAT], ["blocks of 4×4 don't fit (2, 6, 6)"]),
        ([node("ConvTranspose", "x w", "h", strides=[10**6, 1]), FLAT], ["from 1 to 4,194,304 values"]),
        ([node("Conv", "x w", "c", pads=[1] * 4), node("Div", "c x", "h"), FLAT], ["can only be divided by constants"]),
        ([node("LRN", "x", "h", size=3), FLAT], ["(LRN)", "train with BatchNormalization instead"]),
        ([node("Flatten", "x", "f"), node("MatMul", "f m")], ["weights for 3 features meet 72"]),
        ([node("Flatten", "x", "f"), node("Gemm", "f m", transA=1)], ["transA = 1"]),
        ([node("Add", "x big", "h"), FLAT], ["doesn't fit (2, 6, 6)"]),
        ([node("Div", "x zero", "h"), FLAT], ["divides by zero"]),
        ([node("Div", "k x", "h"), FLAT], ["'Div_h' (Div)", "doesn't fit"]),
        ([node("Floor", "x", "h"), FLAT], ["'Floor_h' (Floor)", "no polynomial is near that"]),
        ([node("Cast", "x", "h", to=TensorProto.INT32), FLAT], ["turns values into something else than floats"]),
        ([node("Less", "x x x", "h"), FLAT], ["it has 3 inputs; it must have 2"]),
        ([node("Greater", "x zero", "g"), node("Where", "g x", "h"), FLAT], ["it has 2 inputs; it must have 3"]),
        ([node("CastLike", "x i", "h"), FLAT], ["turns values into something else than floats"]),
        ([node("Clip", "x k", "h"), FLAT], ["its min has shape (2,)"]),
        ([node("Conv", "x w", "c", pads=[1] * 4), node("Max", "c x", "h"), FLAT], ["joins two tensors"]),
        ([node("Max", "x plane", "h"), FLAT], ["differs between positions of a channel"]),
        ([node("Conv", "x w", "c"), node("Add", "c x", "h"), FLAT], ["(2, 4, 4) and (2, 6, 6)", "don't fit together"]),
        (
            [node("Flatten", "x", "f"), node("Softmax", "f", "s"), node("Mul", "s s")],
            ["(Softmax) has something behind it that may change"],
        ),
        ([node("Softmax", "x", "h"), FLAT], ["'Softmax_h' (Softmax)", "(batch, labels)"]),
        ([node("BatchNormalization", "x k k k minus", "h"), FLAT], ["variance isn't positive"]),
        ([node("BatchNormalization", "x k k k three", "h"), FLAT], ["statistics don't fit 2 channels"]),
        ([node("Relu", "x")], ["has (2, 6, 6) for each frame", "one score for each label"]),
        ([node("Relu", "k")], ["doesn't depend on the frame"]),
        ([node("HardSwish", "k")], ["must depend on the frame"]),
        ([node("Identity", "k")], ["doesn't depend on the frame"]),
        ([node("Expand", "k huge", "e"), node("Add", "x e", "h"), FLAT], ["'Expand_e' (Expand)", "at most"]),
        ([node("Concat", "k w", "e", axis=0), node("Add", "x e", "h"), FLAT], ["'Concat_e' (Concat)", "don't fit"]),
    ],
)
def test_a_node_is_refused_by_name(tmp_path: Path, nodes: list[onnx.NodeProto], parts: list[str]) -> None:
    constants = {
        "w": W,
        "k": np.array([1.0, 2.0]),
        "m": np.ones((3, 4)),
        "minus": np.array([1.0, -1.0]),
        "three": np.ones(3),
        "half": np.float32(0.5),
        "zero": np.float32(0),
        "plane": np.arange(6.0),
        "big": np.ones((2, 6, 7)),
        "i": np.array([0, 1]),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "batch": np.array([1, 0, 0, 0, 0, 0, 0, 0]),
        "cut": np.array([0, 0, 0, 0, 0, 0, -8, 0]),
        "far": np.array([0, 0, 0, 10**9, 0, 0, 0, 0]),
        "one": np.array([1]),
        "pairs": np.array([[0, 1]]),
        "none": np.array(0),
        "two": np.array([2]),
        "many": np.array([1, 10**6, 10**6, 1]),
        "scales": np.array([1.0, 1.0, 1e9, 1.0]),
        "doubled": np.array([2.0, 1.0, 1.0, 1.0]),
        "cubes": np.ones((2, 2, 2, 2, 2)),
        "odd": np.array([2, 6, 6]),
        "mixed": np.array([2, -1]),
        "bad": np.array([-1, 5]),
        "huge": np.array([10**6, 10**6, 2]),
    }
    message = refused(make_model(nodes, SHAPE, constants), tmp_path)
    assert all(part in message for part in parts), message


def test_all_that_is_asked_for_is_supported() -> None:
    wanted = "Conv BatchNormalization AveragePool GlobalAveragePool Gemm MatMul Add Mul Pow Relu Sigmoid Tanh"
    for name in [*wanted.split(), "Flatten", "Reshape", "Identity", "Pad"]:
        assert name in supported().split(", ")


@pytest.mark.parametrize(
    ("shape", "options", "part"),
    [
        (SHAPE, {"opset": 6}, "opset 6; Blindsight reads 7 to 28"),
        (SHAPE, {"opset": 29}, "onnx.version_converter.convert_version"),
        (("n", 2, "h", 6), {}, "only calibration frames tell"),
        (("n", 1, 2, 3, 4), {}, "must be (batch, channels, height, width) or (batch, features)"),
        (SHAPE, {"kind": TensorProto.INT32}, "must hold floats, frames / 255, or bytes"),
        (("n", 3, 10**5, 10**5), {}, "use smaller frames"),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, shape: Any, options: dict[str, Any], part: str) -> None:
    assert part in refused(make_model([node("Flatten", "x")], shape, **options), tmp_path)


def test_more_than_one_input_or_output(tmp_path: Path) -> None:
    model = make_model([node("Flatten", "x")], SHAPE)
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    with pytest.raises(ConfigurationError, match=r"2 outputs: y \(\), z \(\); name the one with the scores"):
        converted(save(model, tmp_path))
    model.graph.input.append(helper.make_tensor_value_info("x2", TensorProto.FLOAT, SHAPE))
    assert "2 inputs (x, x2)" in refused(model, tmp_path)


def test_custom_domains_and_weights_that_are_not_finite(tmp_path: Path) -> None:
    custom = helper.make_node("Fancy", ["x"], ["h"], name="mine", domain="com.example")
    assert "'mine' (com.example.Fancy) is of a custom domain" in refused(make_model([custom, FLAT], SHAPE), tmp_path)
    fused = helper.make_node("QLinearAveragePool", ["x"], ["h"], name="fused", domain="com.microsoft")
    assert "onnxruntime's own: give the file as it was exported" in refused(make_model([fused, FLAT], SHAPE), tmp_path)
    model = make_model([node("Conv", "x w", "h"), FLAT], SHAPE, {"w": W * np.nan})
    assert "'w' holds values that aren't finite" in refused(model, tmp_path)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/b", "", "link", "gone"])
def test_weights_from_anywhere_but_the_folder_itself(tmp_path: Path, location: str) -> None:
    model = make_model([node("Conv", "x w", "h"), FLAT], SHAPE, {"w": W})
    (weight,) = model.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    (tmp_path / "link").symlink_to("/etc/passwd")
    message = refused(model, tmp_path)
    assert "takes weights from" in message and "external_data=False" in message


def test_constants_too_that_lie_in_another_file(tmp_path: Path) -> None:
    outside = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    outside.ClearField("float_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/passwd")
    model = make_model([helper.make_node("Constant", [], ["k"], value=outside), node("Mul", "x k", "h"), FLAT], SHAPE)
    assert "takes weights from another file" in refused(model, tmp_path)


def test_without_onnx_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigurationError, match=r"-m pip install onnx$"):
        converted(DATA / "keras_grey.onnx")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="isn't a file"):
        converted(tmp_path / "net.onnx")


@pytest.mark.parametrize("content", [b"", b"no protobuf at all", b"\x00" * 100])
def test_a_file_that_is_no_network(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(NetworkError):
        converted(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("name", "export"),
    [("net.pt2", "torch.onnx.export"), ("net.keras", "of Keras"), ("model.JOBLIB", "skl2onnx.to_onnx")],
)
def test_what_another_library_saved_is_refused_with_what_exports_it(tmp_path: Path, name: str, export: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(NetworkError, match=rf"can't be read as ONNX: .*; export the network with .*{export}"):
        converted(tmp_path / name)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data(), name=st.sampled_from(["torch_cnn_opset11", "keras_colour", "torch_residual_opset13"]))
def test_damaged_files_end_in_an_error_of_ours_or_in_a_network(tmp_path: Path, data: st.DataObject, name: str) -> None:
    content = bytearray((DATA / f"{name}.onnx").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "net.onnx").write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        converted(tmp_path / "net.onnx")
    except BlindsightError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (node("Neg", "x", "h"), "h"),
        (node("Split", "x", "h h", axis=1), "h"),
        (node("Relu", "x", "x"), "x"),
        (node("Neg", "k", "k"), "k"),
    ],
)
def test_a_name_has_one_meaning(tmp_path: Path, first: onnx.NodeProto, name: str) -> None:
    model = make_model([first, node("Relu", "x", "h"), FLAT], SHAPE, {"k": W})
    assert f"gives the name '{name}' to two tensors" in refused(model, tmp_path)


def test_what_a_terminal_would_obey_is_never_shown_as_it_is(tmp_path: Path) -> None:
    """Names, operators and domains come from a stranger: "\\x1b[2J" would clear the screen."""
    evil = "a\x1b[2J\r\n\u202e" + "A" * 1000
    foreign = make_model([helper.make_node("F" + evil, ["x"], ["h"], evil, domain="d" + evil), FLAT], SHAPE)
    unknown = make_model([helper.make_node("F" + evil, ["x"], ["h"], evil), FLAT], SHAPE)
    several = make_model([node("Flatten", "x")], SHAPE)
    several.graph.output.append(helper.make_tensor_value_info(evil, TensorProto.FLOAT, [1, evil]))
    several.graph.input.append(helper.make_tensor_value_info(evil, TensorProto.FLOAT, [1, evil]))
    for model in (foreign, unknown, several):
        message = refused(model, tmp_path)
        assert "\\x1b[2J" in message and message.isprintable()
        assert "A" * 300 not in message
    fitted = make_model([helper.make_node("Relu", ["x"], ["h"], evil), FLAT], SHAPE)
    draft = converted(save(fitted, tmp_path))
    assert all(item.node.isprintable() for item in draft.items if isinstance(item, Activation))


def test_an_argument_of_a_function_outside_of_one(tmp_path: Path) -> None:
    stray = node("Flatten", "x")
    stray.attribute.append(onnx.AttributeProto(name="axis", type=onnx.AttributeProto.INT, ref_attr_name="where"))
    message = refused(make_model([stray], SHAPE), tmp_path)
    assert "node 'Flatten_y' (Flatten) takes an argument of a function, but is in none" in message


def test_an_output_that_is_offered_is_one_word_to_a_shell(tmp_path: Path) -> None:
    model = make_model([node("MaxPool", "x", "h", kernel_shape=[2, 2]), FLAT], SHAPE)
    model.graph.node.append(node("Flatten", "x", "label"))
    model.graph.node[-1].output[0] = "a; reboot"
    model.graph.output.append(helper.make_tensor_value_info("a; reboot", TensorProto.INT64, [1, 72]))
    assert refused(model, tmp_path).endswith("The output 'a; reboot' doesn't need that: --output-name 'a; reboot'")
