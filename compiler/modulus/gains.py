"""What an error in a tensor does to the scores: squares of their derivatives, on calibration inputs.

To first order, independent errors of variance v in the elements of a tensor give a score the variance
v · Σ (∂score / ∂element)².
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from common.plan.layers import Array
from compiler.layout import EMPTY, Slots
from compiler.search import Candidate
from compiler.stages import Affine


@dataclass(frozen=True)
class Gain:
    """Variance of the scores, shape (frames, scores), per unit variance in elements of a tensor.

    `total` is for noise in all elements, `first` for noise in only those that a rotation puts in slot 0.
    """

    total: Array
    first: Array

    @classmethod
    def of(cls, jacobian: Array, first: Slots, share: float = 1.0) -> "Gain":
        """From derivatives of the scores, shape (frames, scores, elements), and `first`, the elements in slot 0.

        `share` is the part of those elements' effect that goes through slot 0.
        """
        squares = np.square(jacobian)
        return cls(squares.sum(axis=2), squares[:, :, first[first != EMPTY]].sum(axis=2) * share)

    @cached_property
    def largest(self) -> float:
        """`total` of the score and frame that have most."""
        return float(self.total.max())


@dataclass(frozen=True)
class StageGains:
    """Gains at one stage: of its output, of each value as this stage reads it, and of the value before the stage.

    The value before stage i is value i: the input, or what stage i - 1 ends in. Its gain, `value`, counts all stages
    that read it, and `first` is there for noise in slot 0 before any rotation. `occupancy` is the mean square of each
    value that the stage reads, and `strength` an output's variance per unit variance in the value, on average.
    """

    output: Gain
    by_input: dict[int, Gain]
    value: Gain
    occupancy: dict[int, float]
    strength: dict[int, float]


def network_gains(stages: Sequence[Affine], candidate: Candidate, inputs: Array) -> list[StageGains]:
    """The gains at each stage of a normalised network, on inputs (n, in)."""
    values, outputs = [inputs], []
    for stage in stages:
        outputs.append(stage(values))
        values.append(outputs[-1] ** 2)
    scores = stages[-1].size
    # Jacobians of the scores with respect to each value, (n, scores, elements).
    by_value: dict[int, Array] = {}
    gains: list[StageGains] = []
    for index in range(len(stages) - 1, -1, -1):
        if index == len(stages) - 1:
            jacobian = np.broadcast_to(np.eye(scores), (len(inputs), scores, scores))
        else:
            jacobian = by_value.pop(index + 1) * (2 * outputs[index])[:, None, :]
        by_input: dict[int, Gain] = {}
        for value, matrix in stages[index].matrices.items():
            part = (matrix.T @ jacobian.reshape(-1, stages[index].size).T).T.reshape(len(inputs), scores, -1)
            by_input[value] = Gain.of(part, *_slot_0_elements(candidate, index, value))
            by_value[value] = by_value[value] + part if value in by_value else part
        gains.append(
            StageGains(
                Gain.of(jacobian, candidate.elements(index + 1)[:, 0]),
                by_input,
                Gain.of(by_value[index], candidate.elements(index)[:, 0]),
                {value: float(np.mean(values[value] ** 2)) for value in stages[index].matrices},
                {
                    value: float(matrix.power(2).sum()) / matrix.shape[0]
                    for value, matrix in stages[index].matrices.items()
                },
            )
        )
    return gains[::-1]


def _slot_0_elements(candidate: Candidate, index: int, value: int) -> tuple[Slots, float]:
    """Elements of a value that stage `index` rotates to slot 0, and the share of each one's products made there.

    An element is multiplied under every baby step, and comes to slot 0 under one.
    """
    transform, elements = candidate.transforms[index], candidate.elements(value)
    pairs = {
        (number, int(baby) % elements.shape[1])
        for source, baby in zip(transform.diagonals.source, transform.steps.baby, strict=True)
        for read, number in [transform.sources[source]]
        if baby and read == value
    }
    return np.array([elements[pair] for pair in pairs], dtype=np.int32), len(elements) / max(len(pairs), 1)
