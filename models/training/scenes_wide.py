"""The recipe of `scenes-wide`: `scenes` with twice as many channels, taught by a network with ReLU.

    batch norm of the frame
    → conv 64 × 4×4, stride 2 → batch norm → a·x² + b·x            64 × 16×16
    → conv 128 × 3×3, stride 2 → batch norm → a·x² + b·x = h      128 × 8×8
    → conv 128 × 3×3 → batch norm → a·x² + b·x = i
    → conv 128 × 3×3, + h → batch norm → a·x² + b·x
    → conv 128 × 3×3, + i → batch norm → a·x² + b·x
    → mean pooling 2×2 → dense 10

Five squares, and behind the second all stages have the same shape, which fills a ciphertext of 8,192
slots. What lies far out is penalised in training, as that of `scenes` is.

A teacher with ReLU, which is several points better, is trained first; the network learns from its scores
(Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Add, AvgPool2d, BatchNorm, Conv2d, Dense, Flatten, Layer, Polynomial
from common.plan.network import Network
from models.training.convolutions import augment, convolve, kernels, matrix, prepare
from models.training.scenes_teacher import Teacher, TeacherRecipe
from models.training.trainable import Model, Progress, Recipe, array, batch_norm, quadratic
from models.training.trainer import check, check_epochs, import_torch, reproducible, run_epochs, tensors

#: Passes over the training frames, besides the teacher's.
DEFAULT_EPOCHS = 72
#: Height, width and channels of a frame.
FRAME_SHAPE = (32, 32, 3)

_LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
#: Input channels, output channels, kernel and stride of each convolution. All have a pixel of zeros around their input.
_CONVOLUTIONS = ((3, 64, 4, 2), (64, 128, 3, 2), *((128, 128, 3, 1),) * 3)
#: The convolution to whose output that of an earlier activation is added → that activation.
_SKIPS = {3: 1, 4: 2}
#: Pixels of a side that are averaged before the scores, and of a side that there are then.
_POOL, _POOLED = 2, 4
#: Passes of the teacher for each of the network's.
_TEACHER_SHARE = 0.2


@dataclass(frozen=True)
class ScenesWideRecipe(Recipe):
    """Hyper-parameters, as short runs on 45,000 training frames found them, judged on the others, or untuned."""

    learning_rate: float = 3e-3
    matrix_rate: float = 2e-2
    weight_decay: float = 2e-2
    label_smoothing: float = 0.05
    rise: float = 0.2
    settling: float = 0.75
    range_penalty: float = 1.0
    range_limit: float = 4.0
    bfloat16: bool = True
    distillation: float = 0.7
    #: Largest shift of an augmented frame in pixels, and change of its contrast; half of the frames are mirrored.
    shift: int = 4
    contrast: float = 0.2


RECIPE = ScenesWideRecipe()


def train_scenes_wide(
    frames: NDArray[np.uint8],
    labels: NDArray[Any],
    *,
    epochs: int = DEFAULT_EPOCHS,
    seed: int = 0,
    progress: Progress | None = None,
    recipe: ScenesWideRecipe = RECIPE,
) -> Network:
    """Train a teacher, and then the network, on frames (n, 32, 32, 3) uint8 and labels (n,) from 0 to 9.

    The teacher takes a fifth of the network's epochs. `progress` counts the epochs of both. The same frames, seed
    and machine give the same weights.

    Raises `ConfigurationError` when PyTorch isn't installed, or is older than 2.9, or there are no epochs, and
    `FrameError` when frames or labels don't fit.
    """
    frames = check(frames, labels, FRAME_SHAPE, len(_LABELS))
    check_epochs(epochs)
    torch = import_torch()
    taught = math.ceil(epochs * _TEACHER_SHARE)

    def report(before: int) -> Progress | None:
        if progress is None:
            return None
        return lambda epoch, _, loss: progress(before + epoch, taught + epochs, loss)

    with reproducible(torch, seed):
        given = tensors(torch, frames, labels)
        teacher = Teacher(torch, FRAME_SHAPE[2], len(_LABELS), TeacherRecipe(batch=recipe.batch))
        run_epochs(teacher, teacher.recipe, *given, taught, report(0))
        model = ScenesWideModel(torch, recipe)
        run_epochs(model, recipe, *given, epochs, report(taught), teacher)
        return model.to_network()


class ScenesWideModel(Model):
    """The network; the activations' coefficients are parameters of their own."""

    def __init__(self, torch: Any, recipe: ScenesWideRecipe) -> None:
        nn = torch.nn
        self._recipe = recipe
        outputs = [out for _, out, _, _ in _CONVOLUTIONS]
        self.frame_norm = nn.BatchNorm2d(FRAME_SHAPE[2], affine=False)
        self.matrices = [matrix(torch, out, inputs, kernel) for inputs, out, kernel, _ in _CONVOLUTIONS]
        self.norms = nn.ModuleList(nn.BatchNorm2d(out) for out in outputs)
        self.squares = nn.ParameterList(torch.full((out,), 0.25) for out in outputs)
        self.slopes = nn.ParameterList(torch.full((out,), 0.5) for out in outputs)
        self.scores = nn.Linear(outputs[-1] * _POOLED**2, len(_LABELS))
        parts = (self.frame_norm, nn.ParameterList(self.matrices), self.norms, self.squares, self.slopes, self.scores)
        super().__init__(torch, parts)

    def prepare(self, frames: Any) -> Any:
        """The frames as (n, 3, 32, 32) in [0, 1]."""
        return prepare(frames)

    def augment(self, frames: Any) -> Any:
        """The same, shifted at random, half of them turned over, and of another contrast."""
        return augment(self.torch, frames, self._recipe.shift, self._recipe.contrast)

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, 10) of frames (n, 3, 32, 32) in [0, 1]."""
        inputs: list[Any] = []
        outputs: list[Any] = []
        x = self.frame_norm(x)
        for index, (_, _, kernel, stride) in enumerate(_CONVOLUTIONS):
            x = convolve(self.torch, x, self.matrices[index], kernel, stride)
            x = self.norms[index](x + outputs[_SKIPS[index]] if index in _SKIPS else x)
            inputs.append(x)
            x = quadratic(x, self.squares[index], self.slopes[index])
            outputs.append(x)
        return self.scores(self.torch.nn.functional.avg_pool2d(x, _POOL).flatten(1)), inputs

    def to_network(self) -> Network:
        norm = self.frame_norm
        statistics, channels = (array(norm.running_mean), array(norm.running_var)), FRAME_SHAPE[2]
        layers: list[Layer] = [BatchNorm(*statistics, np.ones(channels), np.zeros(channels), norm.eps)]
        activations: list[int] = []
        for index, (_, outputs, kernel, stride) in enumerate(_CONVOLUTIONS):
            weights = array(kernels(self.matrices[index], kernel))
            layers.append(Conv2d(weights, np.zeros(outputs), stride, 1))
            if index in _SKIPS:
                layers.append(Add(activations[_SKIPS[index]]))
            a, b = array(self.squares[index]), array(self.slopes[index])
            layers += [batch_norm(self.norms[index]), Polynomial(a, b, np.zeros(outputs))]
            activations.append(len(layers) - 1)
        dense = Dense(array(self.scores.weight), array(self.scores.bias))
        layers += [AvgPool2d(_POOL, _POOL), Flatten(), dense]
        return Network(name="scenes-wide", frame_shape=FRAME_SHAPE, labels=_LABELS, layers=tuple(layers))
