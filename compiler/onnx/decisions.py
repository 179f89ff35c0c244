"""How much a change of scores matters to the labels."""

import numpy as np

from common.plan.layers import Array

#: What a frame counts at least in a fit, where the one whose labels are as close as can be counts 1.
_LEAST_WEIGHT = 0.1
#: The lead of the first label for which scores are scaled before they become shares: that of a well-trained network.
_USUAL_LEAD = 7.0


def closeness(scores: Array) -> Array:
    """How much frames count in a fit, (n,): more where the first label of `scores` (n, labels) leads by little."""
    if scores.shape[1] == 1:
        return np.ones(len(scores))
    lead = _lead(scores, scores.argmax(axis=1))
    weights: Array = _LEAST_WEIGHT + np.exp(-lead / _usual(lead))
    return weights


def decision_loss(original: Array, imported: Array) -> float:
    """How far scores (n, labels) are from deciding as the original ones do.

    It is the mean of log(1 + exp(-lead)): of the original's first label, in halves of the lead that it usually has
    there. Of one score alone it is the mean squared error, as a share of the score's variance.
    """
    if original.shape[1] == 1:
        return float(np.mean((imported - original) ** 2)) / (float(original.var()) or 1.0)
    first = original.argmax(axis=1)
    lead = _lead(imported, first) / (_usual(_lead(original, first)) / 2)
    return float(np.logaddexp(0.0, -lead).mean())


def share_gradient(original: Array, imported: Array) -> Array:
    """Which way scores (n, labels) have to go against, for the labels' shares (softmax) to become the original ones'.

    It is the gradient of the cross entropy, up to a factor; of one score alone that of the squared error.
    """
    if original.shape[1] == 1:
        return imported - original
    size = _usual(_lead(original, original.argmax(axis=1))) / _USUAL_LEAD
    return _shares(imported / size) - _shares(original / size)


def _shares(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _lead(scores: Array, first: Array) -> Array:
    """By how much the label `first` (n,) leads the best of the others."""
    rows = np.arange(len(scores))
    others = scores.copy()
    others[rows, first] = -np.inf
    lead: Array = scores[rows, first] - others.max(axis=1)
    return lead


def _usual(lead: Array) -> float:
    return float(np.median(lead)) or 1.0
