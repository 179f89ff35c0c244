"""The recipe of `digits`, whose network is what the encrypted evaluation is fast at, found by measuring:

    crop 24×24 → conv 32 × 4×4, stride 2 → batch norm → a·x² + b·x
    → dense 64 → batch norm → a·x² + b·x → dense 10

Its 4×4 kernel has 16 offsets. The device lays the 121 windows of each offset out in a block of
128 slots, and 16 blocks repeat exactly within the 4096 slots of a ring of dimension 8192, so
that the convolution takes 6 rotations. A 5×5 kernel is no more accurate and takes more.

Two other activations make the networks that are compared with the paper's (`docs/paper.md`): x² + 2x,
whose coefficients aren't learned, and none, which leaves a linear network.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Conv2d, Crop, Dense, Flatten, Layer, Polynomial
from common.plan.network import Network
from models.training.trainable import Model, Progress, Recipe, array, batch_norm, quadratic
from models.training.trainer import check, train_model

#: Passes over the training frames.
DEFAULT_EPOCHS = 30
#: Height, width and channels of a frame.
FRAME_SHAPE = (28, 28, 1)

Activation = Literal["learned", "x2+2x", "none"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
_NAMES: dict[Activation, str] = {"learned": "digits", "x2+2x": "digits-x2+2x", "none": "digits-linear"}

_LABELS = tuple("0123456789")
#: Pixels of a side: of the frame, of what is cut out of its middle, of the kernel, and of the kernel's stride.
_FRAME, CROP, _KERNEL, _STRIDE = 28, 24, 4, 2
#: Channels of the convolution, and units of the hidden layer.
_CHANNELS, _HIDDEN = 32, 64
#: Pixels that are cut off on each side.
_MARGIN = (_FRAME - CROP) // 2
#: Places of the kernel in a row.
_WINDOWS = (CROP - _KERNEL) // _STRIDE + 1


@dataclass(frozen=True)
class DigitsRecipe(Recipe):
    """Hyper-parameters, chosen on 5,000 random training frames that were held out, never on the test frames.

    Tried there without gain: a smooth random warp, a penalty on large activations.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.02
    #: Largest rotation in radians, scaling, shear, and shift in pixels of an augmented frame.
    rotation: float = 0.2
    scaling: float = 0.12
    shear: float = 0.15
    shift: float = 2.0


RECIPE = DigitsRecipe()


def train_digits(
    frames: NDArray[np.uint8],
    labels: NDArray[Any],
    *,
    epochs: int = DEFAULT_EPOCHS,
    seed: int = 0,
    progress: Progress | None = None,
    activation: Activation = "learned",
    recipe: DigitsRecipe = RECIPE,
) -> Network:
    """Train the digits network on frames (n, 28, 28) uint8 and labels (n,) from 0 to 9.

    The activation is a·x² + b·x with a and b learned for each channel, x² + 2x, or none.
    The same frames, seed and machine give the same weights. 60,000 frames take a few minutes.

    Raises `ConfigurationError` when PyTorch isn't installed or there are no epochs, and
    `FrameError` when frames or labels don't fit.
    """
    frames = check(frames, labels, FRAME_SHAPE, len(_LABELS))
    build = partial(DigitsModel, activation=activation, recipe=recipe)
    return train_model(build, recipe, frames, labels, epochs=epochs, seed=seed, progress=progress)


class DigitsModel(Model):
    """The network; the coefficients of learned activations are parameters of their own."""

    def __init__(
        self, torch: Any, activation: Activation, recipe: DigitsRecipe, labels: tuple[str, ...] = _LABELS
    ) -> None:
        nn = torch.nn
        self._activation, self._recipe, self._labels = activation, recipe, labels
        self.conv = nn.Conv2d(1, _CHANNELS, _KERNEL, _STRIDE)
        self.norm = nn.BatchNorm2d(_CHANNELS)
        self.hidden = nn.Linear(_CHANNELS * _WINDOWS**2, _HIDDEN)
        self.hidden_norm = nn.BatchNorm1d(_HIDDEN)
        self.scores = nn.Linear(_HIDDEN, len(labels))
        start = (0.25, 0.5) if activation == "learned" else (1.0, 2.0)
        self.coefficients = nn.ParameterList(
            nn.Parameter(torch.full((channels,), value), requires_grad=activation == "learned")
            for channels in (_CHANNELS, _HIDDEN)
            for value in start
        )
        parts = (self.conv, self.norm, self.hidden, self.hidden_norm, self.scores, self.coefficients)
        super().__init__(torch, parts)

    def prepare(self, frames: Any) -> Any:
        """The middle of each frame, (n, 1, 24, 24) in [0, 1]."""
        centre = slice(_MARGIN, _MARGIN + CROP)
        return frames[:, None, centre, centre, 0].float() / 255

    def augment(self, frames: Any) -> Any:
        """Randomly moved, turned and sheared crops (n, 1, 24, 24) in [0, 1]."""
        torch, recipe, count = self.torch, self._recipe, len(frames)

        def uniform(bound: float, *shape: int) -> Any:
            return (torch.rand(count, *shape) * 2 - 1) * bound

        angle, scale, shear = uniform(recipe.rotation), 1 + uniform(recipe.scaling), uniform(recipe.shear)
        rows = [angle.cos() * scale, shear - angle.sin() * scale, angle.sin() * scale, angle.cos() * scale]
        # Coordinates run from -1 to 1 over the whole frame, of which the crop is the middle.
        matrix = torch.stack(rows).T.reshape(count, 2, 2) * (CROP / _FRAME)
        affine = torch.cat([matrix, uniform(recipe.shift * 2 / _FRAME, 2, 1)], dim=2)
        functional = torch.nn.functional
        grid = functional.affine_grid(affine, (count, 1, CROP, CROP), align_corners=False)
        return functional.grid_sample(frames[:, None, :, :, 0].float() / 255, grid, align_corners=False)

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels) of cropped frames (n, 1, 24, 24) in [0, 1]."""
        first = self.norm(self.conv(x))
        second = self.hidden_norm(self.hidden(self._activate(0, first).flatten(1)))
        return self.scores(self._activate(1, second)), [first, second]

    def _activate(self, place: int, x: Any) -> Any:
        return x if self._activation == "none" else quadratic(x, *self.coefficients[2 * place : 2 * place + 2])

    def _activation_layers(self, place: int) -> tuple[Layer, ...]:
        a, b = map(array, self.coefficients[2 * place : 2 * place + 2])
        return () if self._activation == "none" else (Polynomial(a, b, np.zeros_like(a)),)

    def to_network(self) -> Network:
        return Network(
            name=_NAMES[self._activation],
            frame_shape=FRAME_SHAPE,
            labels=self._labels,
            layers=(
                Crop(_MARGIN, _MARGIN, CROP, CROP),
                Conv2d(array(self.conv.weight), array(self.conv.bias), _STRIDE),
                batch_norm(self.norm),
                *self._activation_layers(0),
                Flatten(),
                Dense(array(self.hidden.weight), array(self.hidden.bias)),
                batch_norm(self.hidden_norm),
                *self._activation_layers(1),
                Dense(array(self.scores.weight), array(self.scores.bias)),
            ),
        )
