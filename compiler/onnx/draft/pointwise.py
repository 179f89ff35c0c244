"""Functions applied to each value of a tensor: what activations and arithmetic with constants make up.

A function is a polynomial, of which the coefficients are known, or an operation on other functions of the same value.
So it doesn't matter in which operators an activation is written.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.bounds import ANY, Bounds, product_bounds, sum_bounds

#: Degree of a polynomial up to which its coefficients are tracked.
MOST_DEGREE = 16

#: Operations that make up one function, at most: all of them are computed for each value, in memory at once at worst.
_MOST_PARTS = 500
_TOO_MANY = f"a function of one value is made up of over {_MOST_PARTS} operators; use a simpler one"
#: Relative difference up to which two quadratics stand for a polynomial of degree 4.
_EXACT = 1e-9


class Step(NamedTuple):
    """A node that makes a function more than affine."""

    node: str
    operator: str


@dataclass(frozen=True, eq=False)
class Pointwise:
    """A function of each value, which may differ between channels.

    `coefficients` has shape (degree + 1, channels), constant first; None where the function is no polynomial, but
    `operation` on the values of `operands`. `parts` are all that these are made of and they themselves, each after
    those that it needs. What the function gives lies within `bounds`. `direction` is 1 where it strictly increases
    with the one operand that isn't constant, in the same way for all channels, -1 where it decreases, 0 where
    nobody knows.
    """

    coefficients: Array | None
    steps: tuple[Step, ...] = ()
    operation: Callable[..., Array] | None = None
    operands: tuple["Pointwise", ...] = ()
    parts: tuple["Pointwise", ...] = ()
    bounds: Bounds = ANY
    direction: int = 0

    @property
    def degree(self) -> int | None:
        """The polynomial's degree; None where it is none."""
        return None if self.coefficients is None else len(self.coefficients) - 1

    @property
    def channels(self) -> int:
        """How many channels it has a function for."""
        known = next(part.coefficients for part in (*self.parts, self) if part.coefficients is not None)
        return int(known.shape[1])

    @property
    def is_identity(self) -> bool:
        """Whether values stay what they are."""
        return self.degree == 1 and bool(np.all(self.coefficients == np.array([[0.0], [1.0]])))

    @property
    def is_constant(self) -> bool:
        """Whether it is a polynomial, and the value doesn't matter."""
        return self.coefficients is not None and not self.coefficients[1:].any()

    def apply(self, x: Array) -> Array:
        """The function of each of x's values; x has shape (n, channels, …). What isn't defined becomes NaN."""
        needed = Counter(id(operand) for part in (*self.parts, self) for operand in part.operands)
        values: dict[int, Array] = {}
        with np.errstate(all="ignore"):
            for part in (*self.parts, self):
                values[id(part)] = part._computed(x, values)
                for operand in part.operands:  # what nobody needs any more makes room
                    needed[id(operand)] -= 1
                    if not needed[id(operand)]:
                        values.pop(id(operand), None)
        return values[id(self)]

    def _computed(self, x: Array, values: dict[int, Array]) -> Array:
        if self.operation is None:
            return _evaluated(self.coefficients, x)  # type: ignore[arg-type]
        return np.asarray(self.operation(*(values[id(operand)] for operand in self.operands)), dtype=np.float64)

    def plus(self, other: "Pointwise") -> "Pointwise":
        """The sum of both functions of the same value."""
        if self.coefficients is None or other.coefficients is None:
            (atom, factor, shift), (same, more, further) = _multiple(self), _multiple(other)
            if atom is same:  # as in p - (1 - p), which is 2p - 1
                channels = atom.channels
                scaled = atom.times(constant(np.broadcast_to(factor + more, channels)))
                return scaled.plus(constant(np.broadcast_to(shift + further, channels)))
            bounds = sum_bounds(self.bounds, other.bounds)
            return combined(np.add, (self, other), bounds=bounds, direction=int(_one_constant(self, other) is not None))
        total = np.zeros((max(len(self.coefficients), len(other.coefficients)), self.coefficients.shape[1]))
        total[: len(self.coefficients)] += self.coefficients
        total[: len(other.coefficients)] += other.coefficients
        return polynomial(total, _merged(self.steps, other.steps), sum_bounds(self.bounds, other.bounds))

    def times(self, other: "Pointwise", step: Step | None = None) -> "Pointwise":
        """The product of both functions of the same value; `step` unless one is constant."""
        if self.coefficients is None or other.coefficients is None or self._degree_with(other) > MOST_DEGREE:
            bounds = product_bounds(self.bounds, other.bounds)
            if self is other:
                return combined(np.square, (self,), step, bounds=bounds, direction=_direction_of_square(self.bounds))
            factor = _one_constant(self, other)
            return combined(np.multiply, (self, other), step, bounds=bounds, direction=int(np.sign(factor or 0)))
        product = np.zeros((len(self.coefficients) + len(other.coefficients) - 1, self.coefficients.shape[1]))
        for power, row in enumerate(other.coefficients):
            product[power : power + len(self.coefficients)] += self.coefficients * row
        steps = _merged(self.steps, other.steps, (step,) if step else ())
        return polynomial(product, steps, product_bounds(self.bounds, other.bounds))

    def then(
        self, function: Callable[[Array], Array], step: Step, bounds: Bounds = ANY, direction: int = 0
    ) -> "Pointwise":
        """`function` of this one's values."""
        return combined(function, (self,), step, bounds=bounds, direction=direction)

    def _degree_with(self, other: "Pointwise") -> int:
        return (self.degree or 0) + (0 if other.is_constant else other.degree or 0)


