"""Operators that move, repeat, leave out and join values give onnxruntime's, and most of them cost no layer."""

from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

from common.plan.layers import (
    BatchNorm,
    Conv2d,
    Crop,
    Flatten,
    Linear,
)
from compiler.onnx.draft.draft import Activation
from tests.onnx_graphs import FLAT, checked_layers, converted, kinds, make_model, node, save

RNG = np.random.default_rng(0)
layers_of = partial(checked_layers, shape=("n", 4, 4, 6), opset=17)


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
    layers = checked_layers(tmp_path, nodes, ("n", 1, 4, 5), k=other, w=RNG.normal(size=(2, 3, 2, 2)))
    assert kinds(layers) == [Linear, Conv2d, Flatten]


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


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks_that_become_channels_come_back_from_them(tmp_path: Path, mode: str) -> None:
    nodes = [
        node("SpaceToDepth", "x", "s", blocksize=2, mode=mode),  # which has a mode since opset 28
        node("DepthToSpace", "s", "h", blocksize=2, mode=mode),
        node("Flatten", "h"),
    ]
    draft = converted(save(make_model(nodes, ("n", 2, 4, 6), opset=28), tmp_path))
    assert [type(item) for item in draft.items] == [Flatten]
