"""A stage of a plan: what it does to ciphertexts, as vectors and rotation steps."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.plan.walks import passed, walk
from common.structs import learn

Vector = NDArray[Any]
Step = Annotated[int, msgspec.Meta(ge=0)]


class Stage(msgspec.Struct, frozen=True, eq=False):
    """One linear stage, and the squares behind it unless it is the last.

    Value 0 is the input, value k what stage k - 1 ends in. Row j of `terms` is (target, giant,
    value, ciphertext of the value, baby, row of `vectors`): the ciphertext, rotated by the baby
    and multiplied by the vector, is added to the inner sum of target and giant, and that, rotated
    by the giant, to the target. Each of `folds` then rotates a target and adds it to itself.

    Steps and `vectors` (n, period) are those of one frame's slots, whose number the period
    divides. A vector for value k is encoded at `weight_scales[k]`, so that all products have
    `product_scale`. `bias` has shape (targets, slots of a frame). With `rescale_first`
    the stage rescales before its squares too. `bits_left` is the precision, in bits, that
    the scores would have if no later stage added noise: log2 of the largest score over the error bound.

    Where it is `chained`, rotations are made one from the other (`common.plan.walks`). Babies and giants are what they
    were, and so is the result; only the keys are others.
    """

    shape: tuple[int, int, int]
    level: int
    product_scale: float
    weight_scales: dict[int, float]
    terms: Vector
    vectors: Vector
    folds: tuple[Step, ...]
    bias: Vector
    square: bool
    bits_left: float
    rescale_first: bool = False
    chained: bool = False

    def slots_of_vector(self, row: int, frames: int) -> Vector:
        """A row of `vectors` in all slots of a ciphertext that `frames` share: repeated, and the same for each."""
        vector = self.vectors[row].astype(np.float64)
        slots: Vector = np.tile(vector, self.bias.shape[1] // len(vector)).repeat(frames)
        return slots

    def slots_of_bias(self, target: int, frames: int) -> Vector:
        """A target's bias in all slots of a ciphertext that `frames` share."""
        slots: Vector = self.bias[target].repeat(frames)
        return slots

    @property
    def targets(self) -> int:
        """Ciphertexts that the stage ends in."""
        return len(self.bias)

    @property
    def babies(self) -> dict[int, int]:
        """Each baby step, and the step that the rotation by it is made from."""
        return walk(np.unique(self.terms[:, 4]).tolist(), self.chained)

    @property
    def giants(self) -> dict[int, int]:
        """Each giant step, and the step that its sums are rotated to."""
        return walk(np.unique(self.terms[:, 1]).tolist(), self.chained)

    @property
    def steps(self) -> set[int]:
        """The steps, in slots of one frame, that there must be rotation keys for."""
        return {step - before for path in (self.babies, self.giants) for step, before in path.items()} | {*self.folds}

    @property
    def rotations(self) -> int:
        """Rotations of one evaluation: babies of each source, giants of each target, folds."""
        return sum(self.rotations_of_sources) + sum(self.rotations_of_targets) + len(self.folds) * self.targets

    @property
    def rotations_of_sources(self) -> list[int]:
        """How many babies each source is rotated by."""
        return _rotations(self.terms[:, [2, 3, 4]], self.babies)

    @property
    def rotations_of_targets(self) -> list[int]:
        """How many giants each target's sums are rotated by."""
        return _rotations(self.terms[:, [0, 0, 1]], self.giants)

    @property
    def inner_sums(self) -> int:
        """Sums of products, one for each target and giant: with encrypted weights each is relinearised."""
        return len({(int(target), int(giant)) for target, giant, *_ in self.terms})

    @property
    def leaving_level(self) -> int:
        """The level of what the stage ends in, if it squares."""
        return self.level - 1 - self.rescale_first


learn(Stage)


def _rotations(terms: Vector, path: Mapping[int, int]) -> list[int]:
    """Of what each two numbers in `terms` stand for: the rotations that its steps, in the third column, take."""
    steps: dict[tuple[int, int], set[int]] = {}
    for first, second, step in terms.tolist():
        steps.setdefault((first, second), set()).add(step)
    return [len(passed(path, some)) for some in steps.values()]
