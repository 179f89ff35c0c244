"""The network as it was read, in PyTorch: the same scores, and what it says of mirrored frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.plan.network import Network
from compiler.onnx.conversion import Draftwork
from compiler.onnx.fits.activations import scores
from models.training.original import Original
from tests.onnx_graphs import converted, make_model, node, save

Frames = NDArray[np.uint8]


def test_the_original_gives_its_scores_in_pytorch_too(
    torch: Any, draft: Draftwork, network: Network, frames: Frames
) -> None:
    original = Original(torch, network, draft.items)
    with torch.no_grad():
        found = original.forward(original.prepare(torch.from_numpy(frames[:5])))[0].numpy()
    assert np.allclose(found, scores(draft.items, frames[:5], lambda: None), atol=1e-4)


@pytest.mark.parametrize("operator", ["Relu", "LeakyRelu", "PRelu", "Abs", "Elu", "Sigmoid", "Softplus", "HardSwish"])
def test_so_it_does_whatever_its_activation_is(torch: Any, tmp_path: Path, frames: Frames, operator: str) -> None:
    rng = np.random.default_rng(0)
    constants = {
        "v": rng.normal(0, 9, (4, 1, 3, 3)),
        "slope": rng.uniform(-1, 1, (4, 1, 1)),
        "m": rng.normal(0, 1, (144, 3)),
    }
    nodes = [
        node("Conv", "x v", "a"),
        node(operator, "a slope" if operator == "PRelu" else "a", "b"),
        node("Flatten", "b", "c"),
        node("MatMul", "c m"),
    ]
    draft = converted(save(make_model(nodes, (1, 1, 8, 8), constants), tmp_path))
    original = Original(torch, Network("net", draft.frame_shape, ("a", "b", "c"), ()), draft.items)
    with torch.no_grad():
        found = original.forward(original.prepare(torch.from_numpy(frames)))[0].numpy()
    wanted = scores(draft.items, frames, lambda: None)
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_the_original_says_whether_frames_may_be_mirrored(
    torch: Any, draft: Draftwork, network: Network, frames: Frames
) -> None:
    wanted, mirrored = (
        scores(draft.items, each, lambda: None).argmax(axis=1)
        for each in (frames, np.ascontiguousarray(frames[:, :, ::-1]))
    )
    assert Original(torch, network, draft.items).agreement_mirrored(frames) == pytest.approx(
        np.mean(wanted == mirrored)
    )
