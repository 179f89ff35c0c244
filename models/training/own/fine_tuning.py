"""A trained network, trained further on a few pictures without forgetting what it could.

Four things keep little data from ruining it. Weights are pulled to where they started (L2-SP: X. Li, Y. Grandvalet,
F. Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018). A part of each
batch is replay: frames that the network knew, with what it said of them. Batch norm keeps its statistics. And the
weights that are kept are those of the epoch in which validation lost least, which may be the start.
"""

import copy
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from common.errors import ConfigurationError
from common.plan.network import Network
from models.training.layered import Augmentation, LayeredModel
from models.training.own.pictures import Examples
from models.training.own.replay import Replay
from models.training.trainable import Progress
from models.training.trainer import import_torch, reproducible

#: Frames that pass the network at a time where no gradients are kept.
_CHUNK = 500


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
    replay: Replay | None,
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
        labels = len(network.labels)
        judged = [_Taught.of(torch, validation, labels, 0.0)]
        taught, repeated = _Taught.of(torch, learned, labels, how.label_smoothing), None
        if replay is not None:
            repeated, kept_back = (_Taught.of_replay(torch, replay.half(first)) for first in (0, 1))
            judged.append(kept_back)
        trainer = _FineTuner(model, how, taught, repeated, new_labels)
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


class _Taught(NamedTuple):
    """PyTorch's tensors: frames (n, h, w, c) uint8, and the probability (n, labels) that each label shall have."""

    frames: Any
    targets: Any

    @classmethod
    def of(cls, torch: Any, examples: Examples, labels: int, smoothing: float) -> "_Taught":
        """Of examples, whose labels leave a share of `smoothing` to all labels alike."""
        targets = examples.targets(labels) * np.float32(1 - smoothing) + np.float32(smoothing / labels)
        return cls(torch.from_numpy(np.array(examples.frames)), torch.from_numpy(targets))

    @classmethod
    def of_replay(cls, torch: Any, replay: Replay) -> "_Taught":
        """Of a replay, as it is."""
        return cls(torch.from_numpy(np.array(replay.frames)), torch.from_numpy(np.array(replay.probabilities)))


def _loss(model: LayeredModel, judged: list[_Taught]) -> float:
    """The mean cross entropy of each of several sets, and the mean of these."""
    torch = model.torch
    losses = []
    with torch.no_grad():
        for taught in judged:
            scores = [model.forward(model.prepare(frames))[0] for frames in taught.frames.split(_CHUNK)]
            losses.append(float(torch.nn.functional.cross_entropy(torch.cat(scores), taught.targets)))
    return float(np.mean(losses))


class _FineTuner:
    """AdamW with a rate that falls to zero as a cosine."""

    def __init__(
        self, model: LayeredModel, how: FineTuning, learned: _Taught, replay: _Taught | None, new_labels: bool
    ) -> None:
        torch = model.torch
        self._model, self._how, self._learned, self._replay = model, how, learned, replay
        self._replayed = 0 if replay is None else round(how.replay * how.batch)
        # Rare classes are seen more often than they occur, but not as often as common ones: their pictures are alike.
        classes = learned.targets.argmax(dim=1)
        self._chances = classes.bincount()[classes].float().rsqrt()
        self._batches = max(how.least_batches, math.ceil(len(classes) / (how.batch - self._replayed)))
        self._parameters = list(model.parts.parameters())
        self._start = [each.detach().clone() for each in self._parameters]
        last = [*model.parts[-1].parameters()] if new_labels else []
        others = [each for each in self._parameters if not any(each is one for one in last)]
        groups = [{"params": others, "lr": how.learning_rate}]
        groups += [{"params": last, "lr": how.learning_rate * how.new_labels_rate}] if last else []
        self._optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimiser, how.epochs * self._batches)

    def run_epoch(self) -> None:
        """Learn from every picture about once, or several times where there are few."""
        torch, own = self._model.torch, self._how.batch - self._replayed
        for _ in range(self._batches):
            chosen = torch.multinomial(self._chances, own, replacement=True)
            frames, targets = self._learned.frames[chosen], self._learned.targets[chosen]
            if self._replay is not None:
                again = torch.randint(len(self._replay.frames), (self._replayed,))
                frames = torch.cat([frames, self._replay.frames[again]])
                targets = torch.cat([targets, self._replay.targets[again]])
            self._step(frames, targets)

    def _step(self, frames: Any, targets: Any) -> None:
        torch = self._model.torch
        scores, _ = self._model.forward(self._model.augment(frames))
        loss = torch.nn.functional.cross_entropy(scores, targets)
        apart = sum(((now - start) ** 2).sum() for now, start in zip(self._parameters, self._start, strict=True))
        self._optimiser.zero_grad()
        (loss + self._how.pull * apart).backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, self._how.gradient_norm)
        self._optimiser.step()
        self._schedule.step()
