"""Scores of wheels, as a network that is sure of its labels would give them."""

from collections.abc import Sequence

import numpy as np

from common.readings.evidence import Floats, Labels
from common.readings.spec import ReadingSpec
from common.readings.tracker import Outcome, Track, Tracker

NAMES = (*"0123456789", "between", "unreadable")
#: Short forms of labels, of one character each.
SHORT = {"b": "between", "?": "unreadable"}


def scores(labels: str) -> Floats:
    """The scores of a picture's wheels: a digit each, "b" for between two digits, "?" for unreadable."""
    found = np.zeros((len(labels), len(NAMES)))
    for row, label in zip(found, labels, strict=True):
        row[NAMES.index(SHORT.get(label, label))] = 10.0
    return found


def spec_of(wheels: int, max_rate: float = 3.0, decimals: int = 0) -> ReadingSpec:
    """A reading of so many wheels, d1, d2, …"""
    return ReadingSpec("water", tuple(f"d{number}" for number in range(1, wheels + 1)), decimals, "m³", max_rate)


class Camera:
    """Takes pictures of a meter at regular times, and lets a tracker read them."""

    def __init__(self, wheels: int = 5, minutes: float = 10.0, **spec: float) -> None:
        self.tracker = Tracker(spec_of(wheels, **spec), Labels(NAMES))  # type: ignore[arg-type]
        self.track: Track | None = None
        self.at, self._seconds = 1_000_000.0, 60 * minutes

    def see(self, *pictures: str, times: int = 1) -> list[Outcome]:
        """Read pictures with these labels, each so many times."""
        found = []
        for labels in pictures:
            for _ in range(times):
                found.append(self.take(scores(labels)))
        return found

    def take(self, picture: Floats) -> Outcome:
        """Read one more picture with these scores."""
        self.at += self._seconds
        self.track, outcome = self.tracker.take(self.track, picture, self.at)
        return outcome


def values(outcomes: Sequence[Outcome]) -> list[str | None]:
    """What was published, picture by picture."""
    return [outcome.value for outcome in outcomes]
