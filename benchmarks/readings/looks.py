"""What a network says of wheels: scores that a model makes up, with errors of which it is sure."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The labels of a network that reads wheels.
NAMES = (*"0123456789", "between", "unreadable")
_BETWEEN, _UNREADABLE = 10, 11


class Looks(Protocol):
    """How wheels look to a network."""

    names: tuple[str, ...]

    def scores(self, places: Floats) -> Floats:
        """The scores, (wheels, labels), of wheels that stand at these places, 0 to 10."""

    def hidden(self) -> Floats:
        """The scores, (labels,), of a wheel that can't be seen."""

    def label(self, place: float) -> set[int]:
        """The labels, as indexes, that are right for a wheel at a place."""


class MadeUp:
    """Scores from a model of confusions: no network is asked.

    A wheel less than 0.25 of a digit away from a digit is labelled so, mostly; else "between".
    """

    names = NAMES

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def scores(self, places: Floats) -> Floats:
        return np.stack([self._wheel(float(place)) for place in places])

    def hidden(self) -> Floats:
        return self._sure(_UNREADABLE)

    def label(self, place: float) -> set[int]:
        part = place % 1
        here, after = int(place) % 10, (int(place) + 1) % 10
        if 0.35 < part < 0.65:
            return {_BETWEEN}
        return {here if part < 0.5 else after} | ({_BETWEEN} if 0.15 < part < 0.85 else set())

    def sure_of(self, digit: int) -> Floats:
        """The scores, (labels,), of a digit of which the network is sure."""
        return self._sure(digit)

    def _wheel(self, place: float) -> Floats:
        part = place % 1
        here, after = int(place) % 10, (int(place) + 1) % 10
        # How far the place is from where "between" begins, in widths of the zone in which either label comes.
        turned = (0.5 - abs(part - 0.5) - 0.25) / 0.06 + self._random.normal()
        if turned < 0:
            return self._sure(here if part < 0.5 else after)
        scores = self._sure(_BETWEEN)
        beside = scores[_BETWEEN] - self._random.uniform(2, 5)
        scores[here], scores[after] = beside + 2 * (0.5 - part), beside - 2 * (0.5 - part)
        return scores

    def _sure(self, label: int) -> Floats:
        scores = self._random.normal(0, 1, len(NAMES))
        scores[label] += self._random.uniform(6, 12)
        return np.asarray(scores)
