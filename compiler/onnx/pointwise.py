"""Functions applied to each value of a tensor: what activations and arithmetic with constants make up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.plan.layers import Array

#: Degree of a polynomial up to which its coefficients are tracked.
MOST_DEGREE = 16

#: Relative difference up to which two quadratics stand for a polynomial of degree 4.
_EXACT = 1e-9


class Step(NamedTuple):
    """A node that makes a function more than affine."""

    node: str
    operator: str


@dataclass(frozen=True, eq=False)
class Pointwise:
    """A function of each value, which may differ between channels.

    `apply` takes (n, channels, …). `coefficients` has shape (degree + 1, channels), constant first; None
    where the function is no polynomial.
    """

    apply: Callable[[Array], Array]
    coefficients: Array | None
    steps: tuple[Step, ...] = ()

    @property
    def degree(self) -> int | None:
        """The polynomial's degree; None where it is none."""
        return None if self.coefficients is None else len(self.coefficients) - 1

    @property
    def is_identity(self) -> bool:
        """Whether values stay what they are."""
        return self.degree == 1 and bool(np.all(self.coefficients == np.array([[0.0], [1.0]])))

    def plus(self, other: "Pointwise") -> "Pointwise":
        """The sum of both functions of the same value."""
        steps = _merged(self.steps, other.steps)
        if self.coefficients is None or other.coefficients is None:
            return Pointwise(lambda x: self.apply(x) + other.apply(x), None, steps)
        total = np.zeros((max(len(self.coefficients), len(other.coefficients)), self.coefficients.shape[1]))
        total[: len(self.coefficients)] += self.coefficients
        total[: len(other.coefficients)] += other.coefficients
        return polynomial(total, steps)

    def times(self, other: "Pointwise", step: Step | None = None) -> "Pointwise":
        """The product of both functions of the same value; `step` unless one is constant."""
        steps = _merged(self.steps, other.steps, (step,) if step else ())
        if self.coefficients is None or other.coefficients is None:
            return Pointwise(lambda x: self.apply(x) * other.apply(x), None, steps)
        product = np.zeros((len(self.coefficients) + len(other.coefficients) - 1, self.coefficients.shape[1]))
        for power, row in enumerate(other.coefficients):
            product[power : power + len(self.coefficients)] += self.coefficients * row
        return polynomial(product, steps)

    def then(self, function: Callable[[Array], Array], step: Step) -> "Pointwise":
        """`function` of this one's values."""
        return Pointwise(lambda x: function(self.apply(x)), None, _merged(self.steps, (step,)))


def polynomial(coefficients: Array, steps: tuple[Step, ...] = ()) -> Pointwise:
    """The polynomial with these coefficients (degree + 1, channels), constant first."""
    used = np.flatnonzero(coefficients.any(axis=1))
    coefficients = coefficients[: max(2, used[-1] + 1 if len(used) else 0)]

    def apply(x: Array) -> Array:
        rows = [row.reshape((1, -1) + (1,) * (x.ndim - 2)) for row in coefficients]
        value = np.broadcast_to(rows[-1], x.shape)
        for row in rows[-2::-1]:
            value = value * x + row
        return value

    return Pointwise(apply, coefficients, steps)


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


def _merged(*steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """All steps, each once, in order."""
    return tuple(dict.fromkeys(step for some in steps for step in some))
