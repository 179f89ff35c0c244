"""Operators that move, repeat, leave out and join values give onnxruntime's, and most of them cost no layer."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from common.plan.layers import (
    Add,
    BatchNorm,
    Conv2d,
    Crop,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    Multiply,
    Polynomial,
    Recall,
)
from compiler.onnx.draft import Activation
from tests.onnx_graphs import check, make_model, node, save

RNG = np.random.default_rng(0)
FLAT = node("Flatten", "h")
SHAPE = ("n", 4, 4, 6)


def layers_of(folder: Path, nodes: list[onnx.NodeProto], shape: tuple[Any, ...] = SHAPE, **constants: Any) -> list[Any]:
    opset = constants.pop("opset", 17)
    values = {name: np.asarray(value) for name, value in constants.items()}
    return list(check(save(make_model(nodes, shape, values, opset), folder)).items)


def kinds(layers: list[Any]) -> list[type]:
    return [type(layer) for layer in layers]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Gather", "x turned", "h", axis=1)],  # RGB as BGR
        [node("Gather", "x pair", "h", axis=-1)],
        [node("Gather", "x one", "g", axis=2), node("Unsqueeze", "g two", "h")],
        [node("Slice", "x two four", "s"), node("Identity", "x", "h")],  # which nobody needs
        [node("Slice", "x starts ends axes", "h")],
        [node("Slice", "x last first last_axis back", "h")],
        [node("Slice", "x zero huge zero", "h")],
        [node("Tile", "x repeats", "h")],
        [node("Transpose", "x", "h", perm=[0, 3, 1, 2])],
        [node("Transpose", "x", "t", perm=[0, 2, 1, 3]), node("Reshape", "t halves", "h")],
        [node("DepthToSpace", "x", "h", blocksize=2)],
        [node("DepthToSpace", "x", "h", blocksize=2, mode="CRD")],
        [node("SpaceToDepth", "x", "h", blocksize=2)],
        [node("Split", "x sizes", "a h b", axis=1)],
        [node("Split", "x", "a h", axis=-1)],
        [node("Pad", "x around", "h", mode="reflect")],
        [node("Pad", "x around", "h", mode="edge")],
        [node("Pad", "x within", "h")],
        [node("Concat", "x x x", "h", axis=1)],
        [node("Concat", "x x", "h", axis=-1)],
        [
            node("Reshape", "x groups", "g"),
            node("Transpose", "g", "t", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "t back4", "h"),
        ],
        [node("Reshape", "x flat", "f"), node("Reshape", "f cube", "h")],
    ],
)
def test_what_moves_values_is_a_sparse_matrix_of_ones_at_most(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    constants = {
        "turned": [3, 2, 1, 0],
        "pair": [[0, -1]],
        "one": 1,
        "two": [2],
        "four": [4],
        "starts": [1, -3],
        "ends": [2**62, -1],
        "axes": [1, 3],
        "last": [-1],
        "first": [-(2**62)],
        "last_axis": [3],
        "back": [-2],
        "zero": [0],
        "huge": [2**62],
        "repeats": [1, 2, 1, 3],
        "halves": [-1, 8, 2, 6],
        "sizes": [1, 2, 1],
        "around": [0, 1, 1, 2, 0, 0, 2, 1],
        "within": [0, -1, -1, 0, 0, 0, -2, 0],
        "groups": [-1, 2, 2, 4, 6],
        "back4": [0, 4, 4, 6],
        "flat": [-1, 96],
        "cube": [-1, 6, 4, 4],
    }
    layers = layers_of(tmp_path, [*nodes, FLAT], **constants)
    assert set(kinds(layers)) <= {Linear, Flatten}
    assert len([layer for layer in layers if isinstance(layer, Linear)]) <= 1
    assert all(set(layer.values) == {1.0} for layer in layers if isinstance(layer, Linear))


def test_an_adaptive_pool_that_is_not_even_as_pytorch_exports_it(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[2, 3, 0, 1]),
        node("GatherND", "t windows", "g"),
        node("Transpose", "g", "u", perm=[3, 4, 0, 1, 2]),
        node("Where", "outside zero u", "m"),
        node("ReduceSum", "m last", "s", keepdims=0),
        node("Div", "s counts", "h"),
        FLAT,
    ]
    rows, columns = np.array([0, 1, 3])[:, None, None], np.array([[0], [4]]) + np.array([0, 1])
    windows = np.stack(np.broadcast_arrays(rows, columns), axis=-1)
    outside = np.zeros((3, 2, 2), dtype=bool)
    outside[0, 1, 1] = True
    constants = {"windows": windows, "outside": outside, "zero": np.float32(0), "last": [4]}
    layers = layers_of(tmp_path, nodes, **constants, counts=RNG.uniform(1, 2, (3, 2)))
    assert set(kinds(layers)) <= {Linear, BatchNorm, Flatten}


@pytest.mark.parametrize("mask", [(4, 1, 1), (4, 4, 6), (1, 1, 1, 6)])
def test_where_with_a_mask_that_is_constant(tmp_path: Path, mask: tuple[int, ...]) -> None:
    nodes = [node("Mul", "x x", "s"), node("Where", "mask s k", "w"), node("Where", "mask k w", "v")]
    nodes += [node("Where", "mask x v", "h"), FLAT]
    layers_of(tmp_path, nodes, mask=RNG.integers(0, 2, mask).astype(bool), k=RNG.normal(size=(4, 1, 1)))


@pytest.mark.parametrize("operator", ["Slice", "Pad"])
def test_a_window_is_a_crop(tmp_path: Path, operator: str) -> None:
    inputs = "x from to axes" if operator == "Slice" else "x pads"
    nodes = [node(operator, inputs, "w"), node("Conv", "w k", "h"), FLAT]
    constants = {"from": [1, 2], "to": [3, 5], "axes": [2, 3], "pads": [0, 0, -1, -2, 0, 0, -1, -1]}
    layers = layers_of(tmp_path, nodes, **constants, k=RNG.normal(size=(2, 4, 1, 1)))
    assert layers[0] == Crop(1, 2, 2, 3) and kinds(layers) == [Crop, Conv2d, Flatten]


@pytest.mark.parametrize("operator", ["Expand", "Add"])
def test_grey_frames_become_three_channels(tmp_path: Path, operator: str) -> None:
    other = [1, 3, 1, 1] if operator == "Expand" else RNG.normal(size=(3, 1, 1))
    nodes = [node(operator, "x k", "e"), node("Conv", "e w", "h"), FLAT]
    layers = layers_of(tmp_path, nodes, ("n", 1, 4, 5), k=other, w=RNG.normal(size=(2, 3, 2, 2)))
    assert kinds(layers) == [Linear, Conv2d, Flatten] if operator == "Expand" else True


def test_a_function_of_a_moved_tensor_is_one_of_the_tensor_itself(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 2, 1]),
        node("Sigmoid", "t", "s"),
        node("Mul", "s t", "m"),
        node("Transpose", "m", "h", perm=[0, 3, 2, 1]),
        FLAT,
    ]
    (activation, flatten) = layers_of(tmp_path, nodes)
    assert isinstance(activation, Activation) and activation.kind == "Sigmoid, Mul" and flatten == Flatten()


def test_a_function_of_a_part_is_computed_of_that_part_alone(tmp_path: Path) -> None:
    nodes = [
        node("Mul", "x k", "m"),
        node("Split", "m", "a b", axis=1),
        node("Sigmoid", "a", "s"),
        node("Mul", "a s", "p"),  # still seen as one function
        node("Concat", "p b", "h", axis=1),
        FLAT,
    ]
    layers = layers_of(tmp_path, nodes, k=RNG.normal(size=(4, 1, 1)))
    activations = [layer for layer in layers if isinstance(layer, Activation)]
    assert [activation.kind for activation in activations] == ["Sigmoid, Mul"]
    assert activations[0].function.apply(np.ones((1, 2, 4, 6))).shape == (1, 2, 4, 6)
    assert kinds(layers)[0] is Linear


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_concat_of_two_branches_and_a_constant(tmp_path: Path, axis: int) -> None:
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("Mul", "c half", "d"),
        node("Concat", "d zeros x", "h", axis=axis),
        node("Relu", "h", "r"),
        node("Flatten", "r"),
    ]
    shape = [1, 4, 4, 6]
    shape[axis] = 2
    constants = {"w": RNG.normal(size=(4, 4, 3, 3)) / 6, "b": RNG.normal(size=4), "half": RNG.normal(size=(4, 1, 1))}
    layers = layers_of(tmp_path, nodes, **constants, zeros=RNG.normal(size=shape))
    assert kinds(layers).count(Add) == 1 and kinds(layers).count(Linear) == 2


def test_a_shortcut_that_is_sliced_and_padded_with_channels_of_zeros(tmp_path: Path) -> None:
    nodes = [
        node("Slice", "x zeros ends axes steps", "s"),
        node("Pad", "s pads", "p"),
        node("Conv", "x w", "c", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Add", "c p", "h"),
        FLAT,
    ]
    constants = {"zeros": [0, 0], "ends": [99, 99], "axes": [2, 3], "steps": [2, 2], "pads": [0, 2, 0, 0, 0, 2, 0, 0]}
    layers_of(tmp_path, nodes, **constants, w=RNG.normal(size=(8, 4, 3, 3)))


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("shape", [(4, 6), (1, 1, 6), (1, 4, 4, 6), (4, 1), (1, 4, 6, 1)])
def test_constants_that_differ_between_positions(tmp_path: Path, operator: str, shape: tuple[int, ...]) -> None:
    if shape == (1, 4, 6, 1):
        shape = (1, 4, 4, 1)
    nodes = [node(operator, "c k", "h"), FLAT] if operator == "Div" else [node(operator, "k c", "h"), FLAT]
    nodes = [node("Conv", "x w", "c"), *nodes]
    constants = {"w": RNG.normal(size=(4, 4, 1, 1)), "k": RNG.uniform(0.5, 2, shape)}
    assert kinds(layers_of(tmp_path, nodes, **constants)) == [Conv2d, Linear, Flatten]


def test_constants_of_features_and_of_channels_last_are_still_one_layer(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("Mul", "f k")]
    assert kinds(layers_of(tmp_path, nodes, k=RNG.normal(size=96))) == [Flatten, BatchNorm]
    nodes = [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("Mul", "t k", "h"), FLAT]
    assert kinds(layers_of(tmp_path, nodes, k=RNG.normal(size=4))) == [BatchNorm, Flatten]


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("swapped", [False, True])
def test_two_tensors_that_are_broadcast(tmp_path: Path, operator: str, swapped: bool) -> None:
    nodes = [
        node("GlobalAveragePool", "x", "g"),
        node("Conv", "g w", "c"),
        node(operator, "c x" if swapped else "x c", "h"),
        FLAT,
    ]
    layers = layers_of(tmp_path, nodes, w=RNG.normal(size=(4, 4, 1, 1)))
    assert kinds(layers).count(Multiply if operator == "Mul" else Add) == 1


def test_a_gate_of_squeeze_and_excitation(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "c"),
        node("ReduceMean", "c", "g", axes=[2, 3], keepdims=0),
        node("Gemm", "g u", "d"),
        node("Sigmoid", "d", "s"),
        node("Unsqueeze", "s two", "s3"),
        node("Unsqueeze", "s3 three", "s4"),
        node("Mul", "c s4", "h"),
        FLAT,
    ]
    constants = {"w": RNG.normal(size=(4, 4, 1, 1)), "u": RNG.normal(size=(4, 4)), "two": [2], "three": [3]}
    layers = layers_of(tmp_path, nodes, **constants)
    assert GlobalAvgPool2d in kinds(layers) and Multiply in kinds(layers) and Activation in kinds(layers)


def test_a_product_of_two_branches_of_one_shape_needs_no_matrix(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), node("Conv", "x v", "b"), node("Mul", "a b", "h"), FLAT]
    layers = layers_of(tmp_path, nodes, w=RNG.normal(size=(2, 4, 2, 2)), v=RNG.normal(size=(2, 4, 2, 2)))
    assert Multiply in kinds(layers) and Linear not in kinds(layers) and Polynomial not in kinds(layers)


def test_sums_of_many(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "c"), node("Sum", "c x k x", "h"), FLAT]
    layers_of(tmp_path, nodes, w=RNG.normal(size=(4, 4, 1, 1)), k=RNG.normal(size=(1, 4, 1, 1)))


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceSum"])
@pytest.mark.parametrize("axes", [[1], [2], [-1, 1], [3, 2], [1, 2, 3]])
def test_means_and_sums_over_any_axes(tmp_path: Path, operator: str, keep: int, axes: list[int]) -> None:
    if axes == [1, 2, 3] and not keep:  # one value for each frame, and no dimension
        return
    nodes = [node(operator, "x axes", "h", keepdims=keep), FLAT]
    layers = layers_of(tmp_path, nodes, axes=axes, opset=18)
    assert kinds(layers)[0] is (GlobalAvgPool2d if operator == "ReduceMean" and sorted(axes) == [2, 3] else Linear)


def test_means_over_the_positions_of_channels_that_stand_last(tmp_path: Path) -> None:
    nodes = [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("ReduceMean", "t", "h", axes=[1, 2]), FLAT]
    assert kinds(layers_of(tmp_path, nodes)) == [GlobalAvgPool2d, Flatten]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("MatMul", "x k", "h"), FLAT],
        [node("MatMul", "j x", "h"), FLAT],
        [node("Reshape", "x tokens", "r"), node("Transpose", "r", "t", perm=[0, 2, 1]), node("MatMul", "t w", "m"),
         node("Add", "m b", "a"), node("ReduceMean", "a", axes=[1], keepdims=0)],
    ],
)  # fmt: skip
def test_matrices_along_a_dimension(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    constants = {"k": RNG.normal(size=(6, 3)), "j": RNG.normal(size=(1, 1, 2, 4)), "w": RNG.normal(size=(4, 5))}
    layers_of(tmp_path, nodes, **constants, tokens=[0, 4, 24], b=RNG.normal(size=5))


def test_batch_norm_of_what_stands_otherwise(tmp_path: Path) -> None:
    constants = {name: RNG.uniform(0.5, 2, 6) for name in ("gamma", "beta", "mean", "variance")}
    nodes = [node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
             node("BatchNormalization", "t gamma beta mean variance", "h"), FLAT]  # fmt: skip
    layers_of(tmp_path, nodes, **constants)


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Einsum", "x k", "h", equation="nchw,dc->ndhw")], {"k": (3, 4)}),
        ([node("Einsum", "k x", "h", equation="wv, nchw -> nvhc")], {"k": (6, 2)}),
        ([node("Einsum", "x", "h", equation="nchw->nwc")], {}),
        ([node("Einsum", "x k j", "h", equation="nchw,h,wd->ncd")], {"k": (4,), "j": (6, 2)}),
        ([node("Einsum", "x x", "h", equation="nchw,ndhw->ncd")], {}),
        ([node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t", "h")], {}),
        ([node("GlobalAveragePool", "x", "g"), node("MatMul", "g p", "h")], {"p": (4, 1, 5)}),
        ([node("MatMul", "p x", "h")], {"p": (4, 3, 4)}),
        ([node("MatMul", "x p", "h")], {"p": (1, 4, 6, 2)}),
        ([node("ReduceSumSquare", "x", "h", axes=[1, 3])], {}),
    ],
)
def test_sums_of_products(tmp_path: Path, nodes: list[onnx.NodeProto], constants: dict[str, tuple[int, ...]]) -> None:
    layers = layers_of(tmp_path, [*nodes, FLAT], **{name: RNG.normal(size=shape) for name, shape in constants.items()})
    assert set(kinds(layers)) <= {Linear, Flatten, GlobalAvgPool2d, Multiply, Polynomial, Recall}


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("options", [{}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}])
def test_sums_of_all_before(tmp_path: Path, axis: int, options: dict[str, int]) -> None:
    assert kinds(layers_of(tmp_path, [node("CumSum", "x axis", "h", **options), FLAT], axis=axis))[0] is Linear


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("offset", [-2, 0, 1])
def test_triangles(tmp_path: Path, upper: int, offset: int) -> None:
    layers_of(tmp_path, [node("Trilu", "x k", "h", upper=upper), FLAT], k=offset)


@pytest.mark.parametrize("axis", [1, 3])
def test_elements_chosen_alike_in_each_frame(tmp_path: Path, axis: int) -> None:
    indices = RNG.integers(-4, 4, (1, 2, 3, 5))
    layers_of(tmp_path, [node("GatherElements", "x k", "h", axis=axis), FLAT], k=indices)


def test_sums_of_parts_of_one_tensor_are_one_matrix(tmp_path: Path) -> None:
    nodes = [node("Where", "mask x zero", "m")]
    nodes += [node("Gather", f"m k{place}", f"g{place}", axis=3) for place in range(6)]
    nodes += [node("Add", f"{'g0' if place == 1 else f's{place - 1}'} g{place}", f"s{place}") for place in range(1, 6)]
    constants = {"mask": RNG.integers(0, 2, (4, 6)).astype(bool), "zero": np.float32(0)}
    places = {f"k{place}": place for place in range(6)}
    layers = layers_of(tmp_path, [*nodes, node("Flatten", "s5")], **constants, **places)
    assert kinds(layers) == [Linear] and len(layers[0].rows) == 4 * 4 * 6


def test_matrices_that_would_have_more_weights_as_one_stay_two(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x k", "m"), node("Gather", "m twice", "t", axis=3), node("Flatten", "t")]
    layers = layers_of(tmp_path, nodes, k=RNG.normal(size=(6, 2)), twice=[0, 1] * 8)
    assert kinds(layers) == [Linear, Linear]
