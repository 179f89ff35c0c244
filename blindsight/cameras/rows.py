"""Rows of what looks like digits in a picture.

The picture is thresholded against its surroundings, at several scales and for light and for dark digits. Parts that are
shaped like a digit form a row where they have one height and stand on a line at even distances.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.pictures.opencv import import_opencv
from common.pictures.picture import Picture

#: Pixels of the width to which a wider picture is shrunk for the search.
_WIDTH = 800
#: The surroundings that a pixel is compared with, as shares of that width, and the grey levels by which it differs.
_SURROUNDINGS, _DIFFERENCE = (0.03, 0.06, 0.12), 8
#: The height of a digit as a share of the picture's, and its width as a share of its height.
_HEIGHTS, _SHAPES = (0.03, 0.5), (0.12, 0.95)
#: Parts that are looked at, at most: the tallest, since a meter's print is smaller than its digits.
_MOST_PARTS = 150
#: How much heights may differ; how far places may be off along a row, in distances, and across it, in heights.
_ALIKE, _ALONG, _ACROSS = 0.2, 0.25, 0.18
#: Rows that are told, at most: each is found several times, and noise has thousands.
_MOST_ROWS = 400
#: The distance of two digits as a share of their height, and the steepest row, as a slope.
_PITCHES, _SLOPE = (0.55, 2.6), 0.36
#: Digits of a row, at least, and at most where nobody said how many there are.
_LEAST, _MOST = 3, 10


class Row(NamedTuple):
    """Digits in a row, in pixels: the middle of the first place, the step to the next one, and their height.

    `taken` are the places where a digit was found, of which 0 is the first.
    """

    first: NDArray[np.float64]
    step: NDArray[np.float64]
    height: float
    taken: tuple[int, ...]
    merit: float


def find_rows(picture: Picture, digits: int | None) -> list[Row]:
    """Rows in a picture, in its own pixels, of `digits` digits at most, the likeliest first.

    Raises `ConfigurationError` where OpenCV isn't installed.
    """
    scale = min(1.0, _WIDTH / picture.shape[1])
    found = [row for parts in _parts(picture, scale) for row in _rows(parts, digits)]
    best = sorted(found, key=lambda row: -row.merit)[:_MOST_ROWS]
    return [row._replace(first=row.first / scale, step=row.step / scale, height=row.height / scale) for row in best]


def _parts(picture: Picture, scale: float) -> Iterator[NDArray[np.float64]]:
    """Parts shaped like digits, a row (x, y of the middle, width, height) each, for each scale and polarity."""
    cv2: Any = import_opencv("a proposal of regions")
    grey = picture[:, :, 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    grey = cv2.GaussianBlur(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), (0, 0), 1)
    for share in _SURROUNDINGS:
        block = max(3, round(share * size[0]) | 1)
        for light in (grey, 255 - grey):
            mask = cv2.adaptiveThreshold(light, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, block, -_DIFFERENCE)
            _, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            left, top, across, down, area = boxes[1:].T.astype(float)
            shaped = (
                (down >= _HEIGHTS[0] * size[1])
                & (down <= _HEIGHTS[1] * size[1])
                & (across >= _SHAPES[0] * down)
                & (across <= _SHAPES[1] * down)
                & (area >= 0.12 * across * down)
            )
            parts = np.column_stack([left + across / 2, top + down / 2, across, down])[shaped]
            yield parts[np.argsort(-parts[:, 3])][:_MOST_PARTS]


def _rows(parts: NDArray[np.float64], digits: int | None) -> Iterator[Row]:
    """Rows of parts: each two neighbours tell a direction and a distance, in which others may stand."""
    for index, (x, y, _, height) in enumerate(parts):
        alike = parts[np.abs(parts[:, 3] - height) <= _ALIKE * height]
        ahead = alike - parts[index]
        pairs = ahead[
            (ahead[:, 0] >= _PITCHES[0] * height)
            & (ahead[:, 0] <= _PITCHES[1] * height)
            & (np.abs(ahead[:, 1]) <= _SLOPE * ahead[:, 0])
        ]
        for step in pairs[:, :2]:
            row = _row(np.array([x, y]), step, alike, height, digits)
            if row is not None:
                yield row


def _row(
    first: NDArray[np.float64], step: NDArray[np.float64], parts: NDArray[np.float64], height: float, digits: int | None
) -> Row | None:
    """The row from `first` on that a step leads along, if there are enough digits at even distances."""
    pitch = float(np.hypot(*step))
    along = step / pitch
    ahead = parts[:, :2] - first
    places = ahead @ along / pitch
    nearest = np.rint(places)
    across = np.abs(ahead @ np.array([-along[1], along[0]]))
    on_row = (np.abs(places - nearest) <= _ALONG) & (across <= _ACROSS * height)
    on_row &= (nearest >= 0) & (nearest < (digits or _MOST))
    taken = np.unique(nearest[on_row]).astype(int)
    gaps = np.flatnonzero(np.diff(taken) > 2)  # one digit may be missing between two, no more
    taken = taken[: gaps[0] + 1] if len(gaps) else taken
    if len(taken) < _LEAST:
        return None
    used = on_row & np.isin(nearest, taken)
    terms = np.column_stack([np.ones(used.sum()), nearest[used]])
    (begin, even), *_ = np.linalg.lstsq(terms, parts[used, :2], rcond=None)
    off = float(np.hypot(*(parts[used, :2] - terms @ np.array([begin, even])).T).mean()) / height
    spread = float(parts[used, 3].std()) / height
    # Drums stand apart, print is narrow; and what is large is more likely what the camera looks at.
    apart = min(1.0, float(np.hypot(*even)) / (0.8 * height))
    merit = len(taken) * np.sqrt(height) * apart / (1 + 4 * off + 4 * spread)
    return Row(begin, even, float(np.median(parts[used, 3])), tuple(int(place) for place in taken), float(merit))
