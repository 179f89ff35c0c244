"""Each operator, in each form that exporters give it, computes what onnxruntime computes."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from common.plan.layers import BatchNorm, Flatten, Polynomial
from compiler.onnx.fits.activations import scores
from tests.onnx_graphs import FLAT, check, converted, frames_for, make_model, node, reference, save

RNG = np.random.default_rng(0)


def weights(*shape: int) -> Any:
    return RNG.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))


def layers_of(model: onnx.ModelProto, folder: Path) -> list[Any]:
    return list(check(save(model, folder)).items)


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((5, 4, 3, 3), {}),
        ((5, 4, 3, 2), {"strides": [2, 3], "pads": [1, 0, 2, 1]}),
        ((6, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
        ((4, 1, 2, 3), {"group": 4}),
        ((5, 4, 3, 2), {"dilations": [2, 3], "pads": [0, 3, 1, 0]}),
        ((5, 4, 3, 2), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ((5, 4, 2, 4), {"auto_pad": "SAME_LOWER", "strides": [1, 3]}),
        ((5, 4, 2, 4), {"auto_pad": "VALID", "kernel_shape": [2, 4]}),
    ],
)
def test_conv(tmp_path: Path, opset: int, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    nodes = [node("Conv", "x w b", "h", **options), FLAT]
    constants = {"w": weights(*shape), "b": weights(shape[0])}
    check(save(make_model(nodes, ("n", 4, 7, 9), constants, opset), tmp_path))


def test_conv_without_bias(tmp_path: Path) -> None:
    check(save(make_model([node("Conv", "x w", "h"), FLAT], (1, 1, 5, 5), {"w": weights(2, 1, 3, 3)}), tmp_path))


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 2], "pads": [1, 0, 2, 1]},
        {"kernel_shape": [3, 2], "strides": [2, 1], "auto_pad": "SAME_UPPER"},
        {"kernel_shape": [2, 3], "strides": [2, 3], "ceil_mode": 1},  # which changes nothing at 6×9
    ],
)
def test_average_pool(tmp_path: Path, counted: int, options: dict[str, Any]) -> None:
    pool = node("AveragePool", "x", "h", count_include_pad=counted, **options)
    check(save(make_model([pool, FLAT], ("n", 3, 6, 9)), tmp_path))


@pytest.mark.parametrize("last", ["Flatten", "Squeeze"])
def test_global_average_pool(tmp_path: Path, last: str) -> None:
    constants = {"axes": np.array([2, 3])} if last == "Squeeze" else {}
    nodes = [node("GlobalAveragePool", "x", "h"), node(last, "h axes" if constants else "h")]
    check(save(make_model(nodes, ("n", 3, 6, 9), constants), tmp_path))


def test_scores_that_keep_their_height_and_width_of_1(tmp_path: Path) -> None:
    check(save(make_model([node("GlobalAveragePool", "x")], ("n", 3, 6, 9)), tmp_path))


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("opset", [11, 18])
def test_mean_over_positions(tmp_path: Path, keep: int, opset: int) -> None:
    if opset == 11:
        nodes = [node("ReduceMean", "x", "h", axes=[-1, -2], keepdims=keep), FLAT]
        model = make_model(nodes, ("n", 3, 6, 9), opset=11)
    else:
        nodes = [node("ReduceMean", "x axes", "h", keepdims=keep), FLAT]
        model = make_model(nodes, ("n", 3, 6, 9), {"axes": np.array([2, 3])}, opset)
    check(save(model, tmp_path))


@pytest.mark.parametrize("before", [True, False])
def test_batch_normalization(tmp_path: Path, before: bool) -> None:
    size = 3 if before else 12
    constants = {name: RNG.uniform(0.5, 2, size) for name in ("gamma", "beta", "mean", "variance")}
    norm = ("BatchNormalization", "gamma beta mean variance")
    if before:
        nodes = [node(norm[0], f"x {norm[1]}", "h", epsilon=0.01), FLAT]
    else:
        nodes = [node("Flatten", "x", "h"), node(norm[0], f"h {norm[1]}", epsilon=0.01)]
    check(save(make_model(nodes, ("n", 3, 2, 2), constants), tmp_path))


@pytest.mark.parametrize(
    ("transposed", "bias", "options"),
    [
        (0, (4,), {}),
        (1, (4,), {"alpha": 0.5, "beta": 2.0}),
        (1, (1, 4), {}),
        (0, (1,), {}),
        (0, (), {}),
        (1, None, {}),
    ],
)
def test_gemm(tmp_path: Path, transposed: int, bias: tuple[int, ...] | None, options: dict[str, Any]) -> None:
    constants = {"w": weights(4, 18) if transposed else weights(18, 4)}
    if bias is not None:
        constants["b"] = np.asarray(RNG.normal(size=bias))
    gemm = node("Gemm", "h w b" if bias is not None else "h w", transB=transposed, **options)
    check(save(make_model([node("Flatten", "x", "h"), gemm], ("n", 2, 3, 3), constants), tmp_path))


def test_matmul_with_and_without_bias(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "h"), node("MatMul", "h w", "m"), node("Add", "b m", "a"), node("MatMul", "a v")]
    constants = {"w": weights(18, 4), "b": weights(4), "v": weights(4, 3)}
    check(save(make_model(nodes, ("n", 2, 3, 3), constants), tmp_path))


@pytest.mark.parametrize("opset", [11, 18])
def test_pad(tmp_path: Path, opset: int) -> None:
    pads = np.array([0, 0, 1, 2, 0, 0, 3, 0]) if opset == 11 else np.array([1, 2, 3, 0])
    constants = {"p": pads, "zero": np.float32(0), "axes": np.array([2, -1])}
    inputs = "x p" if opset == 11 else "x p zero axes"
    check(save(make_model([node("Pad", inputs, "h"), FLAT], ("n", 2, 3, 3), constants, opset), tmp_path))


@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (1, 3, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize(("operator", "swapped"), [*product(["Add", "Sub", "Mul"], [False, True]), ("Div", False)])
def test_arithmetic_with_constants(tmp_path: Path, shape: tuple[int, ...], operator: str, swapped: bool) -> None:
    constants = {"k": np.asarray(RNG.uniform(0.5, 2, shape))}
    model = make_model([node(operator, "k x" if swapped else "x k", "h"), FLAT], ("n", 3, 4, 5), constants)
    (layer, _) = layers_of(model, tmp_path)
    assert isinstance(layer, BatchNorm)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Mul", "x x", "h")],
        [node("Pow", "x two", "h")],
        # a·x·x + b·x + c, in the order in which PyTorch computes it
        [
            node("Mul", "a x", "ax"),
            node("Mul", "ax x", "axx"),
            node("Mul", "b x", "bx"),
            node("Add", "axx bx", "s"),
            node("Add", "s c", "h"),
        ],
        # x·(a·x + b) and (a·x + b)·x + c
        [node("Mul", "a x", "ax"), node("Add", "ax b", "f"), node("Mul", "x f", "h")],
        [node("Mul", "x a", "ax"), node("Add", "ax b", "f"), node("Mul", "f x", "p"), node("Sub", "p c", "h")],
        # (x + b)² / a - x
        [node("Add", "x b", "s"), node("Pow", "s two", "p"), node("Div", "p a", "d"), node("Sub", "d x", "h")],
        [node("Neg", "x", "m"), node("Mul", "m x", "h")],
    ],
)
def test_polynomials_become_one_layer(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    constants = {
        "a": RNG.uniform(0.2, 1, (3, 1, 1)),
        "b": RNG.normal(size=(1, 3, 1, 1)),
        "c": np.float32(0.3),
        "two": np.float32(2),
    }
    layers = layers_of(make_model([*nodes, FLAT], ("n", 3, 4, 5), constants), tmp_path)
    assert [type(layer) for layer in layers] == [Polynomial, Flatten]


def test_a_polynomial_that_is_linear_in_some_channels_stays_exact(tmp_path: Path) -> None:
    nodes = [node("Mul", "x x", "s"), node("Mul", "s a", "m"), node("Add", "m x", "h"), FLAT]
    constants = {"a": np.array([[[0.5]], [[0.0]], [[-1.0]]])}
    layers = layers_of(make_model(nodes, ("n", 3, 4, 5), constants), tmp_path)
    assert isinstance(layers[0], Polynomial) and layers[0].a.tolist() == [0.5, 0.0, -1.0]


def test_a_square_of_a_square_is_two_layers_and_exact(tmp_path: Path) -> None:
    nodes = [node("Mul", "x x", "s"), node("Sub", "s x", "d"), node("Mul", "d d", "e"), node("Add", "e d", "h"), FLAT]
    layers = layers_of(make_model(nodes, ("n", 3, 4, 5)), tmp_path)
    assert [type(layer) for layer in layers] == [Polynomial, Polynomial, Flatten]


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Reshape", "x shape")], {"shape": np.array([-1, 24])}),
        ([node("Reshape", "x shape")], {"shape": np.array([0, -1])}),
        ([node("Flatten", "x", axis=-3)], {}),
        # x.view(x.size(0), -1)
        (
            [
                node("Shape", "x", "s"),
                node("Gather", "s zero", "b", axis=0),
                node("Unsqueeze", "b zeros", "u"),
                node("Concat", "u rest", "shape", axis=0),
                node("Reshape", "x shape"),
            ],
            {"zero": np.array(0), "zeros": np.array([0]), "rest": np.array([-1])},
        ),
        (
            [node("Shape", "x", "s", end=1), node("Concat", "s rest", "t", axis=0), node("Reshape", "x t")],
            {"rest": [24]},
        ),
        ([node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("Flatten", "t")], {}),
    ],
)
@pytest.mark.parametrize("batch", ["n", 1, 5])
def test_flatten_in_every_form(
    tmp_path: Path, batch: int | str, nodes: list[onnx.NodeProto], constants: dict[str, Any]
) -> None:
    constants = {name: np.asarray(value) for name, value in constants.items()}
    check(save(make_model(nodes, (batch, 2, 3, 4), constants), tmp_path))


def test_frames_whose_channels_stand_last(tmp_path: Path) -> None:
    nodes = [
        node("Mul", "x scale", "m"),
        node("Transpose", "m", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "c"),
        node("Transpose", "c", "l", perm=[0, 2, 3, 1]),
        node("Add", "l b", "a"),
        node("Reshape", "a shape", "f"),
        node("MatMul", "f v"),
    ]
    constants = {
        "scale": np.array([0.5, 1.0, 2.0]),
        "w": weights(4, 3, 2, 2),
        "b": weights(4),
        "shape": np.array([-1, 4 * 4 * 5]),
        "v": weights(80, 3),
    }
    draft = check(save(make_model(nodes, ("n", 5, 6, 3), constants), tmp_path))
    assert draft.frame_shape == (5, 6, 3)


@pytest.mark.parametrize("shape", [("n", 5, 6), ("n", 5, 6, 1), ("n", 1, 5, 6), ("n", 5, 6, 3)])
def test_dense_networks_on_frames_with_and_without_channels(tmp_path: Path, shape: tuple[Any, ...]) -> None:
    size = int(np.prod(shape[1:]))
    model = make_model([node("Flatten", "x", "h"), node("MatMul", "h w")], shape, {"w": weights(size, 3)})
    assert check(save(model, tmp_path)).frame_shape == (5, 6, 3 if shape[-1] == 3 else 1)


def test_grey_frames_given_a_channel(tmp_path: Path) -> None:
    nodes = [node("Unsqueeze", "x one", "u"), node("Conv", "u w", "h"), FLAT]
    constants = {"one": np.array([1]), "w": weights(2, 1, 3, 3)}
    check(save(make_model(nodes, ("n", 5, 6), constants), tmp_path))


def test_residual_sums(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Mul", "c c", "s"),
        node("Conv", "s v", "d", pads=[1, 1, 1, 1]),
        node("Add", "d c", "r"),  # an earlier layer than the one before
        node("Sub", "s r", "q"),
        node("Conv", "x v2", "e", pads=[1, 1, 1, 1]),  # a branch of its own, from the input
        node("Add", "q e", "h"),
        FLAT,
    ]
    constants = {"w": weights(3, 2, 3, 3), "v": weights(3, 3, 3, 3), "v2": weights(3, 2, 3, 3)}
    check(save(make_model(nodes, ("n", 2, 5, 6), constants), tmp_path))


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("opset", [11, 13])
def test_softmax_at_the_end_is_left_out(tmp_path: Path, operator: str, opset: int) -> None:
    nodes = [node("Flatten", "x", "h"), node("MatMul", "h w", "s"), node(operator, "s", "p"), node("Identity", "p")]
    path = save(make_model(nodes, ("n", 2, 3, 3), {"w": weights(18, 4)}, opset), tmp_path)
    draft = converted(path)
    frames = frames_for(draft, 20)
    found, expected = scores(draft.items, frames, lambda: None), reference(path, frames)
    assert draft.left_out
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_identity_dropout_and_casts_change_nothing(tmp_path: Path) -> None:
    nodes = [
        node("Identity", "x", "i"),
        node("Dropout", "i", "d"),
        node("Cast", "d", "h", to=onnx.TensorProto.FLOAT),
        FLAT,
    ]
    assert [type(layer) for layer in layers_of(make_model(nodes, ("n", 2, 3, 3)), tmp_path)] == [Flatten]


def test_mean_and_deviation_come_before_padding(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "h", pads=[1, 1, 1, 1]), FLAT]
    path = save(make_model(nodes, ("n", 2, 4, 4), {"w": weights(3, 2, 3, 3)}), tmp_path)
    check(path, mean=0.4, deviation=0.25)
