"""One network taught by another one, which scores the same frames."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.layered import Augmentation
from models.training.original import Original
from models.training.student import Student
from models.training.trainer import muon

#: The root mean square of a step of Muon for a rate of 1, where it is adjusted to match AdamW's.
_MUON_STEP = 0.2


@dataclass(frozen=True)
class Distillation:
    """How an imported network is trained further."""

    batch: int = 128
    #: The size of a step for weights of convolutions and dense layers, as a share of these weights' size.
    matrix_rate: float = 0.02
    #: The rate for all other weights.
    learning_rate: float = 2e-3
    #: The part of the time in which the rates rise; after it, they fall to zero.
    rise: float = 0.1
    gradient_norm: float = 1.0
    #: What scores are divided by before they become probabilities: the higher, the more the unlikely labels count.
    temperature: float = 2.0
    #: Weight of the true labels, beside what the original says.
    truth: float = 0.1
    #: Share of the frames that the best weights are chosen by, which aren't learned from; how many these are, at most.
    judged: float = 0.1
    most_judged: int = 1000
    #: How often weights are judged in all the time.
    judgements: int = 30
    #: Weight of the penalty on inputs of polynomials beyond ±`range_limit` standard deviations: the sum of the squares
    #: of what is beyond, in the mean over frames. Few values of few frames are, but squares make much of them.
    range_penalty: float = 1e-3
    range_limit: float = 6.0
    #: The farthest that a polynomial's vertex may be from the middle of its inputs, in standard deviations, unless it
    #: was farther before: what the square has more than it needs costs precision.
    farthest_vertex: float = 8.0
    #: Frames are mirrored where so large a share of them keeps the original's label.
    agreement_mirrored: float = 0.75
    augmentation: Augmentation = field(default_factory=Augmentation)


DISTILLATION = Distillation()


class Learner:
    """Muon for the weights of convolutions and dense layers, AdamW for all others, as their original's pupil.

    Muon makes all singular values of a step alike (K. Jordan et al., "Muon: An optimizer for hidden layers in neural
    networks", 2024). Of a VGG for CIFAR-10, 800 steps leave a loss of 4.5 points of accuracy instead of 6.5, on 3,000
    frames that it didn't learn from. Rates rise, and then fall to zero as a cosine of the time.
    """

    def __init__(
        self,
        student: Student,
        teacher: Original,
        frames: NDArray[np.uint8],
        labels: NDArray[np.integer[Any]] | None,
        how: Distillation,
    ) -> None:
        torch = student.torch
        self._student, self._teacher, self._how = student, teacher, how
        self._frames = torch.from_numpy(np.array(frames))
        self._labels = None if labels is None else torch.from_numpy(labels.astype(np.int64))
        # Where the processor has no instructions for bfloat16, it is slower than float32. Not every PyTorch can tell.
        capable: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        self._bfloat16 = bool(capable.get("avx512_bf16"))
        self._polynomials = [part for part in student.parts if isinstance(part, torch.nn.ParameterList)]
        for a, *_ in self._polynomials:
            a.requires_grad_(bool(a.any()))  # a line stays one: it takes no level
        self._parameters = [parameter for parameter in student.parts.parameters() if parameter.requires_grad]
        self._optimisers = self._made_optimisers()
        vertices = [torch.where(a == 0, math.inf, b / (2 * a)).detach() for a, b, *_ in self._polynomials]
        self._reaches = [each.abs().clamp_min(how.farthest_vertex) for each in vertices]

    def step(self, share: float) -> None:
        """Learn from some frames, when that share of the time has passed."""
        torch, how = self._student.torch, self._how
        chosen = torch.randint(len(self._frames), (min(how.batch, len(self._frames)),))
        x = self._student.augment(self._frames[chosen])
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            with torch.no_grad():
                wanted = self._teacher.forward(x)[0]
            scores = self._student.forward(x)[0].float()
        loss = self._apart(scores, wanted.float()) + how.range_penalty * self._excess()
        if self._labels is not None:
            loss = loss + how.truth * torch.nn.functional.cross_entropy(scores, self._labels[chosen])
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, how.gradient_norm)
        if norm.isfinite():  # else one step would spoil all weights
            self._move(min(share / how.rise, 0.5 + 0.5 * math.cos(math.pi * share)))

    def _made_optimisers(self) -> tuple[Any, Any]:
        """Muon and AdamW; each group has its highest rate. Muon takes matrices that share their memory with weights."""
        torch, how = self._student.torch, self._how
        layers = (torch.nn.Conv2d, torch.nn.Linear)
        weights = [part.weight for part in self._student.parts if isinstance(part, layers)]
        self._matrices = [(weight, torch.nn.Parameter(weight.detach().flatten(1))) for weight in weights]
        rate = how.matrix_rate / _MUON_STEP
        groups = [
            {"params": [matrix], "highest": rate * float(matrix.detach().square().mean().sqrt())}
            for _, matrix in self._matrices
        ]
        taken = {id(weight) for weight in weights}
        others = {"params": [each for each in self._parameters if id(each) not in taken], "highest": how.learning_rate}
        return (
            muon(torch)(groups, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW([others], weight_decay=0.0),
        )

    def _move(self, part: float) -> None:
        """A step of both optimisers, with that part of their highest rates."""
        for weight, matrix in self._matrices:
            matrix.grad = weight.grad.flatten(1)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = part * group["highest"]
            optimiser.step()
        self._hold_vertices()

    def _apart(self, scores: Any, wanted: Any) -> Any:
        """How far the student's probabilities are from the original's (Kullback, Leibler), both softened."""
        functional, by = self._student.torch.nn.functional, self._how.temperature
        softened = (wanted / by).softmax(dim=1)
        return by**2 * functional.kl_div((scores / by).log_softmax(dim=1), softened, reduction="batchmean")

    def _excess(self) -> Any:
        """The sum of the squares of what lies beyond the limit, in the mean over frames."""
        torch, limit = self._student.torch, self._how.range_limit
        beyond = [torch.nn.functional.softshrink(z, limit) for z in self._student.normed]
        return sum(torch.linalg.vector_norm(z, dtype=torch.float32) ** 2 / len(z) for z in beyond)

    def _hold_vertices(self) -> None:
        """Bend polynomials whose vertices are too far away; in the middle of their inputs they stay as they are."""
        with self._student.torch.no_grad():
            for (a, b, *_), reach in zip(self._polynomials, self._reaches, strict=True):
                a.copy_(a.abs().maximum(b.abs() / (2 * reach)).copysign(a))
