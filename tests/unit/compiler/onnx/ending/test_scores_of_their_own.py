"""Scores that are computed each by itself: what all have in common is left out."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from compiler.onnx.draft.draft import Activation
from tests.onnx_graphs import make_model, node, save
from tests.unit.compiler.onnx.ending.networks import NUMBERS, SHAPE, agreeing


def heads(last: list[str], folder: Path, *behind: onnx.NodeProto) -> Path:
    """A network whose scores are computed each by itself, through these operators, and joined as "j"."""
    nodes = [node("Flatten", "x", "f")]
    for place, operators in enumerate(last):
        names = [f"s{place}", *(f"p{place}{step}" for step in range(len(operators.split()) - 1)), f"p{place}"]
        nodes.append(node("Gemm", f"f w{place} b{place}", names[0]))
        for operator, before, after in zip(operators.split(), names, names[1:], strict=False):
            nodes.append(node(operator, f"one {before}" if operator == "Sub" else before, after))
    nodes.append(node("Concat", " ".join(f"p{place}" for place in range(len(last))), "j", axis=1))
    numbers = NUMBERS | {f"w{place}": NUMBERS["w"][:, place : place + 1] for place in range(len(last))}
    numbers |= {f"b{place}": NUMBERS["b"][place : place + 1] for place in range(len(last))}
    return save(make_model([*nodes, *behind], SHAPE, numbers), folder)


@pytest.mark.parametrize(
    ("last", "left_out"),
    [
        (["Sigmoid"] * 4, ("Sigmoid",)),
        (["Sigmoid"] * 2, ("Sigmoid",)),
        (["Sigmoid Sub"] * 3, ("Sigmoid",)),
        (["Sigmoid Tanh", "Tanh"] * 2, ("Tanh",)),
        (["Tanh", "Sigmoid", "Tanh", "Sigmoid"], ()),
        (["Abs"] * 3, ()),
    ],
)
def test_what_all_scores_have_in_common_is_left_out_though_each_has_its_own(
    tmp_path: Path, last: list[str], left_out: tuple[str, ...]
) -> None:
    draft = agreeing(heads(last, tmp_path, node("Identity", "j")))
    assert draft.left_out == left_out
    fits = [item.kind for item in draft.items if isinstance(item, Activation)]
    assert fits == (["Sigmoid"] * 2 if "Sigmoid Tanh" in last else [] if left_out else last)


def test_scores_of_their_own_that_more_is_done_to_are_kept(tmp_path: Path) -> None:
    for behind in ([node("Mul", "j k")], [node("Gather", "j twice", axis=1)]):
        path = heads(["Sigmoid"] * 2, tmp_path, *behind)
        model = onnx.load(path)
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0.5, 2.0], np.float32), "k"))
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 0]), "twice"))
        draft = agreeing(save(model, tmp_path))
        assert not draft.left_out
