"""Encrypted scores are the network's on every engine, within the bound that the plan itself states."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.ckks import seeding
from common.errors import CapacityError
from common.plan.layers import Add, AvgPool2d, Dense, Flatten
from common.plan.network import Network
from compiler.compile import compile_network
from tests.encrypted import CHANCE, evaluator, evaluators
from tests.engines import ENGINES
from tests.networks import (
    Frames,
    cuts,
    deep_network,
    networks,
    random_batch_norm,
    random_conv,
    random_dense,
    random_frames,
    random_polynomial,
)

pytestmark = pytest.mark.slow

FRAMES = 4


def check(
    network: Network,
    security: int = 128,
    frames_per_ciphertext: int = 1,
    encrypt_from: int = 0,
    sealed: bool = False,
    small: bool = False,
    folded: bool = False,
) -> None:
    frames = random_frames(network, 16).reshape(16, *network.frame_shape)
    # Random weights amplify errors, hence the generous budget.
    plan = compile_network(network, frames, security, 0.25, frames_per_ciphertext, encrypt_from, sealed, small)
    together = min(frames_per_ciphertext, FRAMES)
    for evaluate in evaluators(plan, ENGINES, folded and plan.head.folds):
        for first in range(0, FRAMES, together):
            some = frames[first : first + together]
            assert np.abs(evaluate(some) - network.scores(some)).max() <= CHANCE * plan.head.error_bound


def scores_of(network: Network, calibration: Frames, frame: Frames) -> tuple[NDArray[np.float64], float]:
    """Decrypted scores of one frame under a plan with the usual error budget, and the plan's error bound."""
    plan = compile_network(network, calibration)
    return evaluator(plan)(frame.reshape(1, *network.frame_shape))[0], plan.head.error_bound


def test_a_white_frame_does_not_overflow_a_plan_calibrated_at_night() -> None:
    rng = np.random.default_rng(0)
    dense = Dense(rng.uniform(0.5, 1, (10, 1024)) / 1024, np.zeros(10))
    network = Network("sum", (32, 32, 1), tuple("abcdefghij"), (Flatten(), dense))
    night = np.zeros((8, 32, 32), np.uint8)
    night[:, ::8, ::8] = rng.integers(0, 3, (8, 4, 4))
    white = np.full((32, 32), 255, np.uint8)
    found, _ = scores_of(network, night, white)
    assert np.allclose(found, network.scores(white[None])[0], rtol=0.01)


def test_scores_that_hardly_depend_on_the_frame_are_still_computed() -> None:
    rng = np.random.default_rng(0)
    last = Dense(rng.normal(size=(2, 4)) * 1e-4, np.ones(2))
    layers = (Flatten(), random_dense(rng, 4, 9), random_polynomial(rng, 4), last)
    network = Network("flat", (3, 3, 1), ("a", "b"), layers)
    frames = random_frames(network, 16)
    found, bound = scores_of(network, frames, frames[0])
    assert np.abs(found - network.scores(frames[:1])[0]).max() <= bound


def test_scores_behind_many_squares_whose_scales_primes_make_drift() -> None:
    check(deep_network(7))


@settings(max_examples=16, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(largest_side=7), st.sampled_from([128, 192, 256]), st.sampled_from([1, 1, 4, 1024]))
def test_random_networks(network: Network, security: int, frames_per_ciphertext: int) -> None:
    try:
        check(network, security, frames_per_ciphertext)
    except CapacityError:  # four stages of random weights may amplify errors beyond any chain's precision
        reject()


@settings(max_examples=16, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(largest_side=7), st.sampled_from([128, 192, 256]), st.sampled_from([1, 1, 1024]), st.data())
def test_random_networks_cut_anywhere(
    network: Network, security: int, frames_per_ciphertext: int, data: st.DataObject
) -> None:
    cut = data.draw(st.sampled_from(cuts(network)))
    try:
        check(network, security, frames_per_ciphertext, cut)
    except CapacityError:
        reject()


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(largest_side=7, most_stages=3), st.sampled_from([1, 1, 4]), st.booleans())
def test_random_networks_whose_rotations_are_made_one_from_the_other(
    network: Network, frames_per_ciphertext: int, sealed: bool
) -> None:
    try:
        check(network, 128, frames_per_ciphertext, sealed=sealed, small=True)
    except CapacityError:
        reject()


@pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(largest_side=7, most_stages=3), st.sampled_from([1, 1, 8]), st.booleans())
def test_random_networks_whose_inputs_are_folded(network: Network, frames_per_ciphertext: int, sealed: bool) -> None:
    try:
        check(network, 128, frames_per_ciphertext, sealed=sealed, folded=True)
    except CapacityError:
        reject()


@settings(max_examples=24, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(largest_side=7, most_stages=3), st.sampled_from([128, 192, 256]), st.sampled_from([1, 1, 4]), st.data())
def test_random_networks_with_encrypted_weights(
    network: Network, security: int, frames_per_ciphertext: int, data: st.DataObject
) -> None:
    cut = data.draw(st.sampled_from([0, 0, *cuts(network)]))
    try:
        check(network, security, frames_per_ciphertext, cut, sealed=True)
    except CapacityError:
        reject()


@pytest.mark.parametrize("sealed", [False, True])
def test_noise_in_values_on_which_no_score_depends_does_not_reach_the_scores(sealed: bool) -> None:
    rng = np.random.default_rng(0)
    read_frames = (random_conv(rng, 2, 1, (1, 1)), random_polynomial(rng, 2))
    add_padding = (random_conv(rng, 2, 2, (1, 1), padding=1), random_polynomial(rng, 2))
    read_padding = (random_conv(rng, 2, 2, (1, 1), stride=4), Flatten(), random_dense(rng, 3, 2))
    check(Network("padding", (2, 2, 1), tuple("abc"), (*read_frames, *add_padding, *read_padding)), sealed=sealed)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("security", [128, 192, 256])
def test_a_network_of_all_layers_at_every_security_level(security: int, sealed: bool) -> None:
    rng = np.random.default_rng(3)
    layers = (
        random_conv(rng, 4, 1, (3, 3), stride=2, padding=1),
        random_batch_norm(rng, 4),
        random_polynomial(rng, 4),
        random_conv(rng, 4, 4, (3, 3), padding=1),
        Add(2),
        AvgPool2d(1, 1),
        Flatten(),
        random_dense(rng, 8, 100),
        random_polynomial(rng, 8),
        random_dense(rng, 5, 8),
    )
    check(Network("n", (10, 10, 1), tuple("abcde"), layers), security, sealed=sealed)
