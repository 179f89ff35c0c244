"""Activations as polynomials: least squares, for each channel, over the values that were seen.

Degree 2 is one quadratic. Degree 4 is a quadratic of another one: with v = (x - s)², A·v² + B·v + C. For a
given centre s that is linear in A, B and C, so that only s has to be searched for.
"""

from dataclasses import dataclass

import numpy as np

from common.plan.layers import Array
from compiler.onnx.pointwise import Pointwise

DEGREES = (2, 4)

_LEAST_VALUES = 64  # with fewer, a channel's range isn't known, and that of the layer stands for it
_NARROW = 1e-4  # the same for a channel that varies by less than this share of what the layer does
# Points between the values seen and beside them, where the activation itself is the target: few values must
# not lead a fit astray, and frames to come may be brighter than those seen.
_REACH, _POINTS, _LEAST_WEIGHT, _WEIGHT = 1.25, 32, 16.0, 0.005
_SEARCH_VALUES = 2048
_CENTRES = np.linspace(-4, 4, 65)
_REFINEMENTS, _REFINED = 3, 9
# The compiler divides by the quadratic coefficient, so that it must not vanish beside the linear one, nor
# beside what the layer's other channels give.
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
    wanted = np.concatenate([targets, function.apply((grid * half + centre).T).T], axis=1)
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
    seen = points.shape[1] - _POINTS
    step = max(1, seen // _SEARCH_VALUES)
    chosen = np.r_[0:seen:step, seen : points.shape[1]]
    thinned = np.where(chosen < seen, 1.0, weights[chosen] / step)
    where = _best_centres(points[:, chosen], targets[:, chosen], thinned)
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
            found = _solve(squares, targets, weights, 3)
            errors = (weights * (_evaluate(found, squares) - targets) ** 2).sum(axis=1, keepdims=True)
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
