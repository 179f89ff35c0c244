"""What files take and give: opsets, inputs of any form, element types, and the output with the scores."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from common.errors import ConfigurationError, FrameError, NetworkError
from compiler.labelled import frame_shape_of
from compiler.onnx.fits.activations import scores
from compiler.onnx.importing import import_network, import_with_frames
from compiler.onnx.options import ImportOptions
from tests.onnx_graphs import converted, frames_for, make_model, node, save

RNG = np.random.default_rng(2)
W, V = RNG.normal(size=(3, 1, 3, 3)), RNG.normal(size=(48, 4))
#: A network of grey frames of 6×6.
NET = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Flatten", "r", "f"), node("MatMul", "f v")]


def agrees(path: Path, shape: tuple[int, int, int], given: Any, tolerance: float = 1e-4, **options: Any) -> Any:
    """The draft of a file that takes what `given` makes of frames (n, h, w, c), and gives onnxruntime's scores."""
    draft = converted(path, shape, **options)
    frames = frames_for(draft)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = np.concatenate([session.run(["y"], {"x": given(frames[n : n + 1])})[0] for n in range(len(frames))])
    found = scores(draft.items, frames, lambda: None)
    assert np.abs(found - expected.astype(float)).max() <= tolerance * np.abs(expected).max()
    return draft


def first(frames: Any) -> Any:
    return np.moveaxis(frames, 3, 1).astype(np.float32) / 255


@pytest.mark.parametrize("opset", range(7, 26))
def test_opsets_since_7_are_read(tmp_path: Path, opset: int) -> None:
    agrees(save(make_model(NET, (1, 1, 6, 6), {"w": W, "v": V}, opset), tmp_path), (6, 6, 1), first)


@pytest.mark.parametrize("opset", [7, 9, 10])
def test_attributes_of_old_opsets_that_became_inputs(tmp_path: Path, opset: int) -> None:
    nodes = [
        node("Pad", "x", "p", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=0.5),
        node("Clip", "p", "c", min=0.2, max=0.7),
        node("Unsqueeze", "c", "u", axes=[1]),
        node("Squeeze", "u", "s", axes=[1]),
        node("ReduceMean", "s", "m", axes=[2], keepdims=0),
        node("Flatten", "m"),
    ]
    agrees(save(make_model(nodes, (1, 1, 6, 6), {}, opset), tmp_path), (6, 6, 1), first)


@pytest.mark.parametrize("size", [36, "features"])
def test_frames_as_features(tmp_path: Path, size: int | str) -> None:
    nodes = [node("MatMul", "x a", "m"), node("Relu", "m", "r"), node("MatMul", "r v")]
    path = save(make_model(nodes, ("n", size), {"a": RNG.normal(size=(36, 48)), "v": V}), tmp_path)
    assert agrees(path, (4, 9, 1), lambda frames: first(frames).reshape(1, -1)).frame_shape == (4, 9, 1)


@pytest.mark.parametrize("producer", ["pytorch", "skl2onnx"])
def test_the_order_of_colours_among_features_is_that_of_the_producer(tmp_path: Path, producer: str) -> None:
    model = make_model([node("MatMul", "x a")], ("n", 60), {"a": RNG.normal(size=(60, 4))})
    model.producer_name = producer

    def given(frames: Any) -> Any:
        return (first(frames) if producer == "pytorch" else frames.astype(np.float32) / 255).reshape(1, -1)

    agrees(save(model, tmp_path), (4, 5, 3), given)


def test_features_that_are_made_into_frames_again(tmp_path: Path) -> None:
    nodes = [node("Reshape", "x shape", "i"), node("Conv", "i w", "c"), node("Flatten", "c")]
    path = save(make_model(nodes, ("n", 36), {"shape": np.array([-1, 1, 6, 6]), "w": W}), tmp_path)
    agrees(path, (6, 6, 1), lambda frames: first(frames).reshape(1, -1))


@pytest.mark.parametrize("shape", [("n", 1, "h", "w"), ("n", "c", "h", "w"), ("n", 1, 6, "w")])
def test_the_frames_tell_what_a_file_leaves_open(tmp_path: Path, shape: Any) -> None:
    agrees(save(make_model(NET, shape, {"w": W, "v": V}), tmp_path), (6, 6, 1), first)


