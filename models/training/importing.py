"""An imported network trained further, with its polynomials in place, until it decides as the original does.

The original teaches (G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015). It scores
each frame just as the frame was changed for the network that learns (L. Beyer et al., "Knowledge distillation: A good
teacher is patient and consistent", CVPR 2022), so that few frames go far, with or without labels.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.installed import install_command
from common.plan.network import Network
from compiler.onnx.draft.draft import Item
from compiler.onnx.fits.choosing import Progress
from compiler.onnx.importing import Refine
from models.training.distillation import DISTILLATION, Distillation, Learner
from models.training.layered import LayeredModel
from models.training.original import Original
from models.training.student import Student
from models.training.trainer import import_torch

#: Frames that pass the network at a time where no gradients are kept.
_CHUNK = 500
#: Frames that the statistics of polynomials' inputs are taken from, and that say whether frames may be mirrored.
_SAMPLE = 500
#: Judged frames whose labels all agree, at least, for training to end before its time: then over 99 % of all do, with a
#: certainty of 95 %.
_CERTAIN = 300


def fine_tuner(minutes: float, how: Distillation = DISTILLATION) -> Refine:
    """What trains an imported network for so many minutes.

    Raises `ConfigurationError` where PyTorch isn't installed or too old, or there is no time: before anything long has
    begun.
    """
    torch = import_torch()
    if not hasattr(torch.optim, "Muon"):
        raise ConfigurationError(
            f"fine-tuning needs PyTorch 2.9 or later, and {torch.__version__} is installed; run: "
            f"{install_command('torch>=2.9')}"
        )
    if not 0 < minutes < math.inf:
        raise ConfigurationError(f"finetune is {minutes:g}; give the minutes that it may take, above 0")
    return partial(_fine_tune, minutes=minutes, how=how)


def _fine_tune(
    original: Sequence[Item],
    network: Network,
    frames: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]] | None,
    progress: Progress,
    *,
    minutes: float,
    how: Distillation,
) -> Network:
    """Train an imported network for that many minutes at most, on frames (n, h, w, c) and the original's scores.

    `original` are the items of the draft, with exact activations and max pooling; `labels` are indices of the true
    labels, where they are known. The weights that are given back are the best that were seen, judged by frames that
    weren't learned from; they may be the first ones. Raises `FrameError` where there are too few frames.
    """
    torch = import_torch()
    if len(frames) < 2:
        raise FrameError(f"{len(frames)} frame can't be learned from and judged by; give hundreds")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        teacher = Original(torch, network, original)
        order = torch.randperm(len(frames)).numpy()
        judged, learned = np.split(order, [max(1, min(how.most_judged, round(how.judged * len(frames))))])
        mirrored = teacher.agreement_mirrored(frames[judged[:_SAMPLE]]) >= how.agreement_mirrored
        student = Student(torch, network, replace(how.augmentation, mirrored=mirrored), frames[learned[:_SAMPLE]])
        clock = _Clock(minutes * 60, monotonic())
        judge = _Judge(student, teacher, frames[judged])
        learner = Learner(student, teacher, frames[learned], None if labels is None else labels[learned], how)
        best = judge.standing()
        for number in range(1, how.judgements + 1):
            if best.agreement == 1 and len(judged) >= _CERTAIN:
                break  # there is hardly anything to gain
            while clock.share() < number / how.judgements:
                learner.step(clock.share())
                progress(_told(clock, best), clock.share())
            found = judge.standing()
            best = found if found.better_than(best) else best
            if not math.isfinite(found.distance):
                student.parts.load_state_dict(best.weights)
        student.parts.load_state_dict(best.weights)
        return student.to_network()


class _Clock(NamedTuple):
    seconds: float
    start: float

    def share(self) -> float:
        """The share of the time that has passed, at most 1."""
        return min((monotonic() - self.start) / self.seconds, 1.0)

    def left(self) -> str:
        """The time that is left, for people."""
        minutes, seconds = divmod(round(self.seconds * (1 - self.share())), 60)
        return f"{minutes}:{seconds:02d}"


class _Standing(NamedTuple):
    """Weights, the share of labels that agree with the original's, and how far scores are from its."""

    weights: dict[str, Any]
    agreement: float
    distance: float

    def better_than(self, other: "_Standing") -> bool:
        """Whether more labels agree, or as many and the scores are closer."""
        return math.isfinite(self.distance) and (self.agreement, -self.distance) > (other.agreement, -other.distance)


def _told(clock: _Clock, best: _Standing) -> str:
    return f"fine-tuning, {clock.left()} left, {best.agreement:.1%} of the labels agree"


class _Judge:
    """Frames that aren't learned from, and what the original says of them."""

    def __init__(self, student: LayeredModel, teacher: Original, frames: NDArray[np.uint8]) -> None:
        self._student = student
        self._frames = student.torch.from_numpy(np.array(frames))
        self._wanted = self._scores(teacher)

    def standing(self) -> _Standing:
        """How the student does with its weights as they are."""
        functional, scores = self._student.torch.nn.functional, self._scores(self._student)
        agreement = (scores.argmax(dim=1) == self._wanted.argmax(dim=1)).double().mean()
        distance = functional.cross_entropy(scores, self._wanted.softmax(dim=1))
        return _Standing(copy.deepcopy(self._student.parts.state_dict()), float(agreement), float(distance))

    def _scores(self, model: LayeredModel) -> Any:
        with model.torch.no_grad():
            chunks = self._frames.split(_CHUNK)
            return model.torch.cat([model.forward(model.prepare(chunk))[0] for chunk in chunks])
