"""Activations as polynomials: least squares, for each channel, over the values that were seen.

Degree 2 is one quadratic. Degree 4 is a quadratic of another one: with v = (x - s)², A·v² + B·v + C. For a
given centre s that is linear in A, B and C, so that only s has to be searched for.
"""

from dataclasses import dataclass

import numpy as np

from blindsight.onnx_import.pointwise import Pointwise
from common.layers import Array

DEGREES = (2, 4)

_LEAST_VALUES = 256  # with fewer, a channel is fitted over the values of the whole layer
_NARROW = 1e-4  # a channel is too, when it varies by less than this share of what the layer does
_TAIL, _TAIL_POINTS, _TAIL_WEIGHT = 0.25, 16, 0.02  # frames to come may be brighter than those seen
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


def fit(function: Pointwise, seen: Array, degree: int) -> Fit:
    """Fit a function on the values seen (channels, n) by a polynomial of degree 2 or 4 for each channel."""
    low, high = (seen.min(axis=1), seen.max(axis=1))
    pooled = seen.reshape(-1)
    spread = float(pooled.max() - pooled.min())
    values = seen
    if seen.shape[1] < _LEAST_VALUES:
        values = np.broadcast_to(pooled, (len(seen), pooled.size))
    else:
        dull = high - low <= _NARROW * spread
        if dull.any():
            some = np.random.default_rng(0).choice(pooled, seen.shape[1])
            values = np.where(dull[:, None], some, seen)
    centre, half = _interval(values)
    points = np.concatenate([(values - centre) / half, _tails(len(values))], axis=1)
    weights = np.full(points.shape[1], _TAIL_WEIGHT * values.shape[1] / _TAIL_POINTS)
    weights[: values.shape[1]] = 1.0
    targets = function.apply((points * half + centre).T).T
    scale = float(targets.std()) or 1.0
    if degree == DEGREES[0]:
        quadratics: tuple[Array, ...] = (_unscaled(_quadratic(points, targets, weights, scale), centre, half),)
    else:
        quadratics = _two_quadratics(points, targets, weights, scale, centre, half)
    exact, fitted = function.apply(seen.T).T, seen
    for coefficients in quadratics:
        fitted = _evaluate(coefficients, fitted)
    rms = float(np.sqrt(np.mean((fitted - exact) ** 2)))
    return Fit(quadratics, rms, rms / (float(exact.std()) or 1.0))


def _interval(values: Array) -> tuple[Array, Array]:
    """Middle and half width of each channel's values, (channels, 1) each."""
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    return (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)


def _tails(channels: int) -> Array:
    side = np.linspace(1, 1 + _TAIL, _TAIL_POINTS // 2)
    return np.broadcast_to(np.concatenate([-side, side]), (channels, _TAIL_POINTS))


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
    step = max(1, points.shape[1] // _SEARCH_VALUES)
    # The tails stand last and stay, with the weight that they have among fewer values.
    chosen = np.r_[0 : points.shape[1] - _TAIL_POINTS : step, points.shape[1] - _TAIL_POINTS : points.shape[1]]
    thinned = np.where(weights == 1.0, 1.0, weights / step)[chosen]
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
