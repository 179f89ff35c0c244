"""Training the shipped models, with PyTorch: `blindsight model train`.

The `digits` network is what the encrypted evaluation is fast at, found by measuring:

    crop 24×24 → conv 32 × 4×4, stride 2 → batch norm → a·x² + b·x
    → dense 64 → batch norm → a·x² + b·x → dense 10

Its 4×4 kernel has 16 offsets. The device lays the 121 windows of each offset out in a block of
128 slots, and 16 blocks repeat exactly within the 4096 slots of a ring of dimension 8192, so
that the convolution takes 6 rotations. A 5×5 kernel is no more accurate and takes more.
"""

import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.layers import BatchNorm, Conv2d, Crop, Dense, Flatten, Polynomial
from common.network import Network

DEFAULT_EPOCHS = 30

_LABELS = tuple("0123456789")
_FRAME, _CROP, _KERNEL, _STRIDE = 28, 24, 4, 2
_CHANNELS, _HIDDEN = 32, 64
_MARGIN = (_FRAME - _CROP) // 2
_WINDOWS = (_CROP - _KERNEL) // _STRIDE + 1
_CHUNK = 1000  # frames at a time where no gradients are kept

#: Called after each epoch with its number from 1 on, the number of epochs, and the mean loss.
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters, chosen on 5,000 random training frames that were held out, never on the test frames.

    Tried there without gain: a smooth random warp, a penalty on large activations.
    """

    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.02
    gradient_norm: float = 1.0
    #: Largest rotation in radians, scaling, shear, and shift in pixels of an augmented frame.
    rotation: float = 0.2
    scaling: float = 0.12
    shear: float = 0.15
    shift: float = 2.0


RECIPE = Recipe()


def train_digits(
    frames: NDArray[np.uint8],
    labels: NDArray[Any],
    *,
    epochs: int = DEFAULT_EPOCHS,
    seed: int = 0,
    progress: Progress | None = None,
    recipe: Recipe = RECIPE,
) -> Network:
    """Train the digits network on frames (n, 28, 28) uint8 and labels (n,) from 0 to 9.

    The same frames, seed and machine give the same weights. 60,000 frames take a few minutes.

    Raises `ConfigurationError` when PyTorch isn't installed or there are no epochs, and
    `FrameError` when frames or labels don't fit.
    """
    torch = _import_torch()
    if epochs < 1:
        raise ConfigurationError(f"epochs is {epochs}; train for at least 1")
    _check(frames, labels)
    with _reproducible(torch, seed):
        inputs, targets = torch.from_numpy(np.array(frames)), torch.from_numpy(labels.astype(np.int64))
        model = _Model(torch)
        trainer = _Trainer(torch, model, recipe, epochs, len(inputs))
        for epoch in range(1, epochs + 1):
            loss = trainer.run_epoch(inputs, targets)
            if progress is not None:
                progress(epoch, epochs, loss)
        model.settle_statistics(inputs)
        return model.to_network()


class _Model:
    """The network as PyTorch modules; the activations' coefficients are parameters of their own."""

    def __init__(self, torch: Any) -> None:
        nn = torch.nn
        self._torch = torch
        self.conv = nn.Conv2d(1, _CHANNELS, _KERNEL, _STRIDE)
        self.norm = nn.BatchNorm2d(_CHANNELS)
        self.hidden = nn.Linear(_CHANNELS * _WINDOWS**2, _HIDDEN)
        self.hidden_norm = nn.BatchNorm1d(_HIDDEN)
        self.scores = nn.Linear(_HIDDEN, len(_LABELS))
        self.coefficients = nn.ParameterList(
            torch.full((channels,), value) for channels in (_CHANNELS, _HIDDEN) for value in (0.25, 0.5)
        )

    def parameters(self) -> list[Any]:
        """All that is learned."""
        modules = (self.conv, self.norm, self.hidden, self.hidden_norm, self.scores, self.coefficients)
        return [parameter for module in modules for parameter in module.parameters()]

    def forward(self, x: Any) -> Any:
        """Scores (n, 10) of cropped frames (n, 1, 24, 24) in [0, 1].

        Batch norm uses the batch's own statistics, as it does in training.
        """
        a, b, hidden_a, hidden_b = self.coefficients
        x = self.norm(self.conv(x))
        x = (a.view(-1, 1, 1) * x + b.view(-1, 1, 1)) * x
        x = self.hidden_norm(self.hidden(x.flatten(1)))
        x = (hidden_a * x + hidden_b) * x
        return self.scores(x)

    def settle_statistics(self, frames: Any) -> None:
        """Take batch norm's statistics anew from real frames: augmented ones have others.

        The frames are shuffled: data sets are often sorted by class, and a batch of one class varies less.
        """
        for norm in (self.norm, self.hidden_norm):
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over all batches
        centre = slice(_MARGIN, _MARGIN + _CROP)
        order = self._torch.randperm(len(frames))
        with self._torch.no_grad():
            for batch in self._torch.tensor_split(order, math.ceil(len(frames) / _CHUNK)):
                self.forward(frames[batch, None, centre, centre].float() / 255)

    def to_network(self) -> Network:
        """The trained network, whose weights are exact in float32."""
        a, b, hidden_a, hidden_b = map(_array, self.coefficients)
        return Network(
            name="digits",
            frame_shape=(_FRAME, _FRAME, 1),
            labels=_LABELS,
            layers=(
                Crop(_MARGIN, _MARGIN, _CROP, _CROP),
                Conv2d(_array(self.conv.weight), _array(self.conv.bias), _STRIDE),
                _batch_norm(self.norm),
                Polynomial(a, b, np.zeros_like(a)),
                Flatten(),
                Dense(_array(self.hidden.weight), _array(self.hidden.bias)),
                _batch_norm(self.hidden_norm),
                Polynomial(hidden_a, hidden_b, np.zeros_like(hidden_a)),
                Dense(_array(self.scores.weight), _array(self.scores.bias)),
            ),
        )


