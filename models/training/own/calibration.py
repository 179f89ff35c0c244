"""Scores whose softmax is a probability: one temperature, fitted on validation and folded into the last layer.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Array, Dense
from common.plan.network import Network
from models.training.own.labels import last_dense

#: Factors of the scores that are tried: from a sixteenth to sixteen.
_FACTORS = 2.0 ** np.linspace(-4, 4, 161)


def calibrated(network: Network, frames: NDArray[np.uint8], targets: NDArray[np.floating[Any]]) -> Network:
    """The network with its scores multiplied by what makes `targets` most likely.

    The targets (n, labels) are how probable each label of the frames (n, h, w, c) is: 1 for a label that is known. A
    network that doesn't end with a dense layer stays as it is.
    """
    last = last_dense(network)
    if last is None:
        return network
    factor = _best_factor(network.scores(frames), targets)
    weight, bias = (each * np.float32(factor) for each in (last.weight, last.bias))
    layers = (*network.layers[:-1], Dense(weight.astype(np.float32), bias.astype(np.float32)))  # as files hold them
    return msgspec.structs.replace(network, layers=layers)


def log_probabilities(scores: Array) -> Array:
    """The logarithms (n, labels) of the softmax of scores (n, labels)."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _best_factor(scores: Array, targets: NDArray[np.floating[Any]]) -> float:
    """The most probable factor, where before any evidence its logarithm to base 2 is normal: mean 0, deviation 1.

    Without that, a few pictures that are all told right would make the network certain of everything.
    """
    losses = [-(targets * log_probabilities(scores * factor)).sum() + np.log2(factor) ** 2 / 2 for factor in _FACTORS]
    return float(_FACTORS[int(np.argmin(losses))])
