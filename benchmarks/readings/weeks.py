"""Weeks of pictures of a meter, with all that goes wrong in them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.readings.looks import Floats, Looks, MadeUp
from benchmarks.readings.meters import Meter, counts

#: The share of pictures in which the network is sure of a wrong label, and of these, in which all labels are wrong.
MISREAD, _ALL = 0.02, 0.1


@dataclass(frozen=True)
class Picture:
    """What the reader gets, and what is true: `count` in units of the last wheel, without the turns of the whole meter.

    `clear` says that no label is wrong, or hidden.
    """

    hour: float
    scores: Floats
    count: float
    clear: bool
    restart: bool


@dataclass(frozen=True)
class Story:
    """What happens in some weeks, besides flow. Times are in hours.

    minutes: between two pictures; late: whether a few pictures come late; replaced: when another meter comes, and at
    which count it begins; glare, bubbles and misreads: how many there are in a week
    """

    weeks: float
    minutes: float
    start: float
    glare: float = 2.0
    bubbles: float = 2.0
    misreads: float = 1.0
    restarts: float = 7.0
    outages: float = 0.5
    replaced: tuple[float, float] | None = None


def pictures(random: np.random.Generator, meter: Meter, looks: Looks, story: Story) -> Iterator[Picture]:
    """The pictures of a story, in order of capture."""
    end = 168 * story.weeks
    hours = np.arange(0, end, story.minutes / 60) + random.uniform(0, 0.02, int(np.ceil(end * 60 / story.minutes)))
    for begin, length in _times(random, story.outages, end, 0.5, 12):
        hours = hours[(hours < begin) | (hours > begin + length)]
    total = counts(random, meter, story.start, hours)
    if story.replaced is not None:
        at, value = story.replaced
        new = hours >= at
        total[new] += value - total[new][0]
    covered = _covers(random, meter, story, end)
    restarts = random.random(len(hours)) < story.restarts / 168 * story.minutes / 60
    for hour, count, restart in zip(hours, total, restarts, strict=True):
        places = meter.places(count)
        scores = looks.scores(places)
        _spoil(random, looks, scores)
        for begin, length, wheels, digit in covered:
            if begin <= hour < begin + length:
                scores[wheels] = looks.hidden() if digit is None else MadeUp(random).sure_of(digit)
        right = [int(row.argmax()) in looks.label(place) for row, place in zip(scores, places, strict=True)]
        yield Picture(float(hour), scores[::-1], float(count) % 10**meter.wheels, all(right), bool(restart))


def _times(
    random: np.random.Generator, weekly: float, end: float, least: float, most: float
) -> list[tuple[float, float]]:
    """When something happens that happens so often in a week, and for how many hours."""
    number = random.poisson(weekly * end / 168)
    return [(float(random.uniform(0, end)), float(random.uniform(least, most))) for _ in range(number)]


def _covers(
    random: np.random.Generator, meter: Meter, story: Story, end: float
) -> list[tuple[float, float, list[int], int | None]]:
    """Wheels that are hidden, or misread as one digit: when, for how long, which ones, and the digit."""
    found: list[tuple[float, float, list[int], int | None]] = []
    for begin, length in _times(random, story.glare, end, 0.5, 6):
        first = int(random.integers(meter.wheels - 1))
        found.append((begin, length, [first, first + 1], None))
    for begin, length in _times(random, story.bubbles, end, 0.2, 3):
        found.append((begin, length, [int(random.integers(meter.wheels))], None))
    for begin, length in _times(random, story.misreads, end, 0.8, 1.2):
        found.append((begin, length, [int(random.integers(meter.wheels))], int(random.integers(10))))
    return found


def _spoil(random: np.random.Generator, looks: Looks, scores: Floats) -> None:
    """Let one label in a picture, or all, be wrong, now and then."""
    if random.random() >= MISREAD:
        return
    wheels = range(len(scores)) if random.random() < _ALL else [int(random.integers(len(scores)))]
    for wheel in wheels:
        scores[wheel] = MadeUp(random).sure_of(int(random.integers(10)))
