"""Networks to begin with: of every size and label, as cheap as the shipped ones they are like."""

import numpy as np
import pytest

from common.errors import ConfigurationError
from common.plan.layers import Conv2d, Dense
from compiler.compile import compile_network
from models.catalogue import load_network
from models.training.own.recipes import RECIPES

LABELS = ("open", "shut", "?")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("shape", [(16, 16, 1), (24, 40, 3), (64, 64, 3)])
@pytest.mark.slow
def test_a_network_gives_a_score_for_each_label_at_every_size(name: str, shape: tuple[int, int, int]) -> None:
    network = RECIPES[name].build("mine", shape, LABELS, 0)
    network.check()
    scores = network.scores(np.zeros((2, *shape), np.uint8))
    assert scores.shape == (2, 3) and (network.name, network.labels) == ("mine", LABELS)


@pytest.mark.parametrize(("name", "like"), [("small", "digits"), ("medium", "scenes")])
def test_at_the_size_of_the_shipped_model_it_has_that_ones_layers(name: str, like: str) -> None:
    recipe, shipped = RECIPES[name], load_network(like)
    network = recipe.build("mine", shipped.frame_shape, shipped.labels, 0)
    assert recipe.frame_shape == shipped.frame_shape
    assert [type(layer) for layer in network.layers] == [type(layer) for layer in shipped.layers]
    for mine, theirs in zip(network.layers, shipped.layers, strict=True):
        if isinstance(mine, Conv2d | Dense):
            assert isinstance(theirs, Conv2d | Dense) and mine.weight.shape == theirs.weight.shape


@pytest.mark.slow
def test_small_fits_the_smallest_ring() -> None:
    network = RECIPES["small"].build("mine", (28, 28, 1), LABELS, 0)
    frames = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    assert compile_network(network, frames).head.parameters.ring_dimension == 8192


def test_a_seed_gives_the_same_weights_and_another_gives_others() -> None:
    first, second, other = (RECIPES["small"].build("mine", (28, 28, 1), LABELS, seed) for seed in (0, 0, 1))
    frames = np.full((1, 28, 28, 1), 200, np.uint8)
    assert (first.scores(frames) == second.scores(frames)).all()
    assert (first.scores(frames) != other.scores(frames)).any()


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("small", (8, 28, 1), "frame_size is 8x28; give sides from 12 to 64"),
        ("medium", (128, 128, 3), "frame_size is 128x128; give sides from 12 to 64"),
        ("medium", (32, 36, 3), "for medium both numbers are multiples of 8"),
    ],
)
def test_sizes_that_do_not_work_are_refused(name: str, shape: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RECIPES[name].build("mine", shape, LABELS, 0)
