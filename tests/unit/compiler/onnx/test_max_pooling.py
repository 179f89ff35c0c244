"""Max pooling: what it computes in the original, what stands for it, and what is measured of that."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.errors import ConfigurationError, NetworkError
from common.plan.layers import AvgPool2d, BatchNorm
from compiler.onnx.fits.activations import scores
from compiler.onnx.fits.splitting import held_out
from compiler.onnx.importing import import_with_frames
from compiler.onnx.max_pooling import REPLACEMENTS, MaxPool, Replacement, corrected
from compiler.onnx.options import ImportOptions
from tests.onnx_graphs import converted, frames_for, make_model, node, reference, save

#: Attributes of MaxPool, for frames of 8×9.
POOLS: list[dict[str, Any]] = [
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [2, 3], "strides": [1, 3], "pads": [0, 1, 1, 2]},
    {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [3, 3], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [3, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [3, 2]},
]


def pooled(folder: Path, *operators: str, **attributes: Any) -> Path:
    """A file with these operators, one behind the other, on frames of 8×9 with two channels, and a dense layer."""
    names = ["x", *(f"t{place}" for place in range(len(operators)))]
    weights = np.random.default_rng(1).normal(0, 1, (2, 2, 3, 3))
    nodes = [
        node(
            operator,
            f"{before} w" if operator == "Conv" else before,
            after,
            **(attributes if operator == "MaxPool" else {"axes": [2, 3]} if operator == "ReduceMax" else {}),
        )
        for operator, before, after in zip(operators, names, names[1:], strict=False)
    ]
    return save(make_model([*nodes, node("Flatten", names[-1])], (1, 2, 8, 9), {"w": weights}), folder)


def smooth(path: Path, count: int = 60) -> Any:
    """Frames whose pixels are like their neighbours, as pictures' are."""
    shape = converted(path, replace_maxpool="mean").frame_shape
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (count, 3, 3, shape[2])).repeat(3, axis=1).repeat(3, axis=2)
    return (coarse[:, : shape[0], : shape[1]] + rng.integers(0, 50, (count, *shape))).astype(np.uint8)


@pytest.mark.parametrize("attributes", POOLS)
@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_the_original_has_its_exact_maxima(
    tmp_path: Path, attributes: dict[str, Any], replacement: Replacement
) -> None:
    path = pooled(tmp_path, "MaxPool", **attributes)
    draft = converted(path, replace_maxpool=replacement)
    frames = frames_for(draft)
    assert scores(draft.items, frames, lambda: None) == pytest.approx(reference(path, frames), abs=1e-6)


@pytest.mark.parametrize("attributes", POOLS)
def test_means_are_those_of_the_same_windows(tmp_path: Path, attributes: dict[str, Any]) -> None:
    path = pooled(tmp_path, "MaxPool", **attributes)
    (pool,) = [item for item in converted(path, replace_maxpool="mean").items if isinstance(item, MaxPool)]
    (layer,) = pool.layers((8, 9))
    x = np.random.default_rng(0).uniform(0, 1, (2, 2, 8, 9))
    inside = np.pad(np.ones_like(x), ((0, 0), (0, 0), pool.padding[::2], pool.padding[1::2]))
    padded = np.pad(x, ((0, 0), (0, 0), pool.padding[::2], pool.padding[1::2]))
    sums, counts = (AvgPool2d(pool.kernel, pool.stride).forward(values) for values in (padded, inside))
    assert layer.forward(x) == pytest.approx(sums / counts)


sides = st.tuples(st.integers(3, 9), st.integers(3, 9))


