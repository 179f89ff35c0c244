"""Between which bounds the values of a function lie, whatever it is applied to."""

import math
from collections.abc import Callable

import numpy as np

from common.plan.layers import Array

#: The least and the largest value, which may be infinite.
Bounds = tuple[float, float]

ANY: Bounds = (-math.inf, math.inf)


def sum_bounds(first: Bounds, second: Bounds) -> Bounds:
    """Of the sum of two values."""
    return first[0] + second[0], first[1] + second[1]  # two least values are never infinite with different signs


def product_bounds(first: Bounds, second: Bounds) -> Bounds:
    """Of the product of two values."""
    corners = [0.0 if 0 in (a, b) else a * b for a in first for b in second]
    return min(corners), max(corners)


def images(function: Callable[[Array], Array], bounds: Bounds) -> Bounds:
    """Of an increasing or decreasing function of a value."""
    with np.errstate(all="ignore"):
        low, high = sorted(float(function(np.array([value]))[0]) for value in bounds)
    return ANY if math.isnan(low) or math.isnan(high) else (low, high)
