"""What a stage's inputs are multiplied by, as residues: encoded here, or read from a sealed plan's file."""

import math
from collections.abc import Iterator
from typing import Protocol

import blindsight_engine
import numpy as np

from common.ckks.packing import Residues
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan
from common.plan.stage import Stage, Vector
from workers.evaluation.native.encoding import Encoder

#: The number of a value, and the row of the vector that it is multiplied by.
Pair = tuple[int, int]


class Operands(Protocol):
    """A stage, and its weights and biases: plaintexts, (level + 1, N), or ciphertexts, (2, level + 1, N)."""

    stage: Stage
    encrypted: bool

    def is_zero(self, pair: Pair) -> bool:
        """Whether a vector's plaintext is zero, so that no product with it adds anything."""

    def weight(self, pair: Pair) -> Residues:
        """The residues of a vector that isn't zero."""

    def bias(self, target: int) -> Residues | None:
        """The residues of what is added to a target; None if it is zero."""


class EncodedOperands:
    """A stage's numbers as plaintexts, each encoded anew when it is asked for: all at once would double the memory."""

    encrypted = False

    def __init__(self, stage: Stage, frames: int, encoder: Encoder) -> None:
        self.stage, self._frames, self._encoder = stage, frames, encoder

    def is_zero(self, pair: Pair) -> bool:
        """Whether all coefficients of the vector's plaintext are rounded to zero.

        The root mean square of the coefficients is that of the slots times scale / sqrt(N), by Parseval's theorem.
        Where it is at least 1, one of them is; hardly any vector has to be encoded to know.
        """
        value, row = pair
        slots = self.stage.slots_of_vector(row, self._frames)
        mean_square = np.square(slots).sum() / self._encoder.parameters.slots
        if self.stage.weight_scales[value] * math.sqrt(mean_square / self._encoder.parameters.ring_dimension) >= 1:
            return False
        return self._encoded(pair) is None

    def weight(self, pair: Pair) -> Residues:
        """The vector's plaintext."""
        encoded = self._encoded(pair)
        assert encoded is not None  # it isn't zero
        return encoded

    def bias(self, target: int) -> Residues | None:
        """The bias's plaintext."""
        return self._encode(self.stage.slots_of_bias(target, self._frames), self.stage.product_scale)

    def _encoded(self, pair: Pair) -> Residues | None:
        value, row = pair
        return self._encode(self.stage.slots_of_vector(row, self._frames), self.stage.weight_scales[value])

    def _encode(self, slots: Vector, scale: float) -> Residues | None:
        return self._encoder.encode(slots, scale, self.stage.level)


class EncryptedOperands:
    """A stage's ciphertexts in a sealed plan: parts of the mapped file, whose SHA-256 is compared once."""

    encrypted = True

    def __init__(self, sealed: SealedPlan, number: int) -> None:
        self.stage, self._sealed, self._places = sealed.plan.stages[number], sealed, sealed.stage_places[number]

    def is_zero(self, pair: Pair) -> bool:
        """Never: nobody can tell of a ciphertext."""
        return False

    def weight(self, pair: Pair) -> Residues:
        """The vector's ciphertext. Raises `PlanError` when the file was altered."""
        return self._sealed.residues(self._places.weights[pair])

    def bias(self, target: int) -> Residues:
        """The bias's ciphertext. Raises `PlanError` when the file was altered."""
        return self._sealed.residues(self._places.biases[target])


def operands_of(plan: Plan | SealedPlan, ring: blindsight_engine.Ring) -> Iterator[Operands]:
    """Each stage of a plan with its operands."""
    if isinstance(plan, SealedPlan):
        for number in range(len(plan.plan.stages)):
            yield EncryptedOperands(plan, number)
    else:
        encoder = Encoder(plan.head.parameters, ring)
        for stage in plan.stages:
            yield EncodedOperands(stage, plan.head.frames_per_ciphertext, encoder)
