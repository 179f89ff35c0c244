"""How many frames a draft is run on together follows from what it holds of one."""

import numpy as np
import pytest

from common.errors import NetworkError
from common.plan.layers import Add, GlobalAvgPool2d, Recall
from compiler.onnx.draft.draft import Activation, Item
from compiler.onnx.draft.pointwise import Step, combined, identity
from compiler.onnx.fits.fitting import fit
from compiler.onnx.fits.room import Room
from compiler.onnx.max_pooling import MaxPool
from tests.networks import random_conv

RNG = np.random.default_rng(0)
TANH = identity(4).then(np.tanh, Step("t", "Tanh"))


def widening(channels: int) -> Item:
    return random_conv(RNG, channels, 1, (1, 1))


def test_small_networks_pass_in_their_usual_numbers() -> None:
    room = Room.of([widening(4), Activation(TANH), MaxPool((2, 2), (2, 2), (0, 0, 0, 0), "mean")], (1, 28, 28))
    assert (room.largest, room.kept) == (4 * 784, 2 * 4 * 784)
    assert (room.passing, room.fitted) == (32, 4000)


def test_outputs_are_kept_until_they_were_read_for_the_last_time() -> None:
    size = 28 * 28
    items: list[Item] = [widening(4), random_conv(RNG, 4, 4, (1, 1)), Add(0), random_conv(RNG, 4, 4, (1, 1)), Recall(2)]
    room = Room.of(items, (1, 28, 28))
    assert room.kept == 3 * 4 * size  # one that is read again, and what an item takes and gives


def test_large_networks_pass_a_few_frames_at_a_time() -> None:
    room = Room.of([widening(2000), GlobalAvgPool2d()], (1, 60, 60))
    assert 1 <= room.passing < 5
    assert room.fitted == 2


def test_what_an_activation_makes_on_its_way_counts() -> None:
    function = TANH
    for number in range(99):
        function = combined(np.add, (TANH, function), Step(f"a{number}", "Add"))
    plain, long = (Room.of([widening(4), Activation(each)], (1, 200, 200)) for each in (TANH, function))
    assert plain.kept == long.kept
    assert long.passing < plain.passing


def test_more_of_one_frame_than_any_memory_holds_is_refused() -> None:
    items: list[Item] = []
    for _ in range(40):
        items += [Recall(-1), widening(2000)]
    items += [Recall(place) for place in range(1, 80, 2)]  # all are still to be read
    with pytest.raises(NetworkError, match=r"holds 7\d,\d{3},\d{3} values of each frame at a time"):
        Room.of(items, (1, 30, 30))


def test_a_polynomial_for_each_of_very_many_features_is_refused() -> None:
    seen = np.zeros((2**18 + 1, 1))
    with pytest.raises(NetworkError, match=r"t has 262,145 channels.* Put it before Flatten"):
        fit(TANH, seen, seen, 2)