def test_open_sizes_with_the_channels_last_and_without_any(tmp_path: Path) -> None:
    turned = node("Transpose", "x", "t", perm=[0, 3, 1, 2])
    nodes = [turned, node("Flatten", "t", "f"), node("MatMul", "f a")]
    path = save(make_model(nodes, ("n", "h", "w", 3), {"a": RNG.normal(size=(60, 4))}), tmp_path)
    agrees(path, (4, 5, 3), lambda frames: frames.astype(np.float32) / 255)
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f a")]
    path = save(make_model(nodes, ("n", "h", "w"), {"a": RNG.normal(size=(20, 4))}), tmp_path)
    agrees(path, (4, 5, 1), lambda frames: frames[..., 0].astype(np.float32) / 255)


@pytest.mark.parametrize("size", [("n", 40), ("n", 1, "h", 7)])
def test_frames_that_do_not_fit_what_is_open(tmp_path: Path, size: Any) -> None:
    path = save(make_model([node("Flatten", "x")], size), tmp_path)
    with pytest.raises(NetworkError, match=r"but the calibration frames are 6×6×1, 36 values"):
        converted(path, (6, 6, 1))


def test_bytes_and_what_is_made_of_them(tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "i", to=TensorProto.FLOAT), node("Div", "i k", "d"), node("Conv", "d w", "c")]
    model = make_model([*nodes, node("Flatten", "c")], ("n", 1, 6, 6), {"k": 255.0, "w": W}, kind=TensorProto.UINT8)
    path = save(model, tmp_path)
    agrees(path, (6, 6, 1), lambda frames: np.moveaxis(frames, 3, 1))
    with pytest.raises(ConfigurationError, match="takes bytes, the frames as they are; leave mean and std out"):
        converted(path, mean=(0.5,))


@pytest.mark.parametrize(
    ("nodes", "part"),
    [
        ([node("Flatten", "x")], "holds integers"),
        ([node("Mul", "x x", "m"), node("Cast", "m", "c", to=1), node("Flatten", "c")], "put a Cast to float"),
    ],
)
def test_bytes_that_are_computed_with_are_refused(tmp_path: Path, nodes: list[onnx.NodeProto], part: str) -> None:
    with pytest.raises(NetworkError, match=part):
        converted(save(make_model(nodes, ("n", 1, 6, 6), kind=TensorProto.UINT8), tmp_path))


@pytest.mark.parametrize(("kind", "tolerance"), [("DOUBLE", 1e-6), ("FLOAT16", 1e-2)])
def test_inputs_and_weights_of_other_precision(tmp_path: Path, kind: str, tolerance: float) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, kind))
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f v", "m"), node("Relu", "m")]
    model = make_model(nodes, ("n", 1, 6, 8), kind=getattr(TensorProto, kind))
    model.graph.initializer.append(numpy_helper.from_array(V.astype(dtype), "v"))
    model.graph.output[0].type.tensor_type.elem_type = getattr(TensorProto, kind)
    agrees(save(model, tmp_path), (6, 8, 1), lambda frames: first(frames).astype(dtype), tolerance, output="values")


def test_weights_of_bfloat16(tmp_path: Path) -> None:
    nodes = [node("Cast", "half", "w", to=TensorProto.FLOAT), *NET]
    model = make_model(nodes, ("n", 1, 6, 6), {"v": V})
    bits = (W.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    half = helper.make_tensor("half", TensorProto.BFLOAT16, W.shape, bits.tobytes(), raw=True)
    model.graph.initializer.append(half)
    draft = agrees(save(model, tmp_path), (6, 6, 1), first)
    weight = draft.items[0].weight
    assert np.abs(weight - W).max() <= np.abs(W).max() / 128
    assert not np.array_equal(weight, W.astype(np.float32))


def two_outputs(*others: Any) -> onnx.ModelProto:
    nodes = [*NET, node("ArgMax", "y", "label", axis=1), node("Identity", "f", "features"), node("Sigmoid", "y", "p")]
    model = make_model(nodes, ("n", 1, 6, 6), {"w": W, "v": V})
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(*other) for other in others)
    return model


def test_the_output_that_is_no_label_has_the_scores(tmp_path: Path) -> None:
    label, y = ("label", TensorProto.INT64, ("n", 1)), ("y", TensorProto.FLOAT, ("n", 4))
    path = save(two_outputs(label, y), tmp_path)
    assert agrees(path, (6, 6, 1), first).left_out == ()
    features = ("features", TensorProto.FLOAT, ("n", 3, 16))
    assert converted(save(two_outputs(label, features, y), tmp_path)).scores == 4
    assert converted(tmp_path / "net.onnx", output_name="label").left_out == ("ArgMax",)
    assert converted(tmp_path / "net.onnx", output_name="f").scores == 48


