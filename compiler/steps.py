"""Baby steps and giant steps: which rotations serve a set of diagonals."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.plan.walks import walk
from common.plan.work import StageWork

Ints = NDArray[np.int64]
#: What work is to be compared by, such as the time that it takes. Prices of hoists, babies, giants and sums add up.
Price = Callable[[StageWork], float]
#: The largest multiple of a base that is tried as the giant step.
_MULTIPLES = 32
#: The price of a key, in babies: it is sent once, but held for each device as long as that is there.
_BABIES_OF_KEY = 3.0
#: Steps of all splits that are looked at together: 8 MB.
_MOST_NUMBERS = 1 << 20
#: Bits of a step in front of which a ciphertext's number is written, and their mask.
_STEP_BITS, _STEP = 40, (1 << 40) - 1
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
            sums=_distinct(diagonals.target << _STEP_BITS | self.giant),
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

    prices = _prices(price, sealed, chained)
    signed = np.where(diagonals.step > diagonals.modulus // 2, diagonals.step - diagonals.modulus, diagonals.step)
    ways = _ways(int(diagonals.modulus.max()), sorted({1, *bases}), chained)
    best: tuple[float, Steps] | None = None
    for some in np.array_split(ways, -(-len(ways) * len(signed) // _MOST_NUMBERS)):
        steps = np.where(some[:, 1:2], signed, diagonals.step)
        baby = (steps + some[:, 2:]) % some[:, :1] - some[:, 2:]
        giant = (steps - baby) % diagonals.modulus
        counts = _counts_walked if chained else _counts
        worths = np.round(counts(diagonals, giant, baby) @ prices, _DECIMALS)
        least = int(worths.argmin())
        if best is None or worths[least] < best[0]:
            best = float(worths[least]), Steps(giant[least].copy(), baby[least].copy(), chained)
    assert best is not None  # there is a way
    return best[1]


def _prices(price: Price, sealed: bool, chained: bool) -> NDArray[np.float64]:
    """The prices of a hoist, a baby, a giant, a sum and a key."""

    def of(hoists: int = 0, babies: int = 0, giants: int = 0, sums: int = 0) -> float:
        return price(StageWork(0, hoists, babies, giants, sums, encrypted=sealed, chained=chained))

    key = _BABIES_OF_KEY * price(StageWork(targets=0, babies=1))
    return np.array([of(1, 1) - of(0, 1), of(babies=1), of(giants=1), of(sums=1), key])


def _ways(largest: int, bases: list[int], chained: bool) -> Ints:
    """Ways to split: the unit, whether steps are signed, and how far babies reach below zero."""
    units = sorted({base * times for base in bases for times in range(1, _MULTIPLES + 1) if base * times <= largest})
    # Babies around zero serve shifts to both sides, as a kernel has them, with one giant.
    return np.array(
        [
            (unit, signed, shift)
            for unit in units or [1]
            for signed in (0, 1)
            for shift in ([0] if chained or unit == 1 else [0, unit // 2])
        ]
    )


def _counts_walked(diagonals: Diagonals, giant: Ints, baby: Ints) -> Ints:
    """As `_counts`, for steps that are walked, none of which is negative."""
    babies, giants = _walked(diagonals.source, baby), _walked(diagonals.target, giant)
    sums = _differs(np.sort(diagonals.target << _STEP_BITS | giant, axis=1))
    # From each step to the next larger one, the first from 0; between equal ones 0.
    stops = (np.sort(np.pad(steps, ((0, 0), (1, 0))), axis=1) for steps in (baby, giant))
    distances = [each[:, 1:] - each[:, :-1] for each in stops]
    keys = np.sort(np.concatenate(distances, axis=1), axis=1)
    counts = (babies > 0).sum(axis=1), babies.sum(axis=1), giants.sum(axis=1), sums.sum(axis=1)
    return np.stack([*counts, (_differs(keys) & (keys != 0)).sum(axis=1)], axis=1)


def _walked(ciphertext: Ints, steps: Ints) -> Ints:
    """Steps but 0 that each ciphertext passes on its walk to the furthest of its own, by row of `steps`."""
    order = np.argsort(ciphertext, kind="stable")
    firsts = np.flatnonzero(_differs(ciphertext[None, order])[0])
    furthest = np.maximum.reduceat(steps[:, order], firsts, axis=1)
    stops = np.sort(steps, axis=1)
    counted = _differs(stops) & (stops != 0)
    return np.stack([(counted & (stops <= last[:, None])).sum(axis=1) for last in furthest.T], axis=1)


def _counts(diagonals: Diagonals, giant: Ints, baby: Ints) -> Ints:
    """Hoists, babies, giants, sums and keys of each row of `giant` and `baby`, shape (rows, 5).

    They are those of `Steps.work` and `Steps.keys`, counted for all rows at once.
    """
    babies = np.sort(diagonals.source << _STEP_BITS | baby & _STEP, axis=1)
    sums = np.sort(diagonals.target << _STEP_BITS | giant, axis=1)
    rotated = _differs(babies) & (babies & _STEP != 0)
    moved = _differs(sums) & (sums & _STEP != 0)
    sources = np.sort(np.where(rotated, babies >> _STEP_BITS, -1), axis=1)
    steps = np.sort(np.concatenate([baby, giant], axis=1), axis=1)
    used = (_differs(sources) & (sources >= 0), rotated, moved, _differs(sums), _differs(steps) & (steps != 0))
    return np.stack([each.sum(axis=1) for each in used], axis=1)


def _differs(rows: Ints) -> NDArray[np.bool_]:
    """Where a number of a sorted row isn't the one before it."""
    differs = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=differs[:, 1:])
    return differs


def _count_walked(ciphertext: Ints, step: Ints) -> int:
    """All steps up to the largest of each ciphertext: a walk leaves none out."""
    _, which = np.unique(step, return_inverse=True)  # 0 for the smallest
    _, ciphertexts = np.unique(ciphertext, return_inverse=True)
    furthest = np.zeros(ciphertexts.max() + 1, np.int64)
    np.maximum.at(furthest, ciphertexts.reshape(-1), which.reshape(-1) + bool(step.min()))
    return int(furthest.sum())


def _count(ciphertext: Ints, step: Ints) -> int:
    used = step != 0
    return _distinct(ciphertext[used] << _STEP_BITS | step[used] & _STEP)


def _distinct(numbers: Ints) -> int:
    """How many different ones there are: much sooner than `np.unique` tells."""
    return int(np.count_nonzero(np.diff(np.sort(numbers)))) + bool(len(numbers))
