"""Wherever a network is cut, device and worker together compute what it computes, and each has only its own layers."""

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from common.errors import CapacityError, NetworkError
from common.plan.features import features
from common.plan.layers import Add, Dense, Flatten
from common.plan.network import Network, run_layers
from compiler.compile import compile_network
from compiler.cut import split
from compiler.simulator import simulate
from tests.encrypted import evaluator
from tests.networks import (
    cuts,
    networks,
    random_conv,
    random_dense,
    random_frames,
    random_polynomial,
    small_network,
)
from tests.unit.compiler.test_compile import LOOSE, THOROUGH

RNG = np.random.default_rng(2)


@THOROUGH
@given(networks())
def test_front_and_rest_are_the_network_at_every_cut(network: Network) -> None:
    x = network.input_values(random_frames(network, 8))
    for cut in cuts(network):
        front, rest = split(network, cut, x)
        encrypted = features(front, x)
        height, width, channels = rest.frame_shape
        assert np.allclose(run_layers(rest.layers, encrypted.reshape(8, channels, height, width)), network.forward(x))
        assert np.abs(encrypted).max() <= 1 + 1e-9


@pytest.mark.slow
@THOROUGH
@given(networks(), st.data())
def test_a_plan_for_part_of_a_network_computes_the_network(network: Network, data: st.DataObject) -> None:
    frames = random_frames(network, 16)
    cut = data.draw(st.sampled_from(cuts(network)))
    try:
        plan = compile_network(network, frames, error_budget=LOOSE, encrypt_from=cut)
    except CapacityError:  # random weights may amplify errors beyond any chain's precision
        reject()
    expected = network.scores(frames)
    assert np.allclose(simulate(plan, frames), expected, atol=1e-3 * max(1e-3, np.abs(expected).max()))
    assert plan.head.frame_shape == network.frame_shape


def test_from_layer_0_is_the_whole_network() -> None:
    network = small_network()
    frames = random_frames(network, 8)
    assert compile_network(network, frames, encrypt_from=0).head.hash == compile_network(network, frames).head.hash


@pytest.mark.parametrize("layer", [-1, 4, 100])
def test_a_layer_that_there_is_not_is_refused(layer: int) -> None:
    network = small_network()
    with pytest.raises(NetworkError, match=f"encrypt_from is {layer}; the network small has layers 0 to 3"):
        compile_network(network, random_frames(network, 4), encrypt_from=layer)


def residual_network() -> Network:
    layers = (
        random_conv(RNG, 2, 1, (3, 3), padding=1),
        random_polynomial(RNG, 2),
        random_conv(RNG, 2, 2, (3, 3), padding=1),
        Add(1),
        Flatten(),
        random_dense(RNG, 3, 32),
    )
    return Network("residual", (4, 4, 1), tuple("abc"), layers)


def test_a_cut_inside_a_residual_connection_is_refused_with_the_cuts_that_are_possible() -> None:
    network = residual_network()
    message = r"encrypt_from is 3, but layer 3 \(Add\) behind it reads layer 1 before it; choose one of 0, 1, 2, 4, 5"
    with pytest.raises(NetworkError, match=message):
        compile_network(network, random_frames(network, 4), encrypt_from=3)


def test_a_residual_connection_may_begin_with_the_features() -> None:
    network = residual_network()
    frames = random_frames(network, 8)
    plan = compile_network(network, frames, encrypt_from=2)
    assert np.allclose(simulate(plan, frames), network.scores(frames), atol=1e-3)


def test_a_frame_with_features_beyond_any_modulus_is_encrypted_all_the_same() -> None:
    layers = (Flatten(), Dense(np.full((4, 16), 1e6), np.ones(4)), random_polynomial(RNG, 4), random_dense(RNG, 2, 4))
    network = Network("steep", (4, 4, 1), ("a", "b"), layers)
    black = np.zeros((1, 4, 4, 1), np.uint8)
    plan = compile_network(network, black, error_budget=LOOSE, encrypt_from=3)
    evaluate = evaluator(plan)
    assert np.isfinite(evaluate(black + np.uint8(255))).all()
    assert np.abs(evaluate(black) - network.scores(black)).max() <= plan.head.error_bound
