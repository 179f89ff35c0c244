"""One score becomes two labels by its threshold."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from common.errors import BlindsightError, ConfigurationError
from common.plan.layers import Dense
from compiler.onnx.draft.draft import Activation
from compiler.onnx.fits.activations import scores
from tests.onnx_graphs import converted, frames_for, make_model, node, save
from tests.unit.compiler.onnx.ending.networks import NET, NUMBERS, SHAPE, agreeing, one_score, output_of


@pytest.mark.parametrize(
    ("nodes", "threshold", "meant"),
    [
        ([node("Identity", "s")], None, 0.0),
        ([node("Identity", "s")], 0.7, 0.7),
        ([node("Sigmoid", "s")], None, 0.5),
        ([node("Sigmoid", "s")], 0.8, 0.8),
        ([node("Tanh", "s")], None, 0.0),
        ([node("Tanh", "s")], -0.3, -0.3),
        ([node("Sigmoid", "s", "p"), node("Mul", "p percent")], 30.0, 30.0),
        ([node("Sigmoid", "s", "p"), node("Sub", "one p")], None, 0.5),
        ([node("Sigmoid", "s", "p"), node("Log", "p")], -1.0, -1.0),
        ([node("Exp", "s")], 1.3, 1.3),
        ([node("HardSigmoid", "s")], None, 0.5),
        ([node("Abs", "s")], 0.4, 0.4),
    ],
)
def test_one_score_becomes_two_labels(
    tmp_path: Path, nodes: list[onnx.NodeProto], threshold: float | None, meant: float
) -> None:
    path = one_score(nodes, tmp_path)
    draft = converted(path, threshold=threshold)
    frames = frames_for(draft, 60)
    expected = output_of(path, frames)[:, 0] > meant
    found = scores(draft.items, frames, lambda: None)
    assert draft.scores == 2 and 0 < expected.mean() < 1
    assert np.array_equal(found.argmax(axis=1), expected)
    assert np.allclose(found[:, 0], -found[:, 1])
    assert isinstance(draft.items[-1], Dense)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("last", ["Sigmoid", "Identity"])
def test_two_shares_of_one_score_are_one_decision(tmp_path: Path, last: str, swapped: bool) -> None:
    nodes = [node(last, "s", "p"), node("Sub", "one p", "q"), node("Concat", "p q" if swapped else "q p", "y", axis=1)]
    draft = agreeing(one_score(nodes, tmp_path))
    assert not any(isinstance(item, Activation) for item in draft.items)
    assert draft.left_out == (("Sigmoid",) if last == "Sigmoid" else ())


@pytest.mark.parametrize(
    ("nodes", "threshold", "part"),
    [
        ([node("Sigmoid", "s")], 1.5, "threshold is 1.5, which Sigmoid doesn't reach; its values lie between 0 and 1"),
        ([node("Exp", "s")], None, "threshold is 0, which Exp doesn't reach; its values lie between 0 and inf"),
        ([node("Softmax", "s")], None, "(Softmax) is over one score, which becomes a constant"),
    ],
)
def test_thresholds_that_no_score_reaches(
    tmp_path: Path, nodes: list[onnx.NodeProto], threshold: float | None, part: str
) -> None:
    with pytest.raises(BlindsightError) as caught:
        converted(one_score(nodes, tmp_path), threshold=threshold)
    assert part in str(caught.value)


def test_a_threshold_of_several_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"threshold is 0\.5, but the network gives 6 scores"):
        converted(save(make_model([*NET, node("Sigmoid", "s")], SHAPE, NUMBERS), tmp_path), threshold=0.5)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"output": "label"}, "output is 'label'; it must be labels or values"),
        ({"output": "values", "threshold": 0.5}, "threshold is 0.5 with output values"),
        ({"threshold": float("nan")}, "it must be a finite number"),
        ({"output_name": "z"}, r"output-name is 'z'; .* has the outputs y"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        converted(save(make_model([*NET, node("Sigmoid", "s")], SHAPE, NUMBERS), tmp_path), **options)
