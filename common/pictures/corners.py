"""Corners of regions, and what is wrong with them."""

import math

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError

Point = tuple[float, float]
#: x, y, width and height of an upright rectangle, in pixels.
Box = tuple[float, float, float, float]
Corners = tuple[Point, Point, Point, Point]
#: The shortest side of a region or mark, in pixels: on less there is nothing to be read or found again.
_LEAST_SIDE = 4.0
#: How far outside the picture a region's corner may be, as a share of the picture's sides: where what it shows is cut
#: off by the picture's edge. The crop then repeats the last pixels.
OUTSIDE = 0.05


def box_corners(box: Box, size: tuple[int, int], where: str, outside: float = OUTSIDE) -> Corners:
    """A box's corners in a picture of `size`. Raises `ConfigurationError` for one that is too small or outside."""
    left, top, width, height = box
    if min(width, height) < _LEAST_SIDE:
        raise ConfigurationError(
            f"{where}: box is {list(box)}; its width and height are {_LEAST_SIDE:g} pixels at least"
        )
    right, bottom = left + width, top + height
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    _check_inside(corners, size, outside, where, f"box is {list(box)}, and its corner")
    return corners


def check_corners(corners: Corners, size: tuple[int, int], where: str) -> None:
    """Raise `ConfigurationError` unless corners are inside a picture of `size` (width, height), go clockwise and bend
    outwards; `where` names the table."""
    _check_inside(corners, size, OUTSIDE, where, "in corners,")
    points = np.array(corners)
    sides = np.roll(points, -1, axis=0) - points
    if np.hypot(*sides.T).min() < _LEAST_SIDE:
        raise ConfigurationError(
            f"{where}: corners is {_written(points)}, with a side of less than {_LEAST_SIDE:g} pixels; "
            "give a larger region"
        )
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]  # above 0: clockwise, since y grows downwards
    if (turns < 0).all():
        raise ConfigurationError(
            f"{where}: corners is {_written(points)}, which goes anticlockwise; give the top left, top right, "
            "bottom right and bottom left corner"
        )
    if not (turns > 0).all():
        raise ConfigurationError(
            f"{where}: corners is {_written(points)}, whose sides cross or bend inwards; give the top left, top right, "
            "bottom right and bottom left corner of a four-sided shape"
        )


def _check_inside(corners: Corners, size: tuple[int, int], outside: float, where: str, what: str) -> None:
    for x, y in corners:
        shares = x / size[0], y / size[1]
        if not all(math.isfinite(share) and -outside <= share <= 1 + outside for share in shares):
            raise ConfigurationError(
                f"{where}: {what} [{x:g}, {y:g}] is outside the picture, whose size in [picture] is {list(size)}"
            )


def _written(points: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"[{x:g}, {y:g}]" for x, y in points) + "]"
