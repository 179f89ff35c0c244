"""Layers behind fits: weights that make up for errors, and stay near what they were."""

import numpy as np
import pytest

from common.plan.layers import Conv2d, Dense
from compiler.onnx.fits.refitting import Refittable, refitted

RNG = np.random.default_rng(0)
DENSE = Dense(RNG.normal(size=(3, 6)), RNG.normal(size=3))
CONV = Conv2d(RNG.normal(size=(3, 2, 3, 2)), RNG.normal(size=3), (2, 1), (1, 0, 1, 1))


def chunks(layer: Refittable, count: int = 4) -> list[np.ndarray]:
    shape = (10, 6) if isinstance(layer, Dense) else (10, 2, 7, 6)
    return [RNG.normal(size=shape) for _ in range(count)]


@pytest.mark.parametrize("layer", [DENSE, CONV])
def test_what_is_linear_in_the_inputs_is_made_up_for(layer: Refittable) -> None:
    inputs = chunks(layer)
    wrong = [1.3 * x + 0.2 for x in inputs]
    targets = [layer.forward(x) for x in inputs]
    made = refitted(layer, wrong, targets, np.ones(40), 1e-9)
    fresh = chunks(layer, 1)[0]
    # A convolution's padding isn't shifted with the rest, and can't be told from it.
    inside = np.s_[:, :, 1:-1, :-1] if isinstance(layer, Conv2d) else np.s_[:]
    before = np.abs(layer.forward(1.3 * fresh + 0.2) - layer.forward(fresh))[inside].max()
    assert np.abs(made.forward(1.3 * fresh + 0.2) - layer.forward(fresh))[inside].max() < 0.5 * before


@pytest.mark.parametrize("layer", [DENSE, CONV])
def test_a_large_ridge_and_exact_inputs_keep_the_weights(layer: Refittable) -> None:
    inputs = chunks(layer)
    targets = [layer.forward(x) for x in inputs]
    assert np.allclose(refitted(layer, inputs, targets, np.ones(40), 1e-3).weight, layer.weight)
    others = [y + RNG.normal(size=y.shape) for y in targets]
    assert np.allclose(refitted(layer, inputs, others, np.ones(40), 1e9).weight, layer.weight, atol=1e-6)


def test_frames_count_by_their_weights() -> None:
    inputs = chunks(DENSE, 2)
    targets = [DENSE.forward(inputs[0]), -DENSE.forward(inputs[1])]
    made = refitted(DENSE, inputs, targets, np.repeat([1.0, 1e-9], 10), 1e-9)
    assert np.allclose(made.weight, DENSE.weight, atol=1e-4)


def test_groups_and_very_wide_layers_stay_as_they_are() -> None:
    grouped = Conv2d(RNG.normal(size=(4, 1, 3, 3)), np.zeros(4), groups=2)
    wide = Dense(np.zeros((2, 5000)), np.zeros(2))
    assert refitted(grouped, [], [], np.ones(0), 1.0) is grouped
    assert refitted(wide, [], [], np.ones(0), 1.0) is wide
