"""Baby steps and giant steps: which rotations serve a set of diagonals."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.plan.walks import walk

Ints = NDArray[np.int64]
#: The largest multiple of a base that is tried as the giant step.
_MULTIPLES = 32


@dataclass(frozen=True)
class Diagonals:
    """The diagonals that are not zero: from ciphertext `source` to ciphertext `target`, by a step modulo `modulus`.

    Any step of the same residue modulo `modulus` will do, because either the source or the target repeats with
    that period. All arrays have shape (diagonals,), and steps are in slots.
    """

    target: Ints
    source: Ints
    step: Ints
    modulus: Ints


@dataclass(frozen=True)
class Steps:
    """For each diagonal the giant and the baby step, in slots: their sum is its step modulo `modulus`.

    Those of a `chained` stage are walked (`common.plan.walks`), and none is negative.
    """

    giant: Ints
    baby: Ints
    chained: bool = False

    def rotations(self, diagonals: Diagonals) -> int:
        """Distinct rotations: by babies of each source, and by giants of each target."""
        count = _count_walked if self.chained else _count
        return count(diagonals.source, self.baby) + count(diagonals.target, self.giant)

    @property
    def keys(self) -> int:
        """Rotation keys that the babies and giants need together."""
        paths = (walk(np.unique(steps).tolist(), self.chained) for steps in (self.baby, self.giant))
        return len({step - before for path in paths for step, before in path.items()})

    def inner_sums(self, diagonals: Diagonals) -> int:
        """Distinct pairs of target and giant."""
        return len(np.unique(diagonals.target << 40 | self.giant))


def split(diagonals: Diagonals, bases: Iterable[int], sealed: bool = False, chained: bool = False) -> Steps:
    """Divide steps into giants and babies with few rotations.

    Rotations are linear, so rot_g(Σ_b w ⊙ rot_b(v)) needs each baby once and each giant once
    (Halevi and Shoup, CRYPTO 2014, section 4.3). Giants are multiples of a unit, and babies lie from 0 to
    below the unit, or around 0. The units tried are the multiples of 1 and of `bases`, the distances in slots
    that the layouts are made of; the unit with the fewest key switches is taken. With encrypted weights
    (`sealed`) each sum of products takes a relinearisation too, which is a key switch like a rotation. Where stages are
    `chained`, of equally good units the one with the fewest keys is taken.
    """

    def worth(one: Steps) -> tuple[int, int]:
        switches = one.rotations(diagonals) + sealed * one.inner_sums(diagonals)
        return switches, one.keys if chained else 0

    return min(_splits(diagonals, sorted({1, *bases}), chained), key=worth)


def _splits(diagonals: Diagonals, bases: list[int], chained: bool) -> Iterator[Steps]:
    modulus = diagonals.modulus
    signed = np.where(diagonals.step > modulus // 2, diagonals.step - modulus, diagonals.step)
    largest = int(modulus.max())
    units = sorted({base * times for base in bases for times in range(1, _MULTIPLES + 1) if base * times <= largest})
    # Babies around zero serve shifts to both sides, as a kernel has them, with one giant.
    for unit in units or [1]:
        for steps in (diagonals.step, signed):
            for shift in {0} if chained else {0, unit // 2}:
                baby = (steps + shift) % unit - shift
                yield Steps((steps - baby) % modulus, baby, chained)


def _count_walked(ciphertext: Ints, step: Ints) -> int:
    """All steps up to the largest of each ciphertext: a walk leaves none out."""
    _, which = np.unique(step, return_inverse=True)  # 0 for the smallest
    _, ciphertexts = np.unique(ciphertext, return_inverse=True)
    furthest = np.zeros(ciphertexts.max() + 1, np.int64)
    np.maximum.at(furthest, ciphertexts.reshape(-1), which.reshape(-1) + bool(step.min()))
    return int(furthest.sum())


def _count(ciphertext: Ints, step: Ints) -> int:
    used = step != 0
    pairs = np.sort(ciphertext[used] << 40 | step[used] & ((1 << 40) - 1))
    return int(np.count_nonzero(np.diff(pairs))) + bool(len(pairs))
