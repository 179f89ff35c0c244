"""Activations as polynomials: least squares, for each channel, over the values that were seen.

Degree 2 is one quadratic. Degree 4 is a quadratic of another one: with v = (x - s)², A·v² + B·v + C. For a
given centre s that is linear in A, B and C, so that only s has to be searched for.
"""

from dataclasses import dataclass

import numpy as np

from common.plan.layers import Array
from compiler.onnx.pointwise import Pointwise

#: Degrees that an activation may be fitted with.
DEGREES = (2, 4)

#: Values of a channel from which its range can be told; with fewer, the range of the whole layer stands for it.
_LEAST_VALUES = 64
#: Share of the layer's spread; the range of a channel that varies by less is that of the whole layer too.
_NARROW = 1e-4
#: Extra points between the values that were seen and beside them, where the activation itself is the target: how far
#: they reach (in half ranges), how many there are, and the weight of all of them (at least; as a share of the values).
#: Few values must not lead a fit astray, and later frames may be brighter.
_REACH, _POINTS, _LEAST_WEIGHT, _WEIGHT = 1.25, 32, 16.0, 0.005
#: Values that the search for the best pair of quadratics looks at, at most.
_SEARCH_VALUES = 2048
#: Centres of the first quadratic that the search begins with, in half ranges of the channel's values.
_CENTRES = np.linspace(-4, 4, 65)
#: Rounds in which the search looks closer at the best centre, and the centres of each round.
_REFINEMENTS, _REFINED = 3, 9
#: Size of the smallest quadratic coefficient, as a share of the linear one, and as a share of the spread of all
#: channels' targets: the compiler divides by it.
_LEAST_CURVATURE, _LEAST_SHARE = 0.02, 1e-3


@dataclass(frozen=True)
class Fit:
    """Quadratics that follow each other, as coefficients (3, channels) with the constant first.

    `rms` is the root of the mean squared error over the values seen, `relative` the same as a share of the
    standard deviation of what the activation gave.
    """

    quadratics: tuple[Array, ...]
    rms: float
    relative: float


def fit(function: Pointwise, seen: Array, targets: Array, degree: int) -> Fit:
    """Fit targets (channels, n) by polynomials of degree 2 or 4 of the values seen (channels, n).

    The targets are what `function` gave in the original network, where its values weren't quite those seen:
    errors of earlier fits are made up for, as far as a polynomial can.
    """
    centre, half = _intervals(seen)
    grid = np.broadcast_to(np.linspace(-_REACH, _REACH, _POINTS), (len(seen), _POINTS))
    points = np.concatenate([(seen - centre) / half, grid], axis=1)
    wanted = np.concatenate([targets, _beside(function, grid * half + centre, seen)], axis=1)
    weights = np.full(points.shape[1], max(_LEAST_WEIGHT, _WEIGHT * seen.shape[1]) / _POINTS)
    weights[: seen.shape[1]] = 1.0
    scale = float(wanted.std()) or 1.0
    if degree == DEGREES[0]:
        quadratics: tuple[Array, ...] = (_unscaled(_quadratic(points, wanted, weights, scale), centre, half),)
    else:
        quadratics = _two_quadratics(points, wanted, weights, scale, centre, half)
    fitted = seen
    for coefficients in quadratics:
        fitted = _evaluate(coefficients, fitted)
    rms = float(np.sqrt(np.mean((fitted - targets) ** 2)))
    return Fit(quadratics, rms, rms / (float(targets.std()) or 1.0))


def _beside(function: Pointwise, grid: Array, seen: Array) -> Array:
    """The function at a grid of points for each channel; where it isn't defined, at the nearest value seen."""
    wanted = function.apply(grid.T).T
    within = np.clip(grid, seen.min(axis=1, keepdims=True), seen.max(axis=1, keepdims=True))
    return np.nan_to_num(np.where(np.isfinite(wanted), wanted, function.apply(within.T).T), posinf=0.0, neginf=0.0)


