"""Operators that sum, multiply and join values give onnxruntime's, by as few sparse matrices as it takes."""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest

from common.plan.layers import (
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    Multiply,
    Polynomial,
    Recall,
)
from compiler.onnx.draft.draft import Activation
from tests.onnx_graphs import FLAT, checked_layers, kinds, node

RNG = np.random.default_rng(0)
layers_of = partial(checked_layers, shape=("n", 4, 4, 6), opset=17)


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
@pytest.mark.parametrize("shape", [(4, 6), (1, 1, 6), (1, 4, 4, 6), (4, 1), (1, 4, 4, 1)])
def test_constants_that_differ_between_positions(tmp_path: Path, operator: str, shape: tuple[int, ...]) -> None:
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


@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceSum"])
@pytest.mark.parametrize(("axes", "keep"), [*product([[1], [2], [-1, 1], [3, 2]], [0, 1]), ([1, 2, 3], 1)])
def test_means_and_sums_over_any_axes(tmp_path: Path, operator: str, axes: list[int], keep: int) -> None:
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
