"""Fits changed together: gradients are right, decisions come nearer, and nothing else changes."""

import numpy as np
import pytest

from common.plan.layers import (
    Add,
    AvgPool2d,
    Dense,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Multiply,
    Pad2d,
    Polynomial,
    Recall,
)
from compiler.onnx.fits.activations import Sample, scores, values_of
from compiler.onnx.fits.decisions import Aim
from compiler.onnx.fits.distilling import distilled
from compiler.onnx.fits.tape import Tape, total_weights
from tests.networks import random_conv, random_polynomial
from tests.onnx_graphs import fitted
from tests.unit.compiler.onnx.fits.test_choosing import exact, frames, network

RNG = np.random.default_rng(0)


def joined() -> list[Layer]:
    """A network with a residual sum, a gate and a branch from the middle."""
    return [
        random_conv(RNG, 3, 1, (3, 3), padding=1),
        random_polynomial(RNG, 3),
        random_conv(RNG, 3, 3, (3, 3), padding=1),
        Add(1),
        random_polynomial(RNG, 3),
        Multiply(1),
        Recall(1),
        Add(5),
        AvgPool2d(2, 2),
        Pad2d((1, 0, 0, 1)),
        GlobalAvgPool2d(),
        Flatten(),
        Dense(RNG.normal(size=(2, 3)), RNG.normal(size=2)),
    ]


def test_the_tape_gives_what_the_layers_give() -> None:
    layers, some = joined(), frames(5)
    tape = Tape.of(layers, (1, 6, 6))
    assert np.allclose(tape.forward(values_of(some))[-1].T, scores(layers, some, lambda: None))
    assert total_weights(layers, (1, 6, 6)) > 0


def test_gradients_are_those_of_small_changes() -> None:
    layers = joined()
    tape = Tape.of(layers, (1, 6, 6))
    values = values_of(frames(4))
    outputs = tape.forward(values)
    direction = RNG.normal(size=outputs[-1].shape)
    gradients = dict(tape.backward(outputs, direction, {1}))
    polynomial = layers[1]
    assert isinstance(polynomial, Polynomial)
    small = 1e-6

    def along(shift: float) -> float:
        shifted = Polynomial(polynomial.a, polynomial.b, polynomial.c + np.array([0, shift, 0]))
        changed = Tape.of([layers[0], shifted, *layers[2:]], (1, 6, 6)).forward(values)
        return float((changed[-1] * direction).sum())

    slope = (along(small) - along(-small)) / (2 * small)
    assert gradients[1].reshape(3, -1)[1].sum() == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_decisions_come_nearer_and_curvatures_stay() -> None:
    items, some = network(3), frames(400)
    before = fitted(items, some)
    original = exact(items, some)
    after = distilled(before, Sample(some, np.ones(len(some))), original, Aim())
    losses = [Aim().loss(original, scores(made.layers, some, lambda: None)) for made in (before, after)]
    assert losses[1] < losses[0]
    places = [place for each in before.activations for place in each.places]
    for place, (old, new) in enumerate(zip(before.layers, after.layers, strict=True)):
        if place not in places:
            assert new is old
            continue
        assert isinstance(old, Polynomial) and isinstance(new, Polynomial)
        assert np.all(np.sign(new.a) == np.sign(old.a)) and np.all(np.abs(new.a) >= 0.499 * np.abs(old.a))


def test_a_line_stays_a_line() -> None:
    items, some = network(2), frames(100)
    made = fitted(items, some, 1)
    after = distilled(made, Sample(some, np.ones(len(some))), exact(items, some), Aim())
    assert not any(layer.a.any() for layer in after.layers if isinstance(layer, Polynomial))