def _intervals(seen: Array) -> tuple[Array, Array]:
    """Middle and half width of each channel's values, (channels, 1) each."""
    low, high = seen.min(axis=1, keepdims=True), seen.max(axis=1, keepdims=True)
    lowest, highest = seen.min(), seen.max()
    unknown = (high - low <= _NARROW * (highest - lowest)) | (seen.shape[1] < _LEAST_VALUES)
    low, high = np.where(unknown, lowest, low), np.where(unknown, highest, high)
    return (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)


def _quadratic(points: Array, targets: Array, weights: Array, scale: float) -> Array:
    """Coefficients (3, channels), constant first, of the best quadratic whose curvature doesn't vanish."""
    best = _solve(points, targets, weights, 3)
    least = np.maximum(_LEAST_CURVATURE * np.abs(best[1]), _LEAST_SHARE * scale)
    flat = np.abs(best[2]) < least
    curvature = np.where(flat, np.copysign(least, best[2]), best[2])
    line = _solve(points, targets - curvature[:, None] * points**2, weights, 2)
    return np.where(flat, np.stack([*line, curvature]), best)


def _solve(points: Array, targets: Array, weights: Array, count: int) -> Array:
    """Least squares with `count` coefficients for each channel, (count, channels)."""
    powers = [np.ones_like(points), points, points**2][:count]
    normal = np.array([[(weights * p * q).sum(axis=1) for q in powers] for p in powers])
    right = np.array([(weights * p * targets).sum(axis=1) for p in powers])
    # Where all points are one, the coefficients that they don't determine become 0.
    ridge = 1e-12 * normal[0, 0] * np.eye(count)[..., None]
    solved: Array = np.linalg.solve(np.moveaxis(normal + ridge, 2, 0), right.T[..., None])[..., 0].T
    return solved


def _two_quadratics(
    points: Array, targets: Array, weights: Array, scale: float, centre: Array, half: Array
) -> tuple[Array, Array]:
    values = points.shape[1] - _POINTS
    step = max(1, values // _SEARCH_VALUES)
    sample = np.r_[0:values:step, values : points.shape[1]]
    sample_weights = np.where(sample < values, 1.0, weights[sample] / step)
    where = _best_centres(points[:, sample], targets[:, sample], sample_weights)
    squares = (points - where) ** 2
    largest = squares.max(axis=1, keepdims=True)
    outer = _quadratic(squares / largest * 2 - 1, targets, weights, scale)
    inner = np.stack([where**2 / largest, -2 * where / largest, 1 / largest])[..., 0]
    inner_of_x = _unscaled(inner, centre, half)
    return inner_of_x, _unscaled(outer, np.full_like(largest, 0.5), np.full_like(largest, 0.5))


def _best_centres(points: Array, targets: Array, weights: Array) -> Array:
    """The centre of each channel around which a polynomial of degree 4 fits best, (channels, 1)."""
    best, least = np.zeros((len(points), 1)), np.full((len(points), 1), np.inf)
    offsets, around = _CENTRES, np.zeros((len(points), 1))
    for _ in range(1 + _REFINEMENTS):
        for offset in offsets:
            centre = around + offset
            squares = (points - centre) ** 2
            squares = squares / squares.max(axis=1, keepdims=True) * 2 - 1
            quadratic = _solve(squares, targets, weights, 3)
            errors = (weights * (_evaluate(quadratic, squares) - targets) ** 2).sum(axis=1, keepdims=True)
            best, least = np.where(errors < least, centre, best), np.minimum(errors, least)
        width = offsets[1] - offsets[0]
        offsets, around = np.linspace(-width, width, _REFINED), best
    return best


def _evaluate(coefficients: Array, values: Array) -> Array:
    c, b, a = coefficients[..., None]
    result: Array = (a * values + b) * values + c
    return result


def _unscaled(coefficients: Array, centre: Array, half: Array) -> Array:
    """Coefficients in x of what they are in (x - centre) / half."""
    c, b, a = coefficients
    m, h = centre[:, 0], half[:, 0]
    return np.stack([c - b * m / h + a * (m / h) ** 2, b / h - 2 * a * m / h**2, a / h**2])