@pytest.mark.parametrize("operator", ["ReduceLogSumExp", "ReduceSum"])  # as of naive Bayes, and of OneVsRestClassifier
def test_where_probabilities_are_refused_the_label_is_named_that_is_not(tmp_path: Path, operator: str) -> None:
    nodes = [*NET, node("ArgMax", "y", "label", axis=1)]
    nodes += [
        node(operator, "y", "sum", axes=[1]) if operator == "ReduceLogSumExp" else node(operator, "y axes", "sum")
    ]
    nodes += [node("Div", "y sum", "p")]
    model = make_model(nodes, ("n", 1, 6, 6), {"w": W, "v": V, "axes": [1]})
    del model.graph.output[:]
    outputs = [("label", TensorProto.INT64, ("n", 1)), ("p", TensorProto.FLOAT, ("n", 4))]
    model.graph.output.extend(helper.make_tensor_value_info(*output) for output in outputs)
    path = save(model, tmp_path)
    with pytest.raises(NetworkError, match=r"The output 'label' doesn't need that: --output-name label$"):
        converted(path)
    assert converted(path, output_name="label").left_out == ("ArgMax",)
    model.graph.output[0].name = "q"
    model.graph.node.append(node("Identity", "p", "q"))
    with pytest.raises(NetworkError, match=r"^(?!.*output-name)"):
        converted(save(model, tmp_path), output_name="p")


def test_of_several_outputs_with_scores_one_has_to_be_named(tmp_path: Path) -> None:
    y, p = (("y", TensorProto.FLOAT, ("n", 4)), ("p", TensorProto.FLOAT, ("n", 4)))
    path = save(two_outputs(y, p), tmp_path)
    with pytest.raises(ConfigurationError, match=r"2 outputs: y \(n, 4\), p \(n, 4\); .* --output-name NAME"):
        converted(path)
    assert converted(path, output_name="p").left_out == ("Sigmoid",)


def test_the_shape_of_frames_at_hand(tmp_path: Path) -> None:
    np.savez(tmp_path / "frames.npz", frames=np.zeros((3, 4, 6), np.uint8), labels=np.arange(3))
    assert frame_shape_of(tmp_path / "frames.npz") == (4, 6, 1)
    np.savez(tmp_path / "flat.npz", frames=np.zeros((3, 24), np.uint8), labels=np.arange(3))
    with pytest.raises(FrameError, match=r"frames have shape \(3, 24\)"):
        frame_shape_of(tmp_path / "flat.npz")
    with pytest.raises(ConfigurationError, match="doesn't exist"):
        frame_shape_of(tmp_path / "gone.npz")


def test_a_network_of_features_is_imported_with_frames_from_a_file(tmp_path: Path) -> None:
    path = save(make_model([node("MatMul", "x a")], ("n", 24), {"a": RNG.normal(size=(24, 3))}), tmp_path)
    frames = RNG.integers(0, 256, (20, 4, 6), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=np.zeros(20, np.int64))
    made = import_network(path, tmp_path / "frames.npz", ImportOptions(name="mine"))
    assert made.network.frame_shape == (4, 6, 1) and made.report.agreement == 1


def test_values_of_a_regression(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f a", "s"), node("Sigmoid", "s")]
    path = save(make_model(nodes, ("n", 1, 4, 6), {"a": RNG.normal(size=(24, 1))}), tmp_path)
    frames = RNG.integers(0, 256, (100, 4, 6), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=np.arange(100))  # what is measured, not indices of labels
    options = ImportOptions(name="mine", output="values")
    made = import_network(path, tmp_path / "frames.npz", options)
    assert made.report.values_error is not None and 0 < made.report.values_error < 0.2
    assert made.report.original_accuracy is None and not made.calibration.labels.any()
    with pytest.raises(ConfigurationError, match="fine-tuning teaches labels, but output is values"):
        import_network(path, tmp_path / "frames.npz", options, refine=lambda items, network, *_: network)
    with pytest.raises(ConfigurationError, match="truth holds labels, but output is values"):
        import_with_frames(path, frames, np.zeros(100, np.int64), options)
