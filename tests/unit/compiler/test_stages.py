"""Folding changes how a network is computed, never what."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from common.errors import NetworkError
from common.plan.layers import Add, Flatten, Multiply, Polynomial, Recall
from common.plan.network import Network
from compiler.stages import _magnified, depths, evaluate, fold, normalise
from tests.networks import networks, random_conv, random_dense, random_frames, random_polynomial

RNG = np.random.default_rng(1)
THOROUGH = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@THOROUGH
@given(networks())
def test_folding_and_normalising_preserve_the_function(network: Network) -> None:
    x = network.input_values(random_frames(network, 8)).reshape(8, -1)
    expected = network.scores(random_frames(network, 8))
    stages = fold(network)
    assert np.allclose(evaluate(stages, x), expected, atol=1e-8 * max(1, np.abs(expected).max()))
    scaled, factor = normalise(stages, x)
    assert np.allclose(factor * evaluate(scaled, x), expected, atol=1e-8 * max(1, np.abs(expected).max()))
    values = [x]
    for stage in scaled:
        values.append(stage(values))
        assert np.abs(values[-1]).max() <= 1 + 1e-9
        values[-1] **= 2


def test_a_residual_connection_reads_an_earlier_value() -> None:
    conv = [random_conv(RNG, 2, 2, (3, 3), padding=1) for _ in range(3)]
    polynomials = [random_polynomial(RNG, 2) for _ in range(3)]
    layers = (conv[0], polynomials[0], conv[1], polynomials[1], conv[2], Add(1), polynomials[2], Flatten())
    network = Network("n", (4, 4, 2), ("a",), (*layers, random_dense(RNG, 1, 32)))
    stages = fold(network)
    assert [sorted(stage.matrices) for stage in stages] == [[0], [1], [1, 2], [3]]
    assert depths(stages) == [0, 1, 2, 3]
    assert stages[2].matrices[1].nnz == 32  # the identity, up to a factor


def test_a_product_is_one_stage_of_two_squares_that_are_equally_large() -> None:
    layers = (Flatten(), random_dense(RNG, 3, 4), random_dense(RNG, 3, 3), Multiply(1), random_dense(RNG, 2, 3))
    layers[1].weight[:] *= 1e4
    network = Network("n", (2, 2, 1), ("a", "b"), layers)
    stages = fold(network)
    assert [(stage.size, stage.product) for stage in stages] == [(6, True), (2, False)]
    frames = random_frames(network, 20)
    x = network.input_values(frames).reshape(20, -1)
    scaled, factor = normalise(stages, x)
    assert np.allclose(factor * evaluate(scaled, x), network.scores(frames))
    total, difference = np.split(scaled[0]([x]), 2, axis=1)
    assert np.abs(total + difference).max() == pytest.approx(np.abs(total - difference).max())


def test_a_product_with_what_is_zero_on_all_frames_can_be_compiled() -> None:
    layers = (Flatten(), random_dense(RNG, 3, 4), random_dense(RNG, 3, 3), Multiply(1), random_dense(RNG, 2, 3))
    network = Network("n", (2, 2, 1), ("a", "b"), layers)
    layers[1].bias[:] = 0
    frames = np.zeros((2, 2, 2, 1), np.uint8)
    x = network.input_values(frames).reshape(2, -1)
    scaled, factor = normalise(fold(network), x)
    assert np.allclose(factor * evaluate(scaled, x), network.scores(frames))


def test_an_activation_that_leads_nowhere_is_left_out() -> None:
    layers = (Flatten(), random_dense(RNG, 3, 4), random_polynomial(RNG, 3), Recall(0), random_dense(RNG, 2, 4))
    network = Network("n", (2, 2, 1), ("a", "b"), layers)
    assert [sorted(stage.matrices) for stage in fold(network)] == [[0]]


def test_a_residual_connection_between_unequal_shapes_is_named_by_its_place() -> None:
    layers = (Flatten(), random_dense(RNG, 3, 4), Add(0))
    with pytest.raises(NetworkError, match=r"layer 2 \(Add\): it joins shapes \(3,\) and \(4,\)"):
        fold(Network("n", (2, 2, 1), tuple("abc"), layers))
    with pytest.raises(NetworkError, match="there is no layer 5 before it"):
        fold(Network("n", (2, 2, 1), tuple("abcd"), (Flatten(), Recall(5))))


def test_a_layer_behind_an_activation_that_does_not_fit_is_named_by_its_place() -> None:
    layers = (Flatten(), random_dense(RNG, 2, 4), random_polynomial(RNG, 2), random_dense(RNG, 1, 3))
    with pytest.raises(NetworkError, match=r"layer 3 \(Dense\): Dense takes 3 features"):
        fold(Network("n", (2, 2, 1), ("a",), layers))
    with pytest.raises(NetworkError, match=r"layer 2 \(Polynomial\): Polynomial has 3 channels, its input 2"):
        fold(Network("n", (2, 2, 1), ("a", "b"), (*layers[:2], random_polynomial(RNG, 3))))


def test_channels_in_which_an_activation_is_linear_are_not_squared() -> None:
    polynomial = Polynomial(np.array([1.0, 0.0, -2.0]), np.array([0.5, 2.0, 0.0]), np.ones(3))
    layers = (random_conv(RNG, 3, 1, (2, 2)), polynomial, Flatten(), random_dense(RNG, 2, 12))
    network = Network("n", (3, 3, 1), ("a", "b"), layers)
    stages = fold(network)
    assert [(stage.shape, sorted(stage.matrices)) for stage in stages] == [((2, 2, 2), [0]), ((2, 1, 1), [0, 1])]
    x = network.input_values(random_frames(network, 8)).reshape(8, -1)
    assert np.allclose(evaluate(stages, x), network.scores(random_frames(network, 8)))


def test_labels_that_are_not_as_many_as_scores_are_refused() -> None:
    network = Network("n", (2, 2, 1), ("a", "b"), (Flatten(), random_dense(RNG, 3, 4)))
    with pytest.raises(NetworkError, match="ends in 3 scores but names 2 labels"):
        fold(network)


def test_channels_far_below_the_largest_are_scaled_up_and_others_stay_alike() -> None:
    layers = (Flatten(), random_dense(RNG, 4, 4), random_polynomial(RNG, 4), random_dense(RNG, 2, 4))
    layers[1].weight[:] = np.eye(4)
    layers[1].bias[:] = [0, 0, 0, 1e3]
    layers[2].a[:], layers[2].b[:] = 1, 0
    network = Network("n", (2, 2, 1), ("a", "b"), layers)
    frames = random_frames(network, 20)
    x = network.input_values(frames).reshape(20, -1)
    scaled, factor = normalise(fold(network), x)
    assert np.allclose(factor * evaluate(scaled, x), network.scores(frames))
    peaks = np.abs(scaled[0]([x])).max(axis=0)
    assert np.all((peaks > 1 / 8) & (peaks <= 1))
    weights = scaled[0].matrices[0].diagonal()
    assert weights[0] == weights[1] == weights[2] > 8 * weights[3]


def test_factors_of_channels_are_exact_powers_whatever_logarithms_a_machine_has() -> None:
    peaks = np.array([[1.0, 0.126, 0.125, 2.0**-6, 2.0**-9, 2.0**-12, 0.0]])
    assert _magnified((7, 1, 1), peaks).tolist() == [1, 1, 8, 64, 512, 512, 512]
