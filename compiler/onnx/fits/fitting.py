"""Activations as polynomials: least squares, for each channel, over the values that were seen.

Degree 1 is a line. Degree 2 is one quadratic. Degree 4 is a quadratic of another one: with v = (x - s)²,
A·v² + B·v + C. For a given centre s that is linear in A, B and C, so that only s has to be searched for.
"""

from dataclasses import dataclass

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.pointwise import Pointwise

#: Degrees that activations may be fitted with.
DEGREES = (2, 4)
#: Degree of the lines that stand for some activations where there are too few levels for all.
LINE = 1

#: Values of a channel from which its range can be told; with fewer, the range of the whole layer stands for it.
_LEAST_VALUES = 64
#: Channels of an activation, at most: each has a grid of points of its own in memory.
_MOST_CHANNELS = 2**18
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
#: Standard deviation of a squared slot's error, as a share of the largest one. Plans keep eight standard deviations of
#: a score's error below 2⁻⁶ of the largest score, most of the time, and a score is the sum of several slots.
_SLOT_ERROR = 2.0**-10
#: Curvatures that are tried beside the best one, as shares of the slope; each of them bent up and down.
_CURVATURES = np.concatenate([[0.0], np.geomspace(0.005, 0.5, 24), -np.geomspace(0.005, 0.5, 24)])
#: The smallest curvature, as a share of the spread of all channels' targets: the compiler divides by it.
_LEAST_CURVATURE = 1e-3
#: How much less than a quadratic's error that of two must be, or the second isn't worth its level.
_WORTH = 0.95


@dataclass(frozen=True)
class Fit:
    """Quadratics that follow each other, as coefficients (3, channels) with the constant first; a line bends nowhere.

    `rms` is the root of the mean squared error over the values seen, `relative` the same as a share of the
    standard deviation of what the activation gave.
    """

    quadratics: tuple[Array, ...]
    degree: int
    rms: float
    relative: float


def fit(function: Pointwise, seen: Array, targets: Array, degree: int, weights: Array | None = None) -> Fit:
    """Fit targets (channels, n) by polynomials of degree 1, 2 or 4 of the values seen (channels, n).

    The targets are what `function` gave in the original network, where its values weren't quite those seen:
    errors of earlier fits are made up for, as far as a polynomial can. `weights` (n,) of the values are 1 on average.
    Degree 4 becomes degree 2 where that is hardly worse. Raises `NetworkError` for too many channels.
    """
    if len(seen) > _MOST_CHANNELS:
        raise NetworkError(
            f"{function.steps[-1].node} has {len(seen):,} channels, each with a polynomial of its own; at most "
            f"{_MOST_CHANNELS:,} may be. Put it before Flatten"
        )
    points = _Points.of(function, seen, targets, weights)
    if degree == LINE:
        line = points.solve(2)
        return _judged((points.in_values(np.stack([*line, np.zeros_like(line[0])])),), LINE, seen, targets)
    two = _judged((points.in_values(_quadratic(points)),), DEGREES[0], seen, targets)
    if degree == DEGREES[0]:
        return two
    four = _judged(_two_quadratics(points), DEGREES[1], seen, targets)
    return four if four.rms < _WORTH * two.rms else two


