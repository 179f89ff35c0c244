"""The trainer that all recipes share. The same frames, seed and machine give the same weights."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.installed import install_command
from common.plan.network import Network
from models.training.trainable import Model, Progress, Recipe, Trainable


@dataclass(frozen=True)
class Training:
    """How a model is trained: the function, the frames it takes, the epochs it needs, activations to choose from."""

    train: Callable[..., Network]
    frame_shape: tuple[int, int, int]
    epochs: int
    activations: tuple[str, ...] = ()


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
    check_epochs(epochs)
    torch = import_torch()
    with reproducible(torch, seed):
        model = build(torch)
        run_epochs(model, recipe, *tensors(torch, frames, labels), epochs, progress)
        return model.to_network()


def tensors(torch: Any, frames: NDArray[np.uint8], labels: NDArray[Any]) -> tuple[Any, Any]:
    """Frames and labels as `run_epochs` takes them."""
    return torch.from_numpy(np.array(frames)), torch.from_numpy(_targets(labels))


def run_epochs(
    model: Trainable,
    recipe: Recipe,
    frames: Any,
    labels: Any,
    epochs: int,
    progress: Progress | None,
    teacher: Trainable | None = None,
) -> None:
    """Train a model for some epochs, where there is a teacher also on its scores, and settle its statistics in time."""
    trainer = _Trainer(model, recipe, epochs, len(frames), teacher)
    settled_after = max(1, round(epochs * recipe.settling))
    for epoch in range(1, epochs + 1):
        loss = trainer.run_epoch(frames, labels)
        if progress is not None:
            progress(epoch, epochs, loss)
        if epoch == settled_after:
            model.settle_statistics(frames)
            trainer.free_scales()


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


def check_epochs(epochs: int) -> None:
    """Raise `ConfigurationError` when there are no epochs."""
    if epochs < 1:
        raise ConfigurationError(f"epochs is {epochs}; train for at least 1")


def _targets(labels: NDArray[Any]) -> NDArray[Any]:
    return labels.astype(np.float32 if labels.ndim == 2 else np.int64)


class _Trainer:
    """AdamW, and Muon for matrices, with rates that rise and then fall to zero, on augmented frames."""

    def __init__(self, model: Trainable, recipe: Recipe, epochs: int, frames: int, teacher: Trainable | None) -> None:
        self._model, self._recipe, self._teacher = model, recipe, teacher
        self._torch = torch = model.torch
        self._batches = frames // min(recipe.batch, frames)
        self._parameters = list(model.parts.parameters())
        self._matrices = list(model.matrices)
        known = {id(matrix) for matrix in self._matrices}
        others = [parameter for parameter in self._parameters if id(parameter) not in known]
        rates = [recipe.learning_rate]
        self._optimisers = [torch.optim.AdamW(others, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)]
        if self._matrices:
            rates.append(recipe.matrix_rate)
            self._optimisers.append(muon(torch)(self._matrices, lr=recipe.matrix_rate, weight_decay=0.0))
        self._schedules = [
            torch.optim.lr_scheduler.OneCycleLR(
                optimiser, rate, total_steps=epochs * self._batches, pct_start=recipe.rise
            )
            for optimiser, rate in zip(self._optimisers, rates, strict=True)
        ]

    def run_epoch(self, frames: Any, labels: Any) -> float:
        """One pass over the frames in random order; the mean loss."""
        size = min(self._recipe.batch, len(frames))
        order = self._torch.randperm(len(frames))[: self._batches * size]
        losses = [self._step(frames[batch], labels[batch]) for batch in order.split(size)]
        return float(np.mean(losses))

    def free_scales(self) -> None:
        """Let the matrices have any scale from now on: statistics that are settled don't make up for it."""
        self._matrices = []

    def _step(self, frames: Any, labels: Any) -> float:
        torch, recipe = self._torch, self._recipe
        x = self._model.augment(frames)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            scores, activated = self._model.forward(x)
        loss = self._loss(scores.float(), labels, x)
        penalised = loss + recipe.range_penalty * self._excess(activated) if recipe.range_penalty else loss
        for optimiser in self._optimisers:
            optimiser.zero_grad()
        penalised.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, recipe.gradient_norm)
        for optimiser, schedule in zip(self._optimisers, self._schedules, strict=True):
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            for matrix in self._matrices:
                matrix.mul_(len(matrix) ** 0.5 / matrix.norm())
        return float(loss.item())

    def _loss(self, scores: Any, labels: Any, x: Any) -> Any:
        """The cross-entropy of scores, or its mean with the distance from the teacher's scores for the same frames."""
        torch, recipe = self._torch, self._recipe
        functional = torch.nn.functional
        own = functional.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing)
        if self._teacher is None:
            return own
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            taught, _ = self._teacher.forward(x)
        heat = recipe.temperature
        wanted = functional.log_softmax(taught.float() / heat, dim=1)
        distance = functional.kl_div(
            functional.log_softmax(scores / heat, dim=1), wanted, reduction="batchmean", log_target=True
        )
        return (1 - recipe.distillation) * own + recipe.distillation * heat**2 * distance

    def _excess(self, activated: list[Any]) -> Any:
        """The mean square of what lies beyond the limit, summed over the activations."""
        torch, limit = self._torch, self._recipe.range_limit
        beyond = [torch.nn.functional.softshrink(x, limit) for x in activated]
        return sum(torch.linalg.vector_norm(x, dtype=torch.float32) ** 2 / x.numel() for x in beyond)


def muon(torch: Any) -> Any:
    """PyTorch's Muon. Raises `ConfigurationError` where it is older than Muon."""
    if not hasattr(torch.optim, "Muon"):
        raise ConfigurationError(
            f"PyTorch is {torch.__version__}, and training needs 2.9 or later; run: {install_command('torch>=2.9')}"
        )
    return torch.optim.Muon


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
