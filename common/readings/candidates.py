"""Which counts are looked at: those that a picture suggests, and those that follow from what is believed.

There are far too many counts to weigh them all. Those that no picture suggests, and that don't follow from a count that
is believed, have no weight worth keeping.
"""

import numpy as np

from common.readings.drums import Counts, steps_of
from common.readings.evidence import STEPS, Floats

#: Combinations of digits that a picture suggests, at most.
_SUGGESTED = 64
#: Positions of the last wheel among them, at most.
_LAST = 10
#: Combinations of a count's lower wheels that are put behind the upper wheels of a believed one.
_ENDINGS = 10
#: Believed counts, the likeliest ones, whose endings are replaced.
_LEADING = 12
#: Steps by which a believed count may have gone on without being suggested.
_ON = 4


def suggested(likelihoods: Floats) -> list[Counts]:
    """The likeliest endings of a count, in steps, of 1, 2, … wheels, of which the last entry has them all.

    `likelihoods` has shape (wheels, 40), the last wheel first. A beam search: wheels are taken one by one from the
    last, and the best combinations are kept.
    """
    logs = np.log(likelihoods)
    last = np.argsort(-logs[0], kind="stable")[:_LAST]
    endings = [(last, logs[0][last])]
    for wheel in range(1, len(likelihoods)):
        # A wheel between two digits may still count as the lower one, or already as the upper one: it is late.
        after = logs[wheel].reshape(10, STEPS).max(axis=1)
        before = np.roll(logs[wheel], STEPS - 1).reshape(10, STEPS).max(axis=1)
        endings.append(_kept(endings[-1], np.maximum(after, before), wheel))
    return [each for each, _ in endings]


def _best(endings: Counts, weights: Floats) -> tuple[Counts, Floats]:
    order = np.argsort(-weights, kind="stable")[:_SUGGESTED]
    return endings[order], weights[order]


def _kept(before: tuple[Counts, Floats], digits: Floats, wheel: int) -> tuple[Counts, Floats]:
    endings, weights = before
    every = endings[:, None] + STEPS * 10**wheel * np.arange(10)
    return _best(every.ravel(), (weights[:, None] + digits).ravel())


def neighbours(counts: Counts, wheels: int) -> Counts:
    """The counts that differ by one in a single upper wheel, which may be early or late."""
    steps = np.array([sign * STEPS * 10**wheel for wheel in range(1, wheels) for sign in (-1, 1)])
    return np.asarray((counts[:, None] + steps).ravel() % steps_of(wheels), np.int64)


def other_digits(count: int, wheels: int) -> Counts:
    """The counts with another digit on a single wheel, which may be misread."""
    steps = np.array([STEPS * 10**wheel * more for wheel in range(wheels) for more in range(1, 10)])
    digits = np.array([count // (STEPS * 10**wheel) % 10 + more for wheel in range(wheels) for more in range(1, 10)])
    around = np.where(digits > 9, STEPS * 10 ** (np.repeat(np.arange(wheels), 9) + 1), 0)
    return np.asarray(count + steps - around, np.int64)


def following(believed: Counts, endings: list[Counts]) -> Counts:
    """The counts to be weighed next: the believed ones, the likeliest first, what may follow them, and suggestions.

    `endings` are those that `suggested` gives.
    """
    wheels = len(endings)
    leading = believed[:_LEADING]
    found = [believed, (believed[:, None] + np.arange(1, _ON + 1)).ravel(), endings[-1]]
    for wheel, ending in enumerate(endings, start=1):
        span = STEPS * 10**wheel
        ahead = (ending[:_ENDINGS] - leading[:, None]) % span
        found.append((leading[:, None] + ahead).ravel())
    return np.unique(np.concatenate(found) % steps_of(wheels))