class _Trainer:
    """AdamW with a rate that rises over the first third and falls to zero, on augmented frames."""

    def __init__(self, torch: Any, model: _Model, recipe: Recipe, epochs: int, frames: int) -> None:
        self._torch, self._model, self._recipe = torch, model, recipe
        self._batches = frames // min(recipe.batch, frames)
        self._optimiser = torch.optim.AdamW(
            model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, max_lr=recipe.learning_rate, total_steps=epochs * self._batches
        )

    def run_epoch(self, frames: Any, labels: Any) -> float:
        """One pass over the frames in random order; the mean loss."""
        size = min(self._recipe.batch, len(frames))
        order = self._torch.randperm(len(frames))[: self._batches * size]
        losses = [self._step(frames[batch], labels[batch]) for batch in order.split(size)]
        return float(np.mean(losses))

    def _step(self, frames: Any, labels: Any) -> float:
        torch, recipe = self._torch, self._recipe
        functional = torch.nn.functional
        scores = self._model.forward(_augment(torch, frames, recipe))
        loss = functional.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), recipe.gradient_norm)
        self._optimiser.step()
        self._schedule.step()
        return float(loss.item())


def _augment(torch: Any, frames: Any, recipe: Recipe) -> Any:
    """Randomly moved, turned and sheared crops (n, 1, 24, 24) in [0, 1] of uint8 frames (n, 28, 28)."""
    count, functional = len(frames), torch.nn.functional

    def uniform(bound: float, *shape: int) -> Any:
        return (torch.rand(count, *shape) * 2 - 1) * bound

    angle, scale, shear = uniform(recipe.rotation), 1 + uniform(recipe.scaling), uniform(recipe.shear)
    matrix = torch.stack([angle.cos() * scale, shear - angle.sin() * scale, angle.sin() * scale, angle.cos() * scale])
    # Coordinates run from -1 to 1 over the whole frame, of which the crop is the middle.
    matrix = matrix.T.reshape(count, 2, 2) * (_CROP / _FRAME)
    affine = torch.cat([matrix, uniform(recipe.shift * 2 / _FRAME, 2, 1)], dim=2)
    grid = functional.affine_grid(affine, (count, 1, _CROP, _CROP), align_corners=False)
    return functional.grid_sample(frames[:, None].float() / 255, grid, align_corners=False)


def _import_torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ConfigurationError(
            'training needs PyTorch, which isn\'t installed; run: pip install "blindsight[train]"'
        ) from error


@contextmanager
def _reproducible(torch: Any, seed: int) -> Iterator[None]:
    """One seed, one thread (sums depend on how they are split) and no algorithm that varies."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict)


def _check(frames: NDArray[Any], labels: NDArray[Any]) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 3 or frames.shape[1:] != (_FRAME, _FRAME):
        raise FrameError(f"frames have shape {frames.shape} and type {frames.dtype}; give (n, 28, 28) and uint8")
    if len(frames) < 2:
        raise FrameError(f"frames has {len(frames)}; batch norm needs at least 2, a useful network thousands")
    if labels.shape != (len(frames),) or not np.isin(labels, range(len(_LABELS))).all():
        raise FrameError(f"labels have shape {labels.shape}; give one from 0 to 9 for each of {len(frames)} frames")


def _batch_norm(norm: Any) -> BatchNorm:
    statistics = _array(norm.running_mean), _array(norm.running_var)
    return BatchNorm(*statistics, _array(norm.weight), _array(norm.bias), norm.eps)


def _array(tensor: Any) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().numpy(), dtype=np.float64)
