"""Scores whose softmax is a probability: one temperature, fitted on validation and folded into the last layer.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

import msgspec
import numpy as np

from common.plan.layers import Array, Dense
from common.plan.network import Network
from models.training.own.labels import last_dense
from models.training.own.pictures import Examples

#: Factors of the scores that are tried: from a sixteenth to sixteen.
_FACTORS = 2.0 ** np.linspace(-4, 4, 161)


def calibrated(network: Network, validation: Examples) -> Network:
    """The network with its scores multiplied by what makes the validation's labels most likely.

    A network that doesn't end with a dense layer stays as it is.
    """
    last = last_dense(network)
    if last is None:
        return network
    factor = _best_factor(network.scores(validation.frames), validation.labels)
    layers = (*network.layers[:-1], Dense(last.weight * factor, last.bias * factor))
    return msgspec.structs.replace(network, layers=layers)


def log_probabilities(scores: Array) -> Array:
    """The logarithms (n, labels) of the softmax of scores (n, labels)."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _best_factor(scores: Array, labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """The factor with the least cross entropy.

    The targets leave a share of 1 in n + 1 to all labels alike: n pictures that were all told right, say ten, are no
    evidence of an error rate far below a tenth.
    """
    count, classes = scores.shape
    targets = np.full(scores.shape, 1 / (count + 1) / classes)
    targets[np.arange(count), labels] += count / (count + 1)
    losses = [-(targets * log_probabilities(scores * factor)).sum() for factor in _FACTORS]
    return float(_FACTORS[int(np.argmin(losses))])
