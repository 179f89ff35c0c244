"""The softmax of a calibrated network's scores is how often it is right."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from common.plan.layers import Dense, Flatten
from common.plan.network import Network
from models.training.own.calibration import calibrated, log_probabilities

#: Frames of two pixels.
SHAPE = (1, 2, 1)


def network(factor: float) -> Network:
    """A network whose two scores are a frame's two pixels, times a factor."""
    dense = Dense(np.eye(2) * factor * 255 / 64, np.zeros(2))
    return Network("net", SHAPE, ("a", "b"), (Flatten(), dense))


def examples(count: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Frames, and what is right about each, drawn with the probabilities that the network with factor 1 gives."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    probability = np.exp(log_probabilities(network(1).scores(frames)))[:, 1]
    return frames, np.eye(2, dtype=np.float32)[(rng.random(count) < probability).astype(int)]


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
def test_scores_are_scaled_to_what_they_are_worth(factor: float) -> None:
    right, fitted = network(1), calibrated(network(factor), *examples(4000))
    frames, _ = examples(50)
    assert np.allclose(fitted.scores(frames), right.scores(frames), rtol=0.1, atol=0.1)


def test_a_few_pictures_that_are_all_right_do_not_make_it_certain() -> None:
    frames = np.array([[[[250], [0]]], [[[0], [250]]]] * 4, dtype=np.uint8)
    fitted = calibrated(network(1), frames, np.array([[1, 0], [0, 1]] * 4, dtype=np.float32))
    assert 1 <= fitted.scores(frames).max() / network(1).scores(frames).max() < 4


def test_doubts_that_are_to_stay_keep_it_from_getting_surer() -> None:
    """A few pictures that are all right, among many of which the network's own doubts are the target."""
    right, doubted = np.array([[[[250], [0]]]] * 8, dtype=np.uint8), examples(500)[0]
    targets = np.concatenate([[[1.0, 0.0]] * 8, np.exp(log_probabilities(network(1).scores(doubted)))])
    frames = np.concatenate([right, doubted])
    fitted = calibrated(network(1), frames, targets)
    assert fitted.scores(frames).max() / network(1).scores(frames).max() < 1.1


def test_weights_are_those_that_a_file_gives_back() -> None:
    fitted = calibrated(network(3), *examples(100))
    (last,) = fitted.layers[1:]
    assert isinstance(last, Dense) and last.weight.dtype == np.float32


def test_a_network_without_a_dense_end_stays_as_it_is() -> None:
    plain = msgspec.structs.replace(network(1), layers=(Flatten(),))
    assert calibrated(plain, *examples(10)) is plain
