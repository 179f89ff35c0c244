"""A trained network, trained further on a few pictures without forgetting what it could.

Four things keep little data from ruining it. Weights are pulled to where they started (L2-SP: X. Li, Y. Grandvalet,
F. Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018). A part of each
batch is replay: pictures that the network could tell apart before. Batch norm keeps its statistics. And the weights
that are kept are those of the epoch in which validation lost least, which may be the start.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.errors import ConfigurationError
from common.plan.network import Network
from models.training.layered import Augmentation, LayeredModel
from models.training.own.pictures import Examples
from models.training.trainer import Progress, import_torch, reproducible


@dataclass(frozen=True)
class FineTuning:
    """How a network is trained further; `epochs` at most, the fewer where validation gains nothing any more."""

    epochs: int = 40
    #: Batches of an epoch, at least: few pictures are seen several times in one, each time changed otherwise.
    least_batches: int = 25
    batch: int = 64
    #: Share of a batch that is replay, where there is any.
    replay: float = 0.25
    learning_rate: float = 3e-4
    #: Factor of the rate of the last layer where it learns new labels.
    new_labels_rate: float = 10.0
    #: Weight of the squared distance of all weights from where they started.
    pull: float = 1e-3
    label_smoothing: float = 0.02
    gradient_norm: float = 1.0
    #: Epochs without gain after which training ends.
    patience: int = 10
    augmentation: Augmentation = field(default_factory=Augmentation)


FINE_TUNING = FineTuning()


def fine_tune(
    network: Network,
    learned: Examples,
    validation: Examples,
    replay: Examples | None,
    *,
    new_labels: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    how: FineTuning = FINE_TUNING,
) -> Network:
    """Train a network further on `learned`; half of the replay is learned, half joins the validation.

    `new_labels` says that the last layer has labels that it never learned. The same examples, seed and machine give the
    same weights. Raises `ConfigurationError` when PyTorch isn't installed or there are no epochs.
    """
    torch = import_torch()
    if how.epochs < 1:
        raise ConfigurationError(f"epochs is {how.epochs}; train for at least 1")
    with reproducible(torch, seed):
        model = LayeredModel(torch, network, how.augmentation)
        model.keep_statistics()
        judged = [validation] if replay is None else [validation, _half(replay, 1)]
        trainer = _FineTuner(model, how, learned, None if replay is None else _half(replay, 0), new_labels)
        best, best_loss, best_epoch = copy.deepcopy(model.parts.state_dict()), _loss(model, judged), 0
        for epoch in range(1, how.epochs + 1):
            trainer.run_epoch()
            loss = _loss(model, judged)
            if loss < best_loss:
                best, best_loss, best_epoch = copy.deepcopy(model.parts.state_dict()), loss, epoch
            if progress is not None:
                progress(epoch, how.epochs, loss)
            if epoch - best_epoch >= how.patience:
                break
        model.parts.load_state_dict(best)
        return model.to_network()


def _half(examples: Examples, first: int) -> Examples:
    """Every second example: samples are often sorted by class."""
    return Examples(examples.frames[first::2], examples.labels[first::2])


def _loss(model: LayeredModel, judged: list[Examples]) -> float:
    """The mean cross entropy of each of several sets, and the mean of these."""
    torch = model.torch
    losses = []
    with torch.no_grad():
        for examples in judged:
            scores = [
                model.forward(model.prepare(torch.from_numpy(np.array(frames))))[0]
                for frames in np.array_split(examples.frames, math.ceil(len(examples.frames) / 500))
            ]
            labels = torch.from_numpy(np.array(examples.labels))
            losses.append(float(torch.nn.functional.cross_entropy(torch.cat(scores), labels)))
    return float(np.mean(losses))


class _FineTuner:
    """AdamW with a rate that falls to zero as a cosine."""

    def __init__(
        self, model: LayeredModel, how: FineTuning, learned: Examples, replay: Examples | None, new_labels: bool
    ) -> None:
        torch = model.torch
        self._model, self._how = model, how
        self._frames, self._labels = _tensors(torch, learned)
        self._replay = None if replay is None else _tensors(torch, replay)
        self._replayed = 0 if replay is None else round(how.replay * how.batch)
        # Rare classes are seen more often than they occur, but not as often as common ones: their pictures are alike.
        counts = np.bincount(learned.labels)
        self._chances = torch.from_numpy(1 / np.sqrt(counts[learned.labels]))
        self._batches = max(how.least_batches, math.ceil(len(learned.labels) / (how.batch - self._replayed)))
        self._parameters = [each for each in model.parts.parameters() if each.requires_grad]
        self._start = [each.detach().clone() for each in self._parameters]
        last = [*model.parts[-1].parameters()] if new_labels else []
        others = [each for each in self._parameters if not any(each is one for one in last)]
        groups = [{"params": others, "lr": how.learning_rate}]
        groups += [{"params": last, "lr": how.learning_rate * how.new_labels_rate}] if last else []
        self._optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimiser, how.epochs * self._batches)

    def run_epoch(self) -> None:
        """Learn from every picture about once."""
        for frames, labels in self._batch_of_each_step():
            self._step(frames, labels)

    def _batch_of_each_step(self) -> Iterator[tuple[Any, Any]]:
        torch, own = self._model.torch, self._how.batch - self._replayed
        for _ in range(self._batches):
            chosen = torch.multinomial(self._chances, own, replacement=True)
            frames, labels = self._frames[chosen], self._labels[chosen]
            if self._replay is not None:
                again = torch.randint(len(self._replay[1]), (self._replayed,))
                frames = torch.cat([frames, self._replay[0][again]])
                labels = torch.cat([labels, self._replay[1][again]])
            yield frames, labels

    def _step(self, frames: Any, labels: Any) -> None:
        torch, how = self._model.torch, self._how
        scores, _ = self._model.forward(self._model.augment(frames))
        loss = torch.nn.functional.cross_entropy(scores, labels, label_smoothing=how.label_smoothing)
        apart = sum(((now - start) ** 2).sum() for now, start in zip(self._parameters, self._start, strict=True))
        self._optimiser.zero_grad()
        (loss + how.pull * apart).backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, how.gradient_norm)
        self._optimiser.step()
        self._schedule.step()


def _tensors(torch: Any, examples: Examples) -> tuple[Any, Any]:
    return torch.from_numpy(np.array(examples.frames)), torch.from_numpy(np.array(examples.labels))
