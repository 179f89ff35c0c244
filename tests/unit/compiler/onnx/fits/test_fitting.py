"""Fits: close where values were seen, harmless beside them, and of a form that compiles."""

import numpy as np
import pytest
from numpy.typing import NDArray

from common.plan.layers import Add, Conv2d, Flatten, Polynomial, Recall
from compiler.onnx.draft.draft import Activation, quadratic
from compiler.onnx.draft.pointwise import Pointwise, Step, identity, polynomial, two_quadratics
from compiler.onnx.fits.activations import squarings
from compiler.onnx.fits.fitting import Fit, fit
from tests.networks import random_conv
from tests.onnx_graphs import fitted as fitted_network

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(3, 5000)) * [[0.5], [1], [3]] + [[0], [1], [-2]]


def function(name: str, channels: int) -> Pointwise:
    known = {
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "silu": lambda x: x / (1 + np.exp(-x)),
    }
    return identity(channels).then(known[name], Step("node", name))


def fitted(name: str, seen: NDArray[np.float64], degree: int) -> Fit:
    made = function(name, len(seen))
    return fit(made, seen, made.apply(seen.T).T, degree)


def evaluate(result: Fit, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (channels, n) through the layers that the fit becomes."""
    values = x.T
    for coefficients in result.quadratics:
        values = quadratic(coefficients).forward(values)
    return values.T


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "silu"])
def test_degree_4_is_closer_than_degree_2(name: str) -> None:
    two, four = fitted(name, NORMAL, 2), fitted(name, NORMAL, 4)
    assert (len(two.quadratics), len(four.quadratics)) == (1, 2)
    assert four.rms < 0.85 * two.rms
    assert two.relative < 0.3


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "silu"])
def test_degree_2_is_hardly_worse_than_least_squares_over_the_values_seen(name: str) -> None:
    targets = function(name, 3).apply(NORMAL.T).T
    best = [np.polynomial.Polynomial.fit(x, y, 2)(x) - y for x, y in zip(NORMAL, targets, strict=True)]
    assert fitted(name, NORMAL, 2).rms < 1.05 * np.sqrt(np.mean(np.square(best)))


@pytest.mark.parametrize("degree", [2, 4])
def test_a_polynomial_of_that_degree_is_found_again(degree: int) -> None:
    outer, inner = polynomial(np.array([[1.0], [0.5], [2.0]])), polynomial(np.array([[0.2], [-0.6], [1.0]]))
    composed = outer if degree == 2 else inner.then(outer.apply, Step("node", "outer"))
    seen = RNG.uniform(-1, 1, (1, 3000))
    assert fit(composed, seen, composed.apply(seen.T).T, degree).relative < (1e-8 if degree == 2 else 1e-2)


@pytest.mark.parametrize("degree", [2, 4])
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_fits_stay_tame_beside_the_values_seen(name: str, degree: int) -> None:
    result = fitted(name, NORMAL, degree)
    low, high = NORMAL.min(axis=1), NORMAL.max(axis=1)
    beyond = np.stack([low - (high - low) / 8, high + (high - low) / 8], axis=1)
    wanted = function(name, 3).apply(beyond.T).T
    spread = np.ptp(function(name, 3).apply(NORMAL.T))
    assert np.abs(evaluate(result, beyond) - wanted).max() < 3 * spread


@pytest.mark.parametrize("degree", [2, 4])
@pytest.mark.parametrize(
    "seen",
    [
        np.stack([NORMAL[1], np.full(5000, 0.7), np.full(5000, -0.7)]),  # channels that never change
        np.stack([NORMAL[1], -5 - np.abs(NORMAL[0]), 5 + np.abs(NORMAL[0])]),  # ReLU gives zero, and x itself
        np.zeros((2, 1000)),
        NORMAL[:, :20],  # few values
        NORMAL[:, :1],
    ],
)
def test_every_channel_keeps_a_quadratic_term(seen: NDArray[np.float64], degree: int) -> None:
    result = fitted("relu", seen, degree)
    assert all(np.isfinite(coefficients).all() and coefficients[2].all() for coefficients in result.quadratics)
    assert np.abs(evaluate(result, seen) - np.maximum(seen, 0)).max() < 2


def test_two_quadratics_only_where_they_are_exact() -> None:
    inner, outer = np.array([0.0, -0.4, 1.0]), np.array([0.3, 1.0, -2.0])
    made = np.polynomial.Polynomial(outer)(np.polynomial.Polynomial(inner)).coef
    found = two_quadratics(made[:, None])
    assert found is not None
    assert np.allclose(found[0][:, 0], inner) and np.allclose(found[1][:, 0], outer)
    assert two_quadratics(made[:, None] + [[0], [0.1], [0], [0], [0]]) is None
    assert two_quadratics(np.ones((4, 1))) is None


def test_residuals_point_to_the_same_layers_when_a_fit_takes_two() -> None:
    made = function("relu", 2)
    items = (
        random_conv(RNG, 2, 1, (3, 3), padding=1),
        Activation(made),
        random_conv(RNG, 2, 2, (3, 3), padding=1),
        Add(1),
        Recall(1),
        Add(3),
        Flatten(),
    )
    frames = RNG.integers(0, 256, (40, 4, 5, 1), dtype=np.uint8)
    fitted_two, fitted_four = (fitted_network(items, frames, degree) for degree in (2, 4))
    two, four = fitted_two.layers, fitted_four.layers
    assert [type(layer) for layer in two] == [Conv2d, Polynomial, Conv2d, Add, Recall, Add, Flatten]
    assert [layer.layer for layer in two if isinstance(layer, Add | Recall)] == [1, 1, 3]
    assert [layer.layer for layer in four if isinstance(layer, Add | Recall)] == [2, 2, 4]
    assert fitted_two.activations[0].activation.node == "node" and fitted_two.activations[0].activation.kind == "relu"
    assert [squarings(items, [degree]) for degree in (1, 2, 4)] == [0, 1, 2]
    assert (squarings(two, []), squarings(four, [])) == (1, 2)
