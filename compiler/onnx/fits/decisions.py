"""How much a change of scores matters to the labels."""

from dataclasses import dataclass

import numpy as np

from common.plan.layers import Array

#: What a frame counts at least in a fit, where the one whose labels are as close as can be counts 1.
_LEAST_WEIGHT = 0.1
#: The lead of the first label for which scores are scaled before they become shares: that of a well-trained network.
_USUAL_LEAD = 7.0


@dataclass(frozen=True)
class Aim:
    """What fits are for: labels, or with `values`, and where there is one score alone, the scores themselves."""

    values: bool = False

    def weights(self, scores: Array) -> Array:
        """How much frames count in a fit, (n,): more where the first label of `scores` (n, labels) leads by little."""
        if self._of_values(scores):
            return np.ones(len(scores))
        lead = _lead(scores, scores.argmax(axis=1))
        weights: Array = _LEAST_WEIGHT + np.exp(-lead / _usual(lead))
        return weights

    def loss(self, original: Array, imported: Array) -> float:
        """How far scores (n, labels) are from deciding as the original ones do; 0 for the same.

        It is the relative entropy of the labels' shares (softmax), to which frames with a close decision add most. Of
        values it is the mean squared error, as a share of their variance.
        """
        if self._of_values(original):
            return float(np.mean((imported - original) ** 2)) / (float(original.var()) or 1.0)
        size = _size(original)
        before, after = _log_shares(original / size), _log_shares(imported / size)
        return float((np.exp(before) * (before - after)).sum(axis=1).mean())

    def gradient(self, original: Array, imported: Array) -> Array:
        """The gradient of the loss with respect to the imported scores, (n, labels), up to a factor."""
        if self._of_values(original):
            return imported - original
        size = _size(original)
        gradient: Array = np.exp(_log_shares(imported / size)) - np.exp(_log_shares(original / size))
        return gradient

    def _of_values(self, scores: Array) -> bool:
        return self.values or scores.shape[1] == 1


def _size(original: Array) -> float:
    return _usual(_lead(original, original.argmax(axis=1))) / _USUAL_LEAD


def _log_shares(scores: Array) -> Array:
    scores = scores - scores.max(axis=1, keepdims=True)
    shares: Array = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
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
