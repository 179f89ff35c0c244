"""Few pictures of another kind are learned, what the network could is kept, and nothing gets worse."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from common.errors import ConfigurationError
from common.plan.network import Network
from models.catalogue import load_network
from models.samples import load_samples
from models.training.own.fine_tuning import FINE_TUNING, fine_tune
from models.training.own.labels import with_labels
from models.training.own.pictures import Examples
from models.training.own.replay import Replay, replay_of
from tests.drawn_digits import drawn

pytest.importorskip("torch")

DIGITS = load_network("digits")
LEARNED, VALIDATION, TEST = (Examples(*drawn(count, seed)) for seed, count in enumerate((300, 60, 300)))
SAMPLES = Examples(*(getattr(load_samples("digits"), name) for name in ("frames", "labels")))


def accuracy(network: Network, examples: Examples) -> float:
    return float(np.mean(network.scores(examples.frames).argmax(axis=1) == examples.labels))


REPLAY = replay_of(DIGITS, SAMPLES.frames, DIGITS.labels, 0)


def tuned(network: Network = DIGITS, replay: Replay | None = REPLAY, **how: Any) -> Network:
    seed, new_labels = how.pop("seed", 0), how.pop("new_labels", False)
    settings = replace(FINE_TUNING, **how)
    return fine_tune(network, LEARNED, VALIDATION, replay, new_labels=new_labels, seed=seed, how=settings)


@pytest.mark.slow
def test_pictures_of_another_kind_are_learned_and_with_replay_the_samples_are_not_forgotten() -> None:
    network = tuned()
    assert accuracy(DIGITS, TEST) < 0.4
    assert accuracy(network, TEST) > 0.9
    assert accuracy(network, SAMPLES) > 0.9
    assert accuracy(tuned(replay=None), SAMPLES) < accuracy(network, SAMPLES)


def test_one_seed_gives_the_same_weights_and_another_gives_others() -> None:
    first, second, other = (tuned(epochs=1, seed=seed) for seed in (1, 1, 2))
    assert (first.scores(TEST.frames) == second.scores(TEST.frames)).all()
    assert (first.scores(TEST.frames) != other.scores(TEST.frames)).any()


def test_where_validation_only_loses_the_network_stays_as_it_was() -> None:
    network = tuned(learning_rate=10.0, epochs=2)
    assert (network.scores(TEST.frames) == DIGITS.scores(TEST.frames)).all()


def test_training_ends_once_validation_has_gained_nothing_for_a_while() -> None:
    epochs: list[tuple[int, int]] = []
    fine_tune(
        DIGITS,
        LEARNED,
        VALIDATION,
        None,
        progress=lambda epoch, most, _: epochs.append((epoch, most)),
        how=replace(FINE_TUNING, learning_rate=10.0, patience=3),
    )
    assert epochs == [(1, 40), (2, 40), (3, 40)]


def test_the_pull_keeps_weights_near_where_they_started() -> None:
    def moved(pull: float) -> float:
        network = tuned(epochs=2, pull=pull)
        pairs = zip(network.layers, DIGITS.layers, strict=True)
        return sum(float(np.square(one.weight - other.weight).sum()) for one, other in pairs if hasattr(one, "weight"))

    assert 0 < moved(10.0) < 0.5 * moved(0.0)


@pytest.mark.slow
def test_a_new_label_is_learned() -> None:
    labels = (*DIGITS.labels, "nine")
    learned, validation, test = (
        Examples(each.frames, np.where(each.labels == 9, 10, each.labels)) for each in (LEARNED, VALIDATION, TEST)
    )
    network = fine_tune(
        with_labels(DIGITS, "mine", labels),
        learned,
        validation,
        replay_of(DIGITS, SAMPLES.frames, labels, 0),
        new_labels=True,
    )
    nines = test.labels == 10
    assert accuracy(network, Examples(test.frames[nines], test.labels[nines])) > 0.6


def test_no_epochs_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="epochs is 0"):
        tuned(epochs=0)
