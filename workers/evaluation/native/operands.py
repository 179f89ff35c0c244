"""What a stage's inputs are multiplied by, as residues: encoded by SEAL, or read from a sealed plan's file."""

from collections.abc import Iterator
from typing import Protocol

from common.ckks.fhe import Context
from common.ckks.packing import Residues
from common.plan.plan import Plan, Stage, Vector
from common.plan.sealed import SealedPlan

#: The number of a value, and the row of the vector that it is multiplied by.
Pair = tuple[int, int]


class Operands(Protocol):
    """A stage, and its weights and biases: plaintexts, shape (level + 1, N), or ciphertexts, shape (2, level + 1, N).

    None stands for a plaintext of zeros.
    """

    stage: Stage
    encrypted: bool

    def weight(self, pair: Pair) -> Residues | None:
        """A vector's residues."""

    def bias(self, target: int) -> Residues | None:
        """The residues of what is added to a target."""


class EncodedOperands:
    """A stage's numbers as plaintexts, each encoded anew when it is asked for."""

    encrypted = False

    def __init__(self, stage: Stage, frames: int, encoder: Context) -> None:
        self.stage, self._frames, self._encoder = stage, frames, encoder

    def weight(self, pair: Pair) -> Residues | None:
        """The vector's plaintext."""
        value, row = pair
        return self._encode(self.stage.slots_of_vector(row, self._frames), self.stage.weight_scales[value])

    def bias(self, target: int) -> Residues | None:
        """The bias's plaintext."""
        return self._encode(self.stage.slots_of_bias(target, self._frames), self.stage.product_scale)

    def _encode(self, slots: Vector, scale: float) -> Residues | None:
        plaintext = self._encoder.encode(slots, scale, self.stage.level)
        return None if plaintext is None else self._encoder.save_plaintext(plaintext)


class EncryptedOperands:
    """A stage's ciphertexts in a sealed plan: parts of the mapped file, whose SHA-256 is compared once."""

    encrypted = True

    def __init__(self, sealed: SealedPlan, number: int) -> None:
        self.stage, self._sealed, self._places = sealed.plan.stages[number], sealed, sealed.stage_places[number]

    def weight(self, pair: Pair) -> Residues:
        """The vector's ciphertext. Raises `PlanError` when the file was altered."""
        return self._sealed.residues(self._places.weights[pair])

    def bias(self, target: int) -> Residues:
        """The bias's ciphertext. Raises `PlanError` when the file was altered."""
        return self._sealed.residues(self._places.biases[target])


def operands_of(plan: Plan | SealedPlan) -> Iterator[Operands]:
    """Each stage of a plan with its operands."""
    if isinstance(plan, SealedPlan):
        for number in range(len(plan.plan.stages)):
            yield EncryptedOperands(plan, number)
    else:
        encoder = Context(plan.head.parameters)
        for stage in plan.stages:
            yield EncodedOperands(stage, plan.head.frames_per_ciphertext, encoder)
