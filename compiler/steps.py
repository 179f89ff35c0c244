"""Baby steps and giant steps: which rotations serve a set of diagonals."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.plan.walks import walk
from common.plan.work import StageWork

Ints = NDArray[np.int64]
#: What work is to be compared by, such as the time that it takes.
Price = Callable[[StageWork], float]
#: The largest multiple of a base that is tried as the giant step.
_MULTIPLES = 32
#: The price of a key, in babies: it is sent once, but held for each device as long as that is there.
_BABIES_OF_KEY = 3.0
#: Decimals of prices that differ: sums of the same prices in another order don't.
_DECIMALS = 9


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

    def work(self, diagonals: Diagonals) -> StageWork:
        """What they make an engine do, but for what doesn't depend on them."""
        count = _count_walked if self.chained else _count
        return StageWork(
            targets=0,
            hoists=int(np.count_nonzero(np.bincount(diagonals.source[self.baby != 0]))),
            babies=count(diagonals.source, self.baby),
            giants=count(diagonals.target, self.giant),
            sums=_distinct(diagonals.target << 40 | self.giant),
            chained=self.chained,
        )

    @property
    def keys(self) -> int:
        """Rotation keys that the babies and giants need together."""
        if not self.chained:
            steps = np.concatenate([self.baby, self.giant])
            return _distinct(steps[steps != 0])
        paths = (walk({*steps.tolist()}, True) for steps in (self.baby, self.giant))
        return len({step - before for path in paths for step, before in path.items()})


def split(
    diagonals: Diagonals, bases: Iterable[int], price: Price, sealed: bool = False, chained: bool = False
) -> Steps:
    """Divide steps into giants and babies, at the lowest price.

    Rotations are linear, so rot_g(Σ_b w ⊙ rot_b(v)) needs each baby once and each giant once
    (Halevi and Shoup, CRYPTO 2014, section 4.3). Giants are multiples of a unit, and babies lie from 0 to
    below the unit, or around 0. The units tried are the multiples of 1 and of `bases`, the distances in slots
    that the layouts are made of; the unit whose rotations cost least is taken. Where babies share the digits of their
    source, a giant is the price of several. With encrypted weights (`sealed`) each sum of products is relinearised too.
    Each key has a price of its own.
    """

    of_key = _BABIES_OF_KEY * price(StageWork(targets=0, babies=1))

    def worth(one: Steps) -> float:
        return round(price(one.work(diagonals)._replace(encrypted=sealed)) + one.keys * of_key, _DECIMALS)

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
    return _distinct(ciphertext[used] << 40 | step[used] & ((1 << 40) - 1))


def _distinct(numbers: Ints) -> int:
    """How many different ones there are: much sooner than `np.unique` tells."""
    return int(np.count_nonzero(np.diff(np.sort(numbers)))) + bool(len(numbers))
