"""The trainer that all recipes share. The same frames, seed and machine give the same weights."""

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.installed import install_command
from common.plan.layers import BatchNorm
from common.plan.network import Network

#: Frames that pass the network at a time where no gradients are kept.
_CHUNK = 1000

#: Called after each epoch with its number from 1 on, the number of epochs, and the mean loss.
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Training:
    """How a model is trained: the function, the frames it takes, the epochs it needs, activations to choose from."""

    train: Callable[..., Network]
    frame_shape: tuple[int, int, int]
    epochs: int
    activations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """What every recipe sets. Each model's own adds how its frames are augmented."""

    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    gradient_norm: float = 1.0
    #: The part of the training in which the rate rises; after it, it falls to zero.
    rise: float = 0.3
    #: The part of the training after which batch norm keeps its statistics, and frames meet the network as it will be.
    settling: float = 1.0
    #: Weight of the penalty on activations' inputs beyond ±`range_limit`: the mean square of what is beyond.
    range_penalty: float = 0.0
    range_limit: float = 4.0
    #: Compute convolutions in bfloat16, which some processors do twice as fast.
    bfloat16: bool = False


class Model(ABC):
    """A network as PyTorch modules. Batch norm uses the batch's own statistics until they are settled."""

    def __init__(self, torch: Any, parts: Iterable[Any]) -> None:
        self.torch = torch
        self.parts = torch.nn.ModuleList(parts)

    @abstractmethod
    def prepare(self, frames: Any) -> Any:
        """uint8 frames (n, h, w, c) as `forward` takes them."""

    @abstractmethod
    def augment(self, frames: Any) -> Any:
        """The same with random changes, for training."""

    @abstractmethod
    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels), and the inputs of the activations."""

    @abstractmethod
    def to_network(self) -> Network:
        """The trained network, whose weights are exact in float32."""

    def settle_statistics(self, frames: Any) -> None:
        """Take batch norm's statistics anew from real frames, augmented ones have others, and keep to them.

        The frames are shuffled: data sets are often sorted by class, and a batch of one class varies less.
        """
        for part in self.parts.modules():
            if hasattr(part, "reset_running_stats"):
                part.reset_running_stats()
                part.momentum = None  # the plain mean over all batches
        order = self.torch.randperm(len(frames))
        with self.torch.no_grad():
            for batch in self.torch.tensor_split(order, math.ceil(len(frames) / _CHUNK)):
                self.forward(self.prepare(frames[batch]))
        self.parts.eval()


def train_model(
    build: Callable[[Any], Model],
    recipe: Recipe,
    frames: NDArray[np.uint8],
    labels: NDArray[Any],
    *,
    epochs: int,
    seed: int,
    progress: Progress | None,
) -> Network:
    """Train the model that `build` makes of PyTorch on frames (n, h, w, c) and labels that `check` has seen.

    Labels may also be float32 (n, labels): how right each label is for a frame, with the sum 1.

    Raises `ConfigurationError` when PyTorch isn't installed or there are no epochs.
    """
    torch = import_torch()
    if epochs < 1:
        raise ConfigurationError(f"epochs is {epochs}; train for at least 1")
    with reproducible(torch, seed):
        inputs, targets = torch.from_numpy(np.array(frames)), torch.from_numpy(_targets(labels))
        model = build(torch)
        trainer = _Trainer(model, recipe, epochs, len(inputs))
        settled_after = max(1, round(epochs * recipe.settling))
        for epoch in range(1, epochs + 1):
            loss = trainer.run_epoch(inputs, targets)
            if progress is not None:
                progress(epoch, epochs, loss)
            if epoch == settled_after:
                model.settle_statistics(inputs)
        return model.to_network()


def check(frames: NDArray[Any], labels: NDArray[Any], shape: tuple[int, int, int], classes: int) -> NDArray[np.uint8]:
    """The frames as (n, h, w, c). Raises `FrameError` when frames or labels don't fit."""
    height, width, channels = shape
    images = frames[..., None] if frames.ndim == 3 and channels == 1 else frames
    if frames.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != shape:
        wanted = f"(n, {height}, {width})" if channels == 1 else f"(n, {height}, {width}, {channels})"
        raise FrameError(f"frames have shape {frames.shape} and type {frames.dtype}; give {wanted} and uint8")
    if len(frames) < 2:
        raise FrameError(f"frames has {len(frames)}; batch norm needs at least 2, a useful network thousands")
    if labels.shape != (len(frames),) or not np.isin(labels, range(classes)).all():
        raise FrameError(
            f"labels have shape {labels.shape}; give one from 0 to {classes - 1} for each of {len(frames)} frames"
        )
    return images


def _targets(labels: NDArray[Any]) -> NDArray[Any]:
    return labels.astype(np.float32 if labels.ndim == 2 else np.int64)


class _Trainer:
    """AdamW with a rate that rises and then falls to zero, on augmented frames."""

    def __init__(self, model: Model, recipe: Recipe, epochs: int, frames: int) -> None:
        self._model, self._recipe = model, recipe
        self._torch = model.torch
        self._batches = frames // min(recipe.batch, frames)
        self._parameters = list(model.parts.parameters())
        self._optimiser = self._torch.optim.AdamW(
            self._parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._schedule = self._torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, recipe.learning_rate, total_steps=epochs * self._batches, pct_start=recipe.rise
        )

    def run_epoch(self, frames: Any, labels: Any) -> float:
        """One pass over the frames in random order; the mean loss."""
        size = min(self._recipe.batch, len(frames))
        order = self._torch.randperm(len(frames))[: self._batches * size]
        losses = [self._step(frames[batch], labels[batch]) for batch in order.split(size)]
        return float(np.mean(losses))

    def _step(self, frames: Any, labels: Any) -> float:
        torch, recipe = self._torch, self._recipe
        x = self._model.augment(frames)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            scores, activated = self._model.forward(x)
        loss = torch.nn.functional.cross_entropy(scores.float(), labels, label_smoothing=recipe.label_smoothing)
        penalised = loss + recipe.range_penalty * self._excess(activated) if recipe.range_penalty else loss
        self._optimiser.zero_grad()
        penalised.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, recipe.gradient_norm)
        self._optimiser.step()
        self._schedule.step()
        return float(loss.item())

    def _excess(self, activated: list[Any]) -> Any:
        """The mean square of what lies beyond the limit, summed over the activations."""
        torch, limit = self._torch, self._recipe.range_limit
        beyond = [torch.nn.functional.softshrink(x, limit) for x in activated]
        return sum(torch.linalg.vector_norm(x, dtype=torch.float32) ** 2 / x.numel() for x in beyond)


def quadratic(x: Any, a: Any, b: Any) -> Any:
    """a·x² + b·x with coefficients for each channel."""
    shape = (-1, *(1,) * (x.ndim - 2))
    return (a.view(shape).to(x.dtype) * x + b.view(shape).to(x.dtype)) * x


def batch_norm(norm: Any) -> BatchNorm:
    """PyTorch's batch norm as a layer."""
    statistics = array(norm.running_mean), array(norm.running_var)
    return BatchNorm(*statistics, array(norm.weight), array(norm.bias), norm.eps)


def array(tensor: Any) -> NDArray[np.float64]:
    """PyTorch's tensor for a layer."""
    return np.asarray(tensor.detach().numpy(), dtype=np.float64)


def import_torch() -> Any:
    """The module `torch`. Raises `ConfigurationError` where it isn't installed."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ConfigurationError(
            f"training needs PyTorch, which isn't installed; run: {install_command('torch')}"
        ) from error


@contextmanager
def reproducible(torch: Any, seed: int) -> Iterator[None]:
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
