"""What a demo's report says of its frames."""

import numpy as np
import pytest

from blindsight.demo.report import Expectation
from tests.networks import small_network

NETWORK = small_network()


def test_a_frame_s_lead_is_that_of_its_best_score_over_the_next() -> None:
    scores = np.zeros(len(NETWORK.labels))
    scores[[2, 0]] = 1.5, 1.25
    assert Expectation.of(NETWORK, "x", scores) == Expectation("x", NETWORK.labels[2], 0.25)


def test_a_network_with_one_label_can_lose_no_lead() -> None:
    assert Expectation.of(NETWORK, "x", np.array([3.0])).lead == pytest.approx(np.inf)
