"""Which counts are looked at: those that a picture suggests, and those that follow from what is believed.

There are far too many counts to weigh them all. Those that no picture suggests, and that don't follow from a count that
is believed, have no weight worth keeping.
"""

import numpy as np

from common.readings.drums import Counts, half_steps
from common.readings.evidence import POSITIONS, Floats

#: Combinations of digits that a picture suggests, at most.
_SUGGESTED = 64
#: Combinations of a count's lower wheels that are put behind the upper wheels of a believed one.
_ENDINGS = 6
#: Believed counts, the likeliest ones, whose endings are replaced.
_LEADING = 12
#: Half steps by which a believed count may have gone on without being suggested.
_STEPS = 3


def suggested(likelihoods: Floats) -> list[Counts]:
    """The likeliest endings of a count, in half steps, of 1, 2, … wheels, of which the last entry has them all.

    `likelihoods` has shape (wheels, 20), the last wheel first. A beam search: wheels are taken one by one from the
    last, and the best combinations are kept.
    """
    logs = np.log(likelihoods)
    ending, weight = np.arange(POSITIONS), logs[0]
    endings = [_best(ending, weight)]
    for wheel in range(1, len(likelihoods)):
        # A wheel between two digits may be about to show the upper one (it is early) or still the lower one.
        digits = np.maximum(logs[wheel, 0::2], np.maximum(logs[wheel, 1::2], np.roll(logs[wheel, 1::2], 1)))
        ending, weight = _kept(endings[-1], digits, wheel)
        endings.append((ending, weight))
    return [each for each, _ in endings]


def _best(endings: Counts, weights: Floats) -> tuple[Counts, Floats]:
    order = np.argsort(-weights, kind="stable")[:_SUGGESTED]
    return endings[order], weights[order]


def _kept(before: tuple[Counts, Floats], digits: Floats, wheel: int) -> tuple[Counts, Floats]:
    endings, weights = before
    every = endings[:, None] + 2 * 10**wheel * np.arange(10)
    return _best(every.ravel(), (weights[:, None] + digits).ravel())


def neighbours(counts: Counts, wheels: int) -> Counts:
    """The counts that differ by one in a single upper wheel, which may be early or late."""
    steps = np.array([sign * 2 * 10**wheel for wheel in range(1, wheels) for sign in (-1, 1)])
    return np.asarray((counts[:, None] + steps).ravel() % half_steps(wheels), np.int64)


def following(believed: Counts, endings: list[Counts]) -> Counts:
    """The counts to be weighed next: the believed ones, the likeliest first, what may follow them, and suggestions.

    `endings` are those that `suggested` gives.
    """
    wheels = len(endings)
    leading = believed[:_LEADING]
    found = [believed, (believed[:, None] + np.arange(1, _STEPS + 1)).ravel(), endings[-1]]
    for wheel, ending in enumerate(endings, start=1):
        span = 2 * 10**wheel
        ahead = (ending[:_ENDINGS] - leading[:, None]) % span
        found.append((leading[:, None] + ahead).ravel())
    return np.unique(np.concatenate(found) % half_steps(wheels))
