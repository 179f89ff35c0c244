"""An imported network that learns from the original: a PyTorch module whose polynomials take normalised inputs."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Layer, Polynomial
from common.plan.network import Network
from models.training.layered import Augmentation, LayeredModel, with_weights
from models.training.trainable import array

#: Variance that a channel has at least, as a share of the mean variance of its layer.
_LEAST_VARIANCE = 1e-3


class Student(LayeredModel):
    """A network whose polynomials are batch norm with fixed statistics, and a·z² + b·z + c behind it.

    That computes the same, but steps of one size suit all of its weights. `normed` are the z of the frames that passed
    last.
    """

    normed: list[Any]

    def __init__(self, torch: Any, network: Network, augmentation: Augmentation, frames: NDArray[np.uint8]) -> None:
        """The statistics are those of `frames` (n, h, w, c)."""
        super().__init__(torch, network, augmentation)
        self.keep_statistics()
        plain = LayeredModel(torch, network, augmentation)
        plain.keep_statistics()
        with torch.no_grad():
            inputs = plain.forward(self.prepare(torch.from_numpy(np.array(frames))))[1]
        found = [torch.var_mean(x, dim=[0, *range(2, x.ndim)], correction=0) for x in inputs]
        statistics = iter([(mean, variance + _LEAST_VARIANCE * variance.mean() + 1e-12) for variance, mean in found])
        self._statistics: dict[Any, tuple[Any, Any]] = {}
        for layer, part in zip(network.layers, self.parts, strict=True):
            if isinstance(layer, Polynomial):
                mean, variance = self._statistics[part] = next(statistics)
                changed = _composed(layer.a, layer.b, layer.c, array(variance.sqrt()), array(mean))
                with torch.no_grad():
                    for parameter, values in zip(part, (changed.a, changed.b, changed.c), strict=True):
                        parameter.copy_(torch.from_numpy(values))
                part.extend(torch.nn.Parameter(each) for each in (torch.ones_like(mean), torch.zeros_like(mean)))

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels) of frames (n, c, h, w) in [0, 1], and the inputs of the polynomials."""
        self.normed = []
        return super().forward(x.contiguous(memory_format=self.torch.channels_last))

    def to_network(self) -> Network:
        """The network with the weights as they are now."""
        layers = [
            self._polynomial(part) if isinstance(layer, Polynomial) else with_weights(layer, part)
            for layer, part in zip(self._network.layers, self.parts, strict=True)
        ]
        return msgspec.structs.replace(self._network, layers=tuple(layers))

    def _run(self, layer: Layer, part: Any, x: Any) -> Any:
        if not isinstance(layer, Polynomial):
            return super()._run(layer, part, x)
        a, b, c, gamma, beta = part
        z = self._scaled(x, gamma, beta, *self._statistics[part])
        self.normed.append(z)
        return self._scaled(z * self._scaled(z, a, b), self.torch.ones_like(c), c)

    def _scaled(self, x: Any, factor: Any, shift: Any, mean: Any = None, variance: Any = None) -> Any:
        """factor · x + shift for each channel, of x with that mean and variance if any.

        Batch norm finds the gradients of both in one pass, where a product and a sum would take five.
        """
        mean = self.torch.zeros_like(factor) if mean is None else mean
        variance = self.torch.ones_like(factor) if variance is None else variance
        return self.torch.nn.functional.batch_norm(x, mean, variance, factor, shift, eps=0.0)

    def _polynomial(self, part: Any) -> Polynomial:
        mean, variance = map(array, self._statistics[part])
        a, b, c, gamma, beta = map(array, part)
        factor = gamma / np.sqrt(variance)
        return _composed(a, b, c, factor, beta - factor * mean)


def _composed(a: Any, b: Any, c: Any, factor: Any, shift: Any) -> Polynomial:
    """The polynomial of x that is a·z² + b·z + c of z = factor · x + shift."""
    return Polynomial(a * factor**2, (2 * a * shift + b) * factor, (a * shift + b) * shift + c)
