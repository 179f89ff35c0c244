"""Pools, transposed convolutions, padding and resizing give onnxruntime's values in all their forms."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.plan.layers import AvgPool2d, Flatten, Linear, Pad2d
from tests.onnx_graphs import FLAT, checked_layers, node

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 1, 1], "ceil_mode": 1},
        {"kernel_shape": [3, 3], "strides": [3, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        {"kernel_shape": [2, 2], "dilations": [2, 3]},
        {"kernel_shape": [3, 2], "dilations": [2, 1], "pads": [1, 0, 0, 1], "strides": [1, 2]},
    ],
)
def test_average_pools_that_reach_over_the_edge_or_are_dilated(
    tmp_path: Path, counted: int, options: dict[str, Any]
) -> None:
    pool = node("AveragePool", "x", "h", count_include_pad=counted, **options)
    checked_layers(tmp_path, [pool, FLAT], ("n", 2, 7, 8))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": [2, 2]},
        {"strides": [2, 3], "pads": [1, 0, 1, 1]},
        {"strides": [2, 3], "pads": [2, 2, 1, 3], "output_padding": [1, 2]},
        {"dilations": [2, 1], "strides": [1, 2]},
        {"strides": [3, 3], "auto_pad": "SAME_UPPER"},
        {"strides": [3, 3], "auto_pad": "SAME_LOWER"},
        {"strides": [2, 2], "output_shape": [7, 10]},
        {"strides": [2, 2], "output_shape": [7, 10], "auto_pad": "SAME_UPPER"},
    ],
)
def test_transposed_convolutions(tmp_path: Path, groups: int, options: dict[str, Any]) -> None:
    nodes = [node("ConvTranspose", "x w b", "h", group=groups, **options), FLAT]
    constants = {"w": RNG.normal(size=(4, 3, 3, 2)), "b": RNG.normal(size=3 * groups)}
    checked_layers(tmp_path, nodes, ("n", 4, 4, 5), **constants)


@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose"])
def test_convolutions_in_one_dimension(tmp_path: Path, operator: str) -> None:
    nodes = [
        node("Reshape", "x lines", "l"),
        node(operator, "l w", "c", strides=[2], pads=[1, 0]),
        node("AveragePool", "c", "p", kernel_shape=[2], strides=[2]),
        node("GlobalAveragePool", "p", "h"),
        FLAT,
    ]
    checked_layers(tmp_path, nodes, ("n", 2, 3, 4), lines=[0, 2, 12], w=RNG.normal(size=(2, 2, 3)))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("pads", [[0, 0, 1, 2, 0, 0, 2, 0], [0, 1, 0, 0, 0, 1, 0, 1], [0, 0, -1, 1, 0, 0, 1, -2]])
def test_pads_of_every_mode(tmp_path: Path, mode: str, value: float, pads: list[int]) -> None:
    nodes = [node("Mul", "x k", "m"), node("Pad", "m pads value", "h", mode=mode), FLAT]
    layers = checked_layers(
        tmp_path, nodes, ("n", 2, 4, 5), pads=pads, value=np.float32(value), k=RNG.normal(size=(2, 1, 1))
    )
    if (mode, value, pads[2]) == ("constant", 0.0, 1):
        assert Pad2d in [type(layer) for layer in layers]


RESIZED = [
    (mode, coordinates, nearest)
    for coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")
    for mode, nearest in (
        ("nearest", "round_prefer_floor"),
        ("nearest", "floor"),
        ("nearest", "ceil"),
        ("nearest", "round_prefer_ceil"),
        ("linear", "floor"),
        ("cubic", "floor"),
    )
]


@pytest.mark.parametrize("to", [[8, 10], [3, 7], [1, 13]])
@pytest.mark.parametrize(("mode", "coordinates", "nearest"), RESIZED)
def test_resize_by_sizes(tmp_path: Path, mode: str, coordinates: str, nearest: str, to: list[int]) -> None:
    options = {"mode": mode, "coordinate_transformation_mode": coordinates, "nearest_mode": nearest}
    nodes = [node("Resize", "x   sizes", "h", **options), FLAT]
    checked_layers(tmp_path, nodes, ("n", 2, 4, 5), sizes=[1, 2, *to])


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("scales", [[2, 2], [1.5, 0.6], [0.7, 2.3]])
def test_resize_by_scales(tmp_path: Path, mode: str, scales: list[float]) -> None:
    nodes = [node("Resize", "x  scales", "h", mode=mode), FLAT]
    checked_layers(tmp_path, nodes, ("n", 2, 4, 5), scales=[1.0, 1.0, *map(float, scales)])


def test_resize_that_leaves_out_what_is_outside(tmp_path: Path) -> None:
    nodes = [node("Resize", "x  scales", "h", mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5), FLAT]
    checked_layers(tmp_path, nodes, ("n", 2, 4, 5), scales=[1.0, 1.0, 2.0, 2.0])


def test_doubled_pixels_cost_nothing_beside_what_is_there(tmp_path: Path) -> None:
    nodes = [
        node("Resize", "x  scales", "r", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        node("AveragePool", "r", "h", kernel_shape=[2, 2], strides=[2, 2]),
        FLAT,
    ]
    layers = checked_layers(tmp_path, nodes, ("n", 2, 4, 5), scales=[1.0, 1.0, 2.0, 2.0])
    assert [type(layer) for layer in layers] == [Linear, AvgPool2d, Flatten]
