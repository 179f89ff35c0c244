"""Encrypted scores are the network's, within the bound that the plan itself states."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from common.compiler import compile_network
from common.fhe import Context
from common.network import Flatten, Network
from tests.networks import networks, random_batch_norm, random_conv, random_dense, random_frames, random_polynomial
from workers.evaluator import PreparedPlan

pytestmark = pytest.mark.slow

FRAMES = 4


def check(network: Network, security: int = 128) -> None:
    frames = random_frames(network, 16)
    plan = compile_network(network, frames, security, error_budget=0.25)  # random weights amplify errors
    head = plan.head
    context = Context(head.parameters)
    context.generate_keys(head.rotations)
    prepared = PreparedPlan(plan)
    expected = network.scores(frames[:FRAMES])
    for frame, scores in zip(frames[:FRAMES], expected, strict=True):
        encrypted = context.encrypt(head.lay_out(frame), head.input_scale)
        found = head.read_scores(context.decrypt(prepared.evaluate(context, encrypted)))
        assert np.abs(found - scores).max() <= head.error_bound


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(largest_side=7))
def test_random_networks(network: Network) -> None:
    check(network)


@pytest.mark.parametrize("security", [128, 192, 256])
def test_a_network_of_all_layers_at_every_security_level(security: int) -> None:
    rng = np.random.default_rng(3)
    layers = (
        random_conv(rng, 4, 1, (3, 3), stride=2, padding=1),
        random_batch_norm(rng, 4),
        random_polynomial(rng, 4),
        Flatten(),
        random_dense(rng, 8, 100),
        random_polynomial(rng, 8),
        random_dense(rng, 5, 8),
    )
    check(Network("n", (10, 10, 1), tuple("abcde"), layers), security)
