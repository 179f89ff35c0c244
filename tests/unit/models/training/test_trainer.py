"""Training: what a teacher's scores and Muon change, and when the scales of matrices are free."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import ConfigurationError
from models.training.convolutions import convolve, kernels, matrix
from models.training.trainable import Recipe, Trainable
from models.training.trainer import check_epochs, muon, reproducible, run_epochs, tensors

FRAMES = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3)).astype(np.uint8)
LABELS = np.arange(64) % 2


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


class Small(Trainable):
    """A convolution and scores; it counts what it is asked."""

    def __init__(self, torch: Any) -> None:
        self.matrices = [matrix(torch, 4, 3, 3)]
        self.norm, self.scores = torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2)
        super().__init__(torch, (torch.nn.ParameterList(self.matrices), self.norm, self.scores))

    def prepare(self, frames: Any) -> Any:
        return frames.permute(0, 3, 1, 2).float() / 255

    def augment(self, frames: Any) -> Any:
        return self.prepare(frames)

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        x = self.norm(convolve(self.torch, x, self.matrices[0], 3))
        return self.scores((x * x).mean(dim=(2, 3))), [x]


class Sure(Small):
    """A teacher that is sure of the second label, whatever the frame."""

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        return self.torch.tensor([[0.0, 20.0]]).expand(len(x), 2), []


def _labelled(torch: Any, recipe: Recipe, teacher: Trainable | None) -> Any:
    """The shares of labels of a small model after training."""
    with reproducible(torch, 0):
        model = Small(torch)
        run_epochs(model, recipe, *tensors(torch, FRAMES, LABELS), 20, None, teacher)
        with torch.no_grad():
            return model.forward(model.prepare(torch.from_numpy(FRAMES)))[0].softmax(dim=1).mean(dim=0)


def test_a_model_learns_from_its_teacher(torch: Any) -> None:
    recipe = Recipe(batch=16, learning_rate=3e-2, matrix_rate=1e-2, distillation=0.9)
    assert float(_labelled(torch, recipe, Sure(torch))[1]) > 0.8
    assert float(_labelled(torch, recipe, None)[1]) < 0.7


def test_matrices_keep_their_scale_until_the_statistics_are_settled(torch: Any) -> None:
    def scale(settling: float) -> float:
        with reproducible(torch, 0):
            model = Small(torch)
            recipe = Recipe(batch=16, matrix_rate=5e-2, settling=settling)
            run_epochs(model, recipe, *tensors(torch, FRAMES, LABELS), 4, None)
            return float(model.matrices[0].detach().norm())

    assert scale(1.0) == pytest.approx(2.0, abs=1e-4)
    assert scale(0.5) != pytest.approx(2.0, abs=1e-4)


def test_a_matrix_holds_the_weights_of_its_convolution(torch: Any) -> None:
    weights = torch.arange(5 * 4 * 9, dtype=torch.float32).view(5, 4, 3, 3)
    held = weights.permute(0, 2, 3, 1).reshape(5, -1)
    assert torch.equal(kernels(held, 3), weights)
    x = torch.rand(2, 4, 8, 8)
    expected = torch.nn.functional.conv2d(x, weights, None, 2, 1)
    assert torch.allclose(convolve(torch, x, held, 3, 2), expected, rtol=1e-4)
    near = kernels(matrix(torch, 6, 4, 3), 3)[:4, :, 1, 1].diagonal()
    assert float(near.detach().min()) > 0.5  # the identity, and small weights


def test_without_epochs_nothing_is_trained() -> None:
    with pytest.raises(ConfigurationError, match="epochs is 0; train for at least 1"):
        check_epochs(0)


def test_a_pytorch_without_muon_is_named() -> None:
    old = SimpleNamespace(__version__="2.8.0", optim=SimpleNamespace())
    with pytest.raises(
        ConfigurationError, match=r"PyTorch is 2\.8\.0, and training needs 2\.9 or later; run: .*torch>=2\.9"
    ):
        muon(old)