@dataclass(frozen=True)
class _Points:
    """Where a fit is made: values in half ranges from their middle, targets and weights, all (channels, n).

    The last `_POINTS` of them lie on a grid. `scale` is the spread of all targets; `centre` and `half` (channels, 1)
    lead back to the values.
    """

    places: Array
    targets: Array
    weights: Array
    centre: Array
    half: Array
    scale: float

    @classmethod
    def of(cls, function: Pointwise, seen: Array, targets: Array, weights: Array | None) -> "_Points":
        centre, half = _intervals(seen)
        grid = np.broadcast_to(np.linspace(-_REACH, _REACH, _POINTS), (len(seen), _POINTS))
        places = np.concatenate([(seen - centre) / half, grid], axis=1)
        wanted = np.concatenate([targets, _beside(function, grid * half + centre, seen)], axis=1)
        all_weights = np.full(places.shape[1], max(_LEAST_WEIGHT, _WEIGHT * seen.shape[1]) / _POINTS)
        all_weights[: seen.shape[1]] = 1.0 if weights is None else weights
        return cls(places, wanted, all_weights, centre, half, float(wanted.std()) or 1.0)

    def replaced(self, places: Array, targets: Array) -> "_Points":
        return _Points(places, targets, self.weights, self.centre, self.half, self.scale)

    def solve(self, count: int) -> Array:
        """Least squares with `count` coefficients for each channel, (count, channels)."""
        powers = [np.ones_like(self.places), self.places, self.places**2][:count]
        normal = np.array([[(self.weights * p * q).sum(axis=1) for q in powers] for p in powers])
        right = np.array([(self.weights * p * self.targets).sum(axis=1) for p in powers])
        # Where all points are one, the coefficients that they don't determine become 0.
        ridge = 1e-12 * normal[0, 0] * np.eye(count)[..., None]
        solved: Array = np.linalg.solve(np.moveaxis(normal + ridge, 2, 0), right.T[..., None])[..., 0].T
        return solved

    def sample(self) -> "_Points":
        """Some of the values, and all points of the grid."""
        values = self.places.shape[1] - _POINTS
        step = max(1, values // _SEARCH_VALUES)
        chosen = np.r_[0:values:step, values : self.places.shape[1]]
        weights = np.where(chosen < values, self.weights[chosen], self.weights[chosen] / step)
        return _Points(self.places[:, chosen], self.targets[:, chosen], weights, self.centre, self.half, self.scale)

    def in_values(self, coefficients: Array) -> Array:
        """Coefficients in values of what they are in places."""
        return _unscaled(coefficients, self.centre, self.half)


def _judged(quadratics: tuple[Array, ...], degree: int, seen: Array, targets: Array) -> Fit:
    fitted = seen
    for coefficients in quadratics:
        fitted = _evaluate(coefficients, fitted)
    rms = float(np.sqrt(np.mean((fitted - targets) ** 2)))
    return Fit(quadratics, degree, rms, rms / (float(targets.std()) or 1.0))


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


def _quadratic(points: _Points) -> Array:
    """Coefficients (3, channels), constant first, with the least error of fit and ciphertexts together.

    The compiler squares x + b/2a, so a nearly linear channel becomes the small difference of large squares. An error
    of the square, which is a share of the largest square, counts a times in what comes out: about b²/4a.
    """
    best, line = points.solve(3), points.solve(2)
    bend = points.replaced(points.places, points.places**2)
    offset, slope = bend.solve(2)
    rest = bend.targets - slope[:, None] * points.places - offset[:, None]
    variance = (points.weights * rest**2).sum(axis=1) / points.weights.sum()
    tried = np.concatenate([best[2][:, None], _CURVATURES[1:] * np.abs(line[1])[:, None]], axis=1)
    tried = np.where(
        np.abs(tried) < _LEAST_CURVATURE * points.scale,
        np.copysign(_LEAST_CURVATURE * points.scale, tried),
        tried,
    )
    slopes = line[1][:, None] - tried * slope[:, None]
    of_fit = (tried - best[2][:, None]) ** 2 * variance[:, None]
    of_slots = (_SLOT_ERROR * np.abs(tried) * (1 + np.abs(slopes / (2 * tried))) ** 2) ** 2
    chosen = np.take_along_axis(tried, (of_fit + of_slots).argmin(axis=1)[:, None], axis=1)[:, 0]
    return np.stack([line[0] - chosen * offset, line[1] - chosen * slope, chosen])


def _two_quadratics(points: _Points) -> tuple[Array, Array]:
    where = _best_centres(points.sample())
    squares = (points.places - where) ** 2
    largest = squares.max(axis=1, keepdims=True)
    outer = _quadratic(points.replaced(squares / largest * 2 - 1, points.targets))
    inner = np.stack([where**2 / largest, -2 * where / largest, 1 / largest])[..., 0]
    return points.in_values(inner), _unscaled(outer, np.full_like(largest, 0.5), np.full_like(largest, 0.5))


def _best_centres(points: _Points) -> Array:
    """The centre of each channel around which a polynomial of degree 4 fits best, (channels, 1)."""
    channels = len(points.places)
    best, least = np.zeros((channels, 1)), np.full((channels, 1), np.inf)
    offsets, around = _CENTRES, np.zeros((channels, 1))
    for _ in range(1 + _REFINEMENTS):
        for offset in offsets:
            centre = around + offset
            squares = (points.places - centre) ** 2
            squares = squares / squares.max(axis=1, keepdims=True) * 2 - 1
            quadratic = points.replaced(squares, points.targets).solve(3)
            residuals = _evaluate(quadratic, squares) - points.targets
            errors = (points.weights * residuals**2).sum(axis=1, keepdims=True)
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
