"""Which fit is taken: the one that decides most like the original on frames that it hasn't seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import ConfigurationError
from common.plan.layers import Array, Dense, Flatten, Polynomial
from compiler.onnx.draft.draft import Activation, Item
from compiler.onnx.draft.pointwise import Step, identity
from compiler.onnx.fits.activations import FittedNetwork, scores, squarings
from compiler.onnx.fits.choosing import fit_network
from compiler.onnx.fits.decisions import Aim
from compiler.onnx.fits.splitting import held_out
from compiler.onnx.options import ImportOptions
from tests.networks import random_conv
from tests.onnx_graphs import fitted
from tests.unit.compiler.onnx.fits.test_fitting import function

RNG = np.random.default_rng(0)


def dense(rng: np.random.Generator, out: int, into: int) -> Dense:
    return Dense(rng.normal(size=(out, into)) / np.sqrt(into), rng.normal(size=out) / 4)


def network(activations: int, seed: int = 0) -> list[Item]:
    rng = np.random.default_rng(seed)
    items: list[Item] = [random_conv(rng, 4, 1, (3, 3)), Activation(function("relu", 4)), Flatten()]
    width = 4 * 4 * 4
    for _ in range(activations - 1):
        items += [dense(rng, 12, width), Activation(function("relu", 12))]
        width = 12
    return [*items, dense(rng, 4, width)]


def frames(count: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    return (rng.uniform(0, 255, (count, 6, 6, 1)) * rng.uniform(0, 1, (count, 1, 1, 1))).astype(np.uint8)


def exact(items: list[Item], some: NDArray[np.uint8]) -> Array:
    return scores(items, some, lambda: None)


def chosen(items: list[Item], some: NDArray[np.uint8], degree: int = 2, linearise: int = 0) -> FittedNetwork:
    options = ImportOptions(name="mine", degree=degree, linearise=linearise)
    return fit_network(items, some, exact(items, some), options, lambda what, share: None)


def loss(items: list[Item], made: FittedNetwork, some: NDArray[np.uint8]) -> float:
    return Aim().loss(exact(items, some), scores(made.layers, some, lambda: None))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_chosen_decides_better_on_frames_held_out_than_each_activation_by_itself(seed: int) -> None:
    items, all_frames = network(3, seed), frames(500)
    seen, others = all_frames[:400], all_frames[400:]
    made = chosen(items, seen)
    assert loss(items, made, others) < loss(items, fitted(items, seen), others)


def test_degree_4_decides_no_worse_than_degree_2() -> None:
    items, all_frames = network(3), frames(500)
    seen, others = all_frames[:400], all_frames[400:]
    two, four = chosen(items, seen, 2), chosen(items, seen, 4)
    assert set(two.degrees) == {2} and set(four.degrees) <= {2, 4}
    assert loss(items, four, others) < 1.05 * loss(items, two, others)


def test_the_activations_that_become_lines_are_those_that_cost_least() -> None:
    items, some = network(3), frames(400)
    items[4] = Activation(identity(12).then(lambda x: x + np.sin(x) / 50, Step("node", "almost a line")))
    made = chosen(items, some, linearise=1)
    assert made.degrees == (2, 1, 2) and squarings(items, made.degrees) == 2
    line = made.layers[made.activations[1].places[0]]
    assert isinstance(line, Polynomial) and not line.a.any()
    assert set(chosen(items, some, linearise=3).degrees) == {1}
    with pytest.raises(ConfigurationError, match="linearise is 4; this network has 3 activations"):
        chosen(items, some, linearise=4)


@pytest.mark.parametrize("count", [1, 2, 19])
def test_with_few_frames_layers_stay_as_they_are(count: int) -> None:
    items = network(2)
    made = chosen(items, frames(count), degree=4, linearise=1)
    assert made.layers[-1] is items[-1] and made.degrees.count(1) == 1


def test_one_frame_of_five_of_each_label_is_held_out_and_always_the_same_ones() -> None:
    labels = RNG.permutation(np.repeat(np.arange(4), 25))
    held = held_out(labels)
    assert np.bincount(labels[held]).tolist() == [5, 5, 5, 5]
    assert np.array_equal(held, held_out(labels))
    assert not held_out(labels[:19]).any()


def test_frames_with_close_labels_count_more() -> None:
    weights = Aim().weights(np.array([[3.0, 1.0, 0.0], [3.0, 2.9, 0.0], [9.0, 1.0, 0.0]]))
    assert weights[1] > weights[0] > weights[2] > 0
    assert np.array_equal(Aim().weights(np.ones((3, 1))), np.ones(3))


def test_the_loss_is_about_decisions() -> None:
    original = RNG.normal(size=(50, 4))
    assert Aim().loss(original, original + 7) == pytest.approx(0)
    assert Aim().loss(original, 1.1 * original) < Aim().loss(original, 0.5 * original)
    assert Aim().loss(original[:, :1], original[:, :1]) == 0 < Aim(values=True).loss(original, original + 7)


def test_the_gradient_of_the_shares_leads_to_the_original_scores() -> None:
    original, found = RNG.normal(size=(50, 4)), RNG.normal(size=(50, 4))
    assert np.allclose(Aim().gradient(original, original + 3), 0)
    assert Aim().loss(original, found - 0.1 * Aim().gradient(original, found)) < Aim().loss(original, found)
