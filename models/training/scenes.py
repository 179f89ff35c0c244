"""The recipe of `scenes`, whose network is what the encrypted evaluation is fast at:

    batch norm of the frame
    → conv 64 × 4×4, stride 2 → batch norm → a·x² + b·x           64 × 16×16
    → conv 64 × 3×3, stride 2 → batch norm → a·x² + b·x = h       64 × 8×8
    → conv 64 × 3×3 → batch norm → a·x² + b·x
    → conv 64 × 3×3, + h → batch norm → a·x² + b·x
    → conv 64 × 3×3 → batch norm → a·x² + b·x
    → mean pooling 2×2 → dense 10

Five squares, and behind the second all stages have the same shape, so that they share a layout.
Squares of squares grow: what lies far out is penalised in training, for the largest value that an
activation ever sees decides how many bits its scale leaves to all others.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Add, AvgPool2d, BatchNorm, Conv2d, Dense, Flatten, Layer, Polynomial
from common.plan.network import Network
from models.training.trainable import Model, Progress, Recipe, array, batch_norm, quadratic
from models.training.trainer import check, train_model

#: Passes over the training frames.
DEFAULT_EPOCHS = 60
#: Height, width and channels of a frame.
FRAME_SHAPE = (32, 32, 3)

_LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
#: Pixels of a frame's side, and channels of each convolution's output.
_SIZE, _CHANNELS = 32, 64
#: Input channels, kernel, stride and padding of each convolution.
_CONVOLUTIONS = ((3, 4, 2, 1), (_CHANNELS, 3, 2, 1), *((_CHANNELS, 3, 1, 1),) * 3)
#: The convolution whose input is added to the output of the next one.
_SKIP = 2
#: Pixels of a side that are averaged before the scores.
_POOL = 2


@dataclass(frozen=True)
class ScenesRecipe(Recipe):
    """Hyper-parameters, never chosen on the test frames.

    Short runs, judged on 5,000 random training frames that were held out, showed that without settling,
    contrast and a stronger penalty (0.05) single frames reach a thousand times the usual value.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 2e-2
    label_smoothing: float = 0.05
    rise: float = 0.2
    settling: float = 0.8
    range_penalty: float = 0.5
    range_limit: float = 4.0
    bfloat16: bool = True
    #: Largest shift of an augmented frame in pixels, and change of its contrast; half of the frames are mirrored.
    shift: int = 4
    contrast: float = 0.2


RECIPE = ScenesRecipe()


def train_scenes(
    frames: NDArray[np.uint8],
    labels: NDArray[Any],
    *,
    epochs: int = DEFAULT_EPOCHS,
    seed: int = 0,
    progress: Progress | None = None,
    recipe: ScenesRecipe = RECIPE,
) -> Network:
    """Train the scenes network on frames (n, 32, 32, 3) uint8 and labels (n,) from 0 to 9.

    The same frames, seed and machine give the same weights. 50,000 frames take less than an hour.

    Raises `ConfigurationError` when PyTorch isn't installed or there are no epochs, and
    `FrameError` when frames or labels don't fit.
    """
    frames = check(frames, labels, FRAME_SHAPE, len(_LABELS))
    build = partial(ScenesModel, recipe=recipe)
    return train_model(build, recipe, frames, labels, epochs=epochs, seed=seed, progress=progress)


class ScenesModel(Model):
    """The network; the activations' coefficients are parameters of their own."""

    def __init__(self, torch: Any, recipe: ScenesRecipe) -> None:
        nn = torch.nn
        self._recipe = recipe
        self.frame_norm = nn.BatchNorm2d(FRAME_SHAPE[2], affine=False)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, _CHANNELS, kernel, stride, padding, bias=False)
            for channels, kernel, stride, padding in _CONVOLUTIONS
        ).to(memory_format=torch.channels_last)
        self.norms = nn.ModuleList(nn.BatchNorm2d(_CHANNELS) for _ in _CONVOLUTIONS)
        self.squares = nn.ParameterList(torch.full((_CHANNELS,), 0.25) for _ in _CONVOLUTIONS)
        self.slopes = nn.ParameterList(torch.full((_CHANNELS,), 0.5) for _ in _CONVOLUTIONS)
        self.scores = nn.Linear(_CHANNELS * (_SIZE // 4 // _POOL) ** 2, len(_LABELS))
        parts = (self.frame_norm, self.convs, self.norms, self.squares, self.slopes, self.scores)
        super().__init__(torch, parts)

    def prepare(self, frames: Any) -> Any:
        """The frames as (n, 3, 32, 32) in [0, 1]."""
        return frames.permute(0, 3, 1, 2).float() / 255

    def augment(self, frames: Any) -> Any:
        """The same, shifted at random, with what is missing mirrored at the edge, and half of them turned over."""
        torch, count, shift = self.torch, len(frames), self._recipe.shift
        places = torch.arange(_SIZE).expand(count, -1)
        turned = torch.where(torch.rand(count, 1) < 0.5, places.flip(1), places)
        rows, columns = (
            (_SIZE - 1) - ((_SIZE - 1) - (seen + torch.randint(-shift, shift + 1, (count, 1))).abs()).abs()
            for seen in (places, turned)
        )
        x = self.prepare(frames[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]])
        return 0.5 + (x - 0.5) * (1 + self._recipe.contrast * (2 * torch.rand(count, 1, 1, 1) - 1))

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, 10) of frames (n, 3, 32, 32) in [0, 1]."""
        activated: list[Any] = []
        x = skipped = self.frame_norm(x)
        for index, (conv, norm, a, b) in enumerate(zip(self.convs, self.norms, self.squares, self.slopes, strict=True)):
            if index == _SKIP:
                skipped = x
            x = conv(x)
            x = norm(x + skipped if index == _SKIP + 1 else x)
            activated.append(x)
            x = quadratic(x, a, b)
        return self.scores(self.torch.nn.functional.avg_pool2d(x, _POOL).flatten(1)), activated

    def to_network(self) -> Network:
        norm = self.frame_norm
        statistics, channels = (array(norm.running_mean), array(norm.running_var)), FRAME_SHAPE[2]
        layers: list[Layer] = [BatchNorm(*statistics, np.ones(channels), np.zeros(channels), norm.eps)]
        skipped = 0
        for index, (_, _, stride, padding) in enumerate(_CONVOLUTIONS):
            if index == _SKIP:
                skipped = len(layers) - 1
            layers.append(Conv2d(array(self.convs[index].weight), np.zeros(_CHANNELS), stride, padding))
            if index == _SKIP + 1:
                layers.append(Add(skipped))
            a, b = array(self.squares[index]), array(self.slopes[index])
            layers += [batch_norm(self.norms[index]), Polynomial(a, b, np.zeros(_CHANNELS))]
        dense = Dense(array(self.scores.weight), array(self.scores.bias))
        layers += [AvgPool2d(_POOL, _POOL), Flatten(), dense]
        return Network(name="scenes", frame_shape=FRAME_SHAPE, labels=_LABELS, layers=tuple(layers))
