"""The coefficients of all fits at once, by gradient descent, so that the network decides as the original one does.

Fits one after the other make each activation's values right; their errors add up all the same. Here the labels' shares
by the original network are the targets (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015), and
Adam (Kingma and Ba, ICLR 2015) changes the three coefficients of each channel, and nothing else.
"""

from dataclasses import dataclass, replace

import numpy as np

from common.plan.layers import Array, Layer, Polynomial
from compiler.onnx.draft.draft import quadratic
from compiler.onnx.fits.activations import FittedNetwork, Sample, values_of
from compiler.onnx.fits.decisions import Aim
from compiler.onnx.fits.tape import Tape, total_weights

#: Steps, and frames of a step, at most and at least.
_STEPS, _MOST_BATCH, _LEAST_BATCH = 160, 200, 25
#: Products of a weight and a value that a distillation takes, at most: about a minute.
_MOST_PRODUCTS = 2**35
#: Weights of all layers as matrices, at most: they are held in memory.
_MOST_WEIGHTS = 2**23
#: The first step's size, as a share of the spread of what a layer gives; later ones are smaller.
_RATE = 0.02
#: How long Adam remembers gradients and their squares.
_MEMORY, _SQUARE_MEMORY = 0.9, 0.98
#: The share of its curvature that a channel keeps at least: nearly straight ones are noisy as ciphertexts.
_LEAST_CURVATURE = 0.5


def distilled(network: FittedNetwork, sample: Sample, original_scores: Array, aim: Aim) -> FittedNetwork:
    """The network with fits changed so that it decides more like `original_scores` (n, labels) of the sample's frames.

    It is as it was where that would take too long.
    """
    shape = (sample.frames.shape[3], *sample.frames.shape[1:3])
    places = [place for each in network.activations for place in each.places]
    weights = total_weights(network.layers, shape)
    batch = min(_MOST_BATCH, _MOST_PRODUCTS // (3 * _STEPS * weights), len(sample.frames))
    if not places or weights > _MOST_WEIGHTS or batch < min(_LEAST_BATCH, len(sample.frames)):
        return network
    tape = Tape.of(network.layers, shape)
    outputs = tape.forward(values_of(sample.some(batch).frames))
    learners = {place: _Learner.of(tape.layers[place], outputs[place], outputs[place + 1]) for place in places}
    rng = np.random.default_rng(0)
    for step in range(_STEPS):
        chosen = rng.choice(len(sample.frames), batch, replace=False)
        outputs = tape.forward(values_of(sample.frames[chosen]))
        gradient = aim.gradient(original_scores[chosen], outputs[-1].T).T
        for place, given in tape.backward(outputs, gradient, set(places)):
            learners[place].step(outputs[place], given, step)
        for place, learner in learners.items():
            tape.layers[place] = learner.layer
    return replace(network, layers=tuple(tape.layers))


@dataclass
class _Learner:
    """Adam for one polynomial: its coefficients are those of the value's place among the channel's values, -1 to 1."""

    layer: Polynomial
    centre: Array
    half: Array
    spread: float
    least: Array
    mean: Array
    square: Array

    @classmethod
    def of(cls, layer: Layer, values: Array, given: Array) -> "_Learner":
        """For a layer with such inputs and outputs, both (elements, frames)."""
        assert isinstance(layer, Polynomial)
        values = values.reshape(len(layer.a), -1)
        low, high = values.min(axis=1), values.max(axis=1)
        half = np.where(high > low, (high - low) / 2, 1.0)
        zeros = np.zeros((3, len(layer.a)))
        return cls(layer, (low + high) / 2, half, float(given.std()) or 1.0, layer.a.copy(), zeros, zeros)

    def step(self, values: Array, given: Array, number: int) -> None:
        """One step against the gradient of what the layer gives for these values; both (elements, frames)."""
        channels = len(self.layer.a)
        places = (values.reshape(channels, -1) - self.centre[:, None]) / self.half[:, None]
        by_channel = given.reshape(channels, -1)
        gradient = self.spread * np.stack([(by_channel * places**power).sum(axis=1) for power in range(3)])
        self.mean = _MEMORY * self.mean + (1 - _MEMORY) * gradient
        self.square = _SQUARE_MEMORY * self.square + (1 - _SQUARE_MEMORY) * gradient**2
        direction = self.mean / (1 - _MEMORY ** (number + 1))
        size = np.sqrt(self.square / (1 - _SQUARE_MEMORY ** (number + 1))) + np.finfo(np.float64).tiny
        c, b, a = -_RATE * (1 - number / _STEPS) * self.spread * direction / size
        curvature = self.layer.a + a / self.half**2
        kept = np.sign(self.least) * np.maximum(np.sign(self.least) * curvature, _LEAST_CURVATURE * np.abs(self.least))
        # What is kept of the curvature stays away from slope and constant, too.
        a = (kept - self.layer.a) * self.half**2
        slope = b / self.half - 2 * a * self.centre / self.half**2
        constant = c - b * self.centre / self.half + a * (self.centre / self.half) ** 2
        self.layer = quadratic(np.stack([self.layer.c + constant, self.layer.b + slope, kept]))