@given(
    sides, st.tuples(*[st.integers(1, 4)] * 2), st.tuples(*[st.integers(1, 4)] * 2), st.tuples(*[st.integers(0, 3)] * 4)
)
def test_what_stands_for_maxima_has_their_shape_and_is_never_larger(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    assume(all(pad < kernel[axis % 2] for axis, pad in enumerate(padding)))
    assume(all(size[axis] + padding[axis] + padding[axis + 2] >= kernel[axis] for axis in (0, 1)))
    x = np.random.default_rng(0).uniform(0, 1, (2, 3, *size))
    for replacement in REPLACEMENTS:
        pool = MaxPool(kernel, stride, padding, replacement)
        found = x
        for layer in pool.layers(size):
            found = layer.forward(found)
        assert found.shape == pool.forward(x).shape
        assert (found <= pool.forward(x) + 1e-12).all()


def test_strided_takes_the_middle_of_each_window() -> None:
    x = np.arange(49.0).reshape(1, 1, 7, 7)
    pool = MaxPool((3, 3), (2, 2), (0, 0, 0, 0), "strided")
    for layer in pool.layers((7, 7)):
        x = layer.forward(x)
    assert x[0, 0].tolist() == [[8, 10, 12], [22, 24, 26], [36, 38, 40]]


def test_the_correction_is_exact_where_one_is_a_share_of_the_other() -> None:
    replaced = np.random.default_rng(0).normal(0, 1, (2, 50))
    replaced[1] = 3.0  # a channel that never changes is only shifted
    exact = np.stack([2 * replaced[0] + 1, replaced[1] + 4])
    layer = corrected(replaced, exact, np.ones(50))
    assert np.allclose(layer.forward(replaced.T).T, exact)
    assert layer.gamma[1] == 1


@pytest.mark.parametrize(
    "operators", [("Conv", "Relu", "MaxPool"), ("Conv", "MaxPool", "Relu"), ("Relu", "GlobalMaxPool")]
)
@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_an_import_measures_against_the_exact_maxima(
    tmp_path: Path, operators: tuple[str, ...], replacement: Replacement
) -> None:
    path = pooled(tmp_path, *operators, kernel_shape=[2, 2], strides=[2, 2])
    frames = smooth(path)
    truth = reference(path, frames).argmax(axis=1)
    network, report = import_with_frames(path, frames, truth, ImportOptions(name="net", replace_maxpool=replacement))
    assert report.original_accuracy == 1
    agreeing = network.scores(frames).argmax(axis=1) == truth
    assert report.agreement == agreeing[held_out(truth)].mean()
    assert "BatchNorm" in report.layers  # the correction


def test_the_correction_brings_scores_closer(tmp_path: Path) -> None:
    path = pooled(tmp_path, "Conv", "Relu", "MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    frames = smooth(path)
    options = ImportOptions(name="net", replace_maxpool="mean")
    network, _ = import_with_frames(path, frames, None, options)
    wanted = reference(path, frames)
    without = network.__class__(
        network.name,
        network.frame_shape,
        network.labels,
        tuple(layer for layer in network.layers if not isinstance(layer, BatchNorm)),
    )
    near, far = (np.mean((each.scores(frames) - wanted) ** 2) for each in (network, without))
    assert near < far


@pytest.mark.parametrize("kept", [0, 1])
def test_maxima_over_height_and_width_are_a_pool(tmp_path: Path, kept: int) -> None:
    nodes = [node("ReduceMax", "x", "m", axes=[3, 2], keepdims=kept), node("Flatten", "m")]
    path = save(make_model(nodes, (1, 2, 8, 9)), tmp_path)
    draft = converted(path, replace_maxpool="mean")
    frames = frames_for(draft)
    assert scores(draft.items, frames, lambda: None) == pytest.approx(reference(path, frames), abs=1e-6)
    assert any(isinstance(item, MaxPool) for item in draft.items)


@pytest.mark.parametrize("operator", ["MaxPool", "GlobalMaxPool", "ReduceMax"])
def test_unless_told_what_stands_for_it_max_pooling_is_refused(tmp_path: Path, operator: str) -> None:
    with pytest.raises(NetworkError, match=rf"\({operator}\).*--replace-maxpool mean .*--replace-maxpool strided"):
        converted(pooled(tmp_path, operator, kernel_shape=[2, 2]))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"kernel_shape": [2, 2], "dilations": [2, 2]}, "dilations"),
        ({"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]}, "beyond its kernel"),
        ({"kernel_shape": [9, 9]}, "doesn't fit"),
    ],
)
def test_pools_that_nothing_stands_for_are_refused(tmp_path: Path, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        converted(pooled(tmp_path, "MaxPool", **attributes), replace_maxpool="mean")


def test_another_replacement_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="replace_maxpool is 'median'; it must be mean or strided"):
        ImportOptions(name="net", replace_maxpool="median")  # type: ignore[arg-type]