def combined(
    operation: Callable[..., Array],
    operands: tuple[Pointwise, ...],
    step: Step | None = None,
    *,
    bounds: Bounds = ANY,
    direction: int = 0,
) -> Pointwise:
    """`operation` on the values of other functions of the same value.

    Raises `NetworkError` where the function is made up of too many.
    """
    parts = tuple(dict.fromkeys(part for operand in operands for part in (*operand.parts, operand)))
    if len(parts) >= _MOST_PARTS:
        raise NetworkError(_TOO_MANY)
    steps = _merged(*(operand.steps for operand in operands), (step,) if step else ())
    alone = sum(not operand.is_constant for operand in operands) == 1
    return Pointwise(None, steps, operation, operands, parts, bounds, direction if alone else 0)


def polynomial(coefficients: Array, steps: tuple[Step, ...] = (), bounds: Bounds = ANY) -> Pointwise:
    """The polynomial with these coefficients (degree + 1, channels), constant first, and within these bounds."""
    used = np.flatnonzero(coefficients.any(axis=1))
    coefficients = coefficients[: max(2, used[-1] + 1 if len(used) else 0)]
    if not coefficients[1:].any():
        bounds = float(coefficients[0].min()), float(coefficients[0].max())
    return Pointwise(coefficients, steps, bounds=bounds)


def identity(channels: int) -> Pointwise:
    """Each value itself."""
    return affine(np.ones(channels), np.zeros(channels))


def affine(factor: Array, shift: Array) -> Pointwise:
    """factor · x + shift, both of shape (channels,)."""
    return polynomial(np.stack([shift, factor]))


def constant(values: Array) -> Pointwise:
    """The same (channels,) values whatever x is."""
    return affine(np.zeros(len(values)), values)


def two_quadratics(coefficients: Array) -> tuple[Array, Array] | None:
    """A polynomial of degree 4 as one of degree 2 of another, where that is exact in every channel.

    With v = x² + p·x, A·v² + B·v + C is A·x⁴ + 2Ap·x³ + (Ap² + B)·x² + Bp·x + C. Returns the inner and the
    outer coefficients, (3, channels) each, constant first.
    """
    if len(coefficients) != 5 or not coefficients[4].all():
        return None
    c, linear, square, cube, a = coefficients
    p = cube / (2 * a)
    b = square - a * p**2
    size = np.abs(linear) + np.abs(square * p) + np.abs(a * p**3)
    if np.any(np.abs(linear - b * p) > _EXACT * size):
        return None
    return np.stack([np.zeros_like(p), p, np.ones_like(p)]), np.stack([c, b, a])


def _evaluated(coefficients: Array, x: Array) -> Array:
    rows = [row.reshape((1, -1) + (1,) * (x.ndim - 2)) for row in coefficients]
    value = np.broadcast_to(rows[-1], x.shape)
    for row in rows[-2::-1]:
        value = value * x + row
    return value


def _multiple(function: Pointwise) -> tuple[Pointwise, float | Array, float | Array]:
    """A function as another one times a factor and plus a shift, which are one number or one for each channel."""
    factor: float | Array = 1.0
    shift: float | Array = 0.0
    while function.operation in (np.add, np.multiply):
        known = [operand for operand in function.operands if operand.is_constant]
        others = [operand for operand in function.operands if not operand.is_constant]
        if len(known) != 1 or known[0].coefficients is None:
            break
        values = known[0].coefficients[0]
        if function.operation is np.add:
            shift = shift + factor * values
        else:
            factor = factor * values
        function = others[0]
    return function, factor, shift


def _one_constant(first: Pointwise, second: Pointwise) -> float | None:
    """The value of the one that is constant and the same for all channels; None where neither or both are."""
    if first.is_constant == second.is_constant:
        return None
    low, high = (first if first.is_constant else second).bounds
    return low if low == high else None


def _direction_of_square(bounds: Bounds) -> int:
    return 1 if bounds[0] >= 0 else -1 if bounds[1] <= 0 else 0


def _merged(*steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """All steps, each once, in order. Raises `NetworkError` for too many."""
    merged = tuple(dict.fromkeys(step for some in steps for step in some))
    if len(merged) > _MOST_PARTS:
        raise NetworkError(_TOO_MANY)
    return merged
