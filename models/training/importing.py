"""An imported network trained further, with its polynomials in place, until it decides as the original does.

The original teaches (G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015). It scores
each frame just as the frame was changed for the network that learns (L. Beyer et al., "Knowledge distillation: A good
teacher is patient and consistent", CVPR 2022), so that few frames go far, with or without labels.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.plan.layers import Layer
from common.plan.network import Network
from compiler.onnx.draft.draft import Activation, Item
from compiler.onnx.fits.choosing import Progress
from compiler.onnx.importing import Refine
from compiler.onnx.max_pooling import MaxPool
from models.training.layered import Augmentation, LayeredModel
from models.training.trainer import import_torch

#: Frames that pass the network at a time where no gradients are kept.
_CHUNK = 500


@dataclass(frozen=True)
class Distillation:
    """How an imported network is trained further."""

    batch: int = 128
    learning_rate: float = 1e-3
    #: The part of the time in which the rate rises; after it, it falls to zero.
    rise: float = 0.1
    gradient_norm: float = 1.0
    #: What scores are divided by before they become probabilities: the higher, the more the unlikely labels count.
    temperature: float = 2.0
    #: Weight of the true labels, beside what the original says.
    truth: float = 0.1
    #: Share of the frames that the best weights are chosen by, which aren't learned from; how many these are, at most.
    judged: float = 0.1
    most_judged: int = 1000
    #: How often weights are judged in all the time, and how often in a row without gain before training ends.
    judgements: int = 30
    patience: int = 15
    #: Weight of the penalty on inputs of polynomials beyond ±`range_limit` standard deviations: its mean square.
    range_penalty: float = 0.1
    range_limit: float = 6.0
    #: The farthest that a polynomial's vertex may be from the middle of its inputs, in standard deviations, unless it
    #: was farther before: what the square has more than it needs costs precision.
    farthest_vertex: float = 8.0
    augmentation: Augmentation = field(default_factory=Augmentation)


DISTILLATION = Distillation()


def fine_tuner(minutes: float, how: Distillation = DISTILLATION) -> Refine:
    """What trains an imported network for so many minutes.

    Raises `ConfigurationError` where PyTorch isn't installed or there is no time: before anything long has begun.
    """
    import_torch()
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
        student, teacher = LayeredModel(torch, network, how.augmentation), Original(torch, network, original)
        student.keep_statistics()
        order = torch.randperm(len(frames)).numpy()
        judged, learned = np.split(order, [max(1, min(how.most_judged, round(how.judged * len(frames))))])
        clock = _Clock(minutes * 60, monotonic())
        judge = _Judge(student, teacher, frames[judged])
        learner = _Learner(student, teacher, frames[learned], None if labels is None else labels[learned], how)
        best, waited = judge.standing(), 0
        for number in range(1, how.judgements + 1):
            while clock.share() < number / how.judgements:
                learner.step(clock.share())
                progress(_told(clock, best), clock.share())
            found = judge.standing()
            best, waited = (found, 0) if found.better_than(best) else (best, waited + 1)
            if not math.isfinite(found.distance):
                student.parts.load_state_dict(best.weights)
            if waited == how.patience:
                break
        student.parts.load_state_dict(best.weights)
        return student.to_network()


class Original(LayeredModel):
    """The network as it was read, with its exact activations and max pooling: it gives scores, and can't be trained."""

    def __init__(self, torch: Any, network: Network, items: Sequence[Item]) -> None:
        super().__init__(torch, msgspec.structs.replace(network, layers=tuple(items)), Augmentation())
        self.keep_statistics()

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels) of frames (n, c, h, w), whose channels are last in memory: convolutions are faster so."""
        return super().forward(x.contiguous(memory_format=self.torch.channels_last))

    def _run(self, layer: Layer | Item, part: Any, x: Any) -> Any:
        torch = self.torch
        if isinstance(layer, Activation):
            return torch.from_numpy(np.asarray(layer.function.apply(x.numpy()), dtype=np.float32))
        if isinstance(layer, MaxPool):
            top, left, bottom, right = layer.padding
            padded = torch.nn.functional.pad(x, (left, right, top, bottom), value=-math.inf)
            return torch.nn.functional.max_pool2d(padded, layer.kernel, layer.stride)
        return super()._run(layer, part, x)


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


class _Learner:
    """AdamW with a rate that rises, and then falls to zero as a cosine of the time."""

    def __init__(
        self,
        student: LayeredModel,
        teacher: Original,
        frames: NDArray[np.uint8],
        labels: NDArray[np.integer[Any]] | None,
        how: Distillation,
    ) -> None:
        torch = student.torch
        self._student, self._teacher, self._how = student, teacher, how
        self._frames = torch.from_numpy(np.array(frames))
        self._labels = None if labels is None else torch.from_numpy(labels.astype(np.int64))
        self._polynomials = [part for part in student.parts if isinstance(part, torch.nn.ParameterList)]
        for a, _, _ in self._polynomials:
            a.requires_grad_(bool(a.any()))  # a line stays one: it takes no level
        self._parameters = [parameter for parameter in student.parts.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(self._parameters, lr=how.learning_rate, weight_decay=0.0)
        with torch.no_grad():
            activated = student.forward(student.prepare(self._frames[:_CHUNK]))[1]
        self._middles = [x.mean(dim=[0, *range(2, x.ndim)], keepdim=True) for x in activated]
        self._deviations = [x.std() for x in activated]
        self._reaches = [
            (how.farthest_vertex * deviation).maximum((_vertex(part) - middle.flatten()).abs())
            for part, middle, deviation in zip(self._polynomials, self._middles, self._deviations, strict=True)
        ]

    def step(self, share: float) -> None:
        """Learn from some frames, when that share of the time has passed."""
        torch, how = self._student.torch, self._how
        chosen = torch.randint(len(self._frames), (min(how.batch, len(self._frames)),))
        x = self._student.augment(self._frames[chosen])
        scores, activated = self._student.forward(x)
        loss = self._apart(scores, x) + how.range_penalty * self._excess(activated)
        if self._labels is not None:
            loss = loss + how.truth * torch.nn.functional.cross_entropy(scores, self._labels[chosen])
        for group in self._optimiser.param_groups:
            group["lr"] = how.learning_rate * min(share / how.rise, 0.5 + 0.5 * math.cos(math.pi * share))
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, how.gradient_norm)
        self._optimiser.step()
        self._hold_vertices()

    def _apart(self, scores: Any, x: Any) -> Any:
        """How far the student's probabilities are from the original's (Kullback, Leibler), both softened."""
        functional, by = self._student.torch.nn.functional, self._how.temperature
        with self._student.torch.no_grad():
            wanted = (self._teacher.forward(x)[0] / by).softmax(dim=1)
        return by**2 * functional.kl_div((scores / by).log_softmax(dim=1), wanted, reduction="batchmean")

    def _excess(self, activated: list[Any]) -> Any:
        """The mean square of what lies beyond the limit, summed over the polynomials."""
        functional, limit = self._student.torch.nn.functional, self._how.range_limit
        pairs = zip(activated, self._middles, self._deviations, strict=True)
        return sum(
            functional.softshrink((x - middle) / deviation, limit).square().mean() for x, middle, deviation in pairs
        )

    def _hold_vertices(self) -> None:
        """Bend polynomials whose vertices are too far away; in the middle of their inputs they stay as they are."""
        torch = self._student.torch
        with torch.no_grad():
            for (a, b, c), middles, reach in zip(self._polynomials, self._middles, self._reaches, strict=True):
                middle = middles.flatten()
                slope, value = b + 2 * a * middle, (a * middle + b) * middle + c
                a.copy_(a.abs().maximum(slope.abs() / (2 * reach)).copysign(a))
                b.copy_(slope - 2 * a * middle)
                c.copy_(value - (a * middle + b) * middle)


def _vertex(polynomial: Any) -> Any:
    a, b, _ = polynomial
    return -b / (2 * a)
