"""What a model tells apart it keeps; new labels have to be allowed, and begin without an opinion."""

import numpy as np
import pytest

from common.errors import ConfigurationError
from common.plan.layers import Dense
from common.plan.network import Network
from models.catalogue import load_network
from models.training.own.labels import joined_labels, with_labels

DIGITS = load_network("digits")
FRAMES = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)


def test_labels_without_own_pictures_stay() -> None:
    assert joined_labels(DIGITS, ["3", "1"], new_labels=False) == DIGITS.labels


def test_unknown_classes_are_refused_with_the_labels_there_are() -> None:
    message = r"aren't among the labels of digits: 'seven', '\?'; it has 0, 1, .*, 9\. Rename them, or .*: --new-labels"
    with pytest.raises(ConfigurationError, match=message):
        joined_labels(DIGITS, ["0", "seven", "?"], new_labels=False)


def test_new_labels_stand_behind_those_there_are_or_in_their_place_where_none_is_shared() -> None:
    assert joined_labels(DIGITS, ["0", "?"], new_labels=True) == (*DIGITS.labels, "?")
    assert joined_labels(DIGITS, ["open", "shut"], new_labels=True) == ("open", "shut")


def test_the_last_layer_keeps_the_scores_of_labels_that_stay_and_new_ones_have_none() -> None:
    network = with_labels(DIGITS, "mine", ("?", "4", "7"))
    assert (network.name, network.labels) == ("mine", ("?", "4", "7"))
    before, after = DIGITS.scores(FRAMES), network.scores(FRAMES)
    assert np.allclose(after[:, 1:], before[:, [4, 7]])
    assert np.ptp(after[:, 0]) == 0


def test_a_network_that_does_not_end_with_a_dense_layer_learns_no_new_labels() -> None:
    network = Network("net", (28, 28, 1), DIGITS.labels, DIGITS.layers[:-1])
    assert not isinstance(network.layers[-1], Dense)
    with pytest.raises(ConfigurationError, match=r"net doesn't end with a dense layer.*train with --recipe"):
        with_labels(network, "mine", ("a", "b"))
