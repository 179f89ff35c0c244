"""A guess where the digits of a meter are in a picture, for a person to correct.

Rows of what looks like digits are found by their shapes. Print on the meter is such a row, too; where there is a model,
that row is taken in which it reads digits best.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blindsight.cameras.rows import Row, find_rows
from common.pictures.corners import Corners
from common.pictures.cropping import cut
from common.pictures.picture import Picture
from common.pictures.regions import Region, Regions
from common.plan.network import Network

#: The size of a region, in heights and distances of digits: there is some space around a digit.
_TALL, _WIDE = 1.45, 0.92
#: The number of regions where none was named and no digits were found.
_USUAL = 5
#: Rows that a model looks at, at most; two are one where their middles are closer than this, in heights of digits.
_MOST_ROWS, _CLOSE = 24, 0.3
#: The labels of digits.
_DIGITS = tuple("0123456789")

_Candidate: TypeAlias = tuple[Row, tuple[Region, ...]]


class Proposal(NamedTuple):
    """Regions for a picture, and how many digits were found in it: none where the regions are only a beginning."""

    regions: Regions
    found: int


def propose(picture: Picture, digits: int | None = None, network: Network | None = None) -> Proposal:
    """Regions for a row of `digits` digits, or of as many as are found, and a reading of them.

    A `network` that reads digits chooses among the rows. Raises `ConfigurationError` where OpenCV isn't installed.
    """
    height, width = picture.shape[:2]
    rows = find_rows(picture, digits)
    candidates = list(_candidates(rows, digits, picture))
    if candidates:
        row, regions = candidates[0] if network is None else _most_legible(picture, candidates, network)
        found = len(row.taken)
    else:
        count = digits or _USUAL
        regions, found = _regions(_anywhere(width, height, count), range(count), width, height), 0
    reading = {"name": "meter", "regions": [region.name for region in regions], "decimals": 0, "unit": "m³"}
    return Proposal(Regions((width, height), regions, readings=(reading,)), found)


def _candidates(rows: list[Row], digits: int | None, picture: Picture) -> Iterator[_Candidate]:
    """Rows and their regions, the likeliest first: of rows in one place only the first, and none without room."""
    height, width = picture.shape[:2]
    seen: list[Row] = []
    for row in rows:
        if len(seen) == _MOST_ROWS:
            return
        if any(_is_same(row, other) for other in seen):
            continue
        places = _places(row, digits, picture)
        if _has_room(row, places, width, height):
            seen.append(row)
            yield row, _regions(row, places, width, height)


def _is_same(row: Row, other: Row) -> bool:
    return bool(
        np.hypot(*(row.first - other.first)) < _CLOSE * row.height
        and np.hypot(*(row.step - other.step)) < _CLOSE * row.height
        and abs(row.height - other.height) < _CLOSE * row.height
    )


def _most_legible(picture: Picture, candidates: list[_Candidate], network: Network) -> _Candidate:
    """The candidate of the most merit, times how sure the network is, on the mean, that there are digits."""
    labels = [network.labels.index(digit) for digit in _DIGITS if digit in network.labels]
    if not labels:
        return candidates[0]

    def worth(candidate: _Candidate) -> float:
        row, regions = candidate
        scores = network.scores(cut(picture, regions, network.frame_shape))
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return row.merit * float(shares[:, labels].max(axis=1).mean())

    return max(candidates, key=worth)


def _regions(row: Row, places: range, width: int, height: int) -> tuple[Region, ...]:
    return tuple(Region(f"d{number}", _corners(row, place, width, height)) for number, place in enumerate(places, 1))


def _places(row: Row, digits: int | None, picture: Picture) -> range:
    """The places of the regions: those between digits that were found, and beside them where there have to be more.

    More are added on the side where the picture changes more, which an even ground doesn't.
    """
    first, last = row.taken[0], row.taken[-1]
    if digits is None:
        return range(first, last + 1)
    last = min(last, first + digits - 1)
    starts = range(last + 1 - digits, first + 1)
    grey = picture.mean(axis=2)

    def detail(start: int) -> float:
        return sum(_detail(grey, row, place) for place in range(start, start + digits))

    best = max(starts, key=detail)
    return range(best, best + digits)


def _detail(grey: NDArray[np.float64], row: Row, place: int) -> float:
    """How much a picture (h, w) changes around a place, in grey levels; far below 0 outside of it."""
    x, y = row.first + place * row.step
    half = row.height / 2
    if not (half <= x <= grey.shape[1] - half and half <= y <= grey.shape[0] - half):
        return -1000.0
    return float(grey[round(y - half) : round(y + half), round(x - half / 2) : round(x + half / 2)].std())


def _has_room(row: Row, places: range, width: int, height: int) -> bool:
    """Whether the places of a row are in the picture, of which the outermost may be cut off by half."""
    ends = [row.first + place * row.step for place in (places[0], places[-1])]
    return all(0 <= x <= width and 0 <= y <= height for x, y in ends)


def _anywhere(width: int, height: int, digits: int) -> Row:
    """A row across the middle of a picture, as a beginning."""
    pitch = 0.7 * width / digits
    tall = min(1.4 * pitch, 0.5 * height)
    return Row(np.array([0.15 * width + pitch / 2, height / 2]), np.array([pitch, 0.0]), tall / _TALL, (), 0.0)


def _corners(row: Row, place: int, width: int, height: int) -> Corners:
    """A region's corners around a place in the row, within the picture."""
    pitch = float(np.hypot(*row.step))
    along = row.step / pitch * min(_WIDE * pitch, row.height * 1.1) / 2
    down = np.array([-row.step[1], row.step[0]]) / pitch * _TALL * row.height / 2
    middle = row.first + place * row.step
    corners = [middle - along - down, middle + along - down, middle + along + down, middle - along + down]
    first, second, third, fourth = (
        (round(float(np.clip(x, 0, width)), 1), round(float(np.clip(y, 0, height)), 1)) for x, y in corners
    )
    return first, second, third, fourth
