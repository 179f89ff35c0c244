"""The networks that are compared: whole, within what the peers' parameters hold, and good enough to mean something."""

import numpy as np
import pytest

from benchmarks.networks.compared import ARCHITECTURES, load
from models.samples import load_samples


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_classify_and_stay_in_range(name: str) -> None:
    samples = load_samples("digits")
    scores = load(ARCHITECTURES[name]).scores(samples.frames)
    assert np.mean(scores.argmax(axis=1) == samples.labels) >= 0.97
    assert np.abs(scores).max() < 4  # Orion's last prime holds no more at its scale


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_have_the_shapes_that_are_told(name: str) -> None:
    architecture = ARCHITECTURES[name]
    with np.load(architecture.weights) as file:
        shapes = {key: file[key].shape for key in file.files}
    assert shapes["conv.weight"] == (architecture.channels, 1, architecture.kernel, architecture.kernel)
    assert shapes["hidden.weight"] == (architecture.hidden, architecture.channels * architecture.windows)
