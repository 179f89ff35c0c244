"""An imported network as it was read, as a PyTorch module that gives scores."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Layer
from common.plan.network import Network
from compiler.onnx.draft.draft import Activation, Item
from compiler.onnx.max_pooling import MaxPool
from models.training.layered import Augmentation, LayeredModel

#: Numbers by which ReLU and its kin are recognised.
_NUMBERS = [sign * 10.0**power for sign in (-1, 1) for power in range(-4, 5)] + [0.0, -3.0, -0.5, 0.5, 3.0, 6.5]


class Original(LayeredModel):
    """The network as it was read, with its exact activations and max pooling: it gives scores, and can't be trained."""

    def __init__(self, torch: Any, network: Network, items: Sequence[Item]) -> None:
        self._slopes = {item: _slope(torch, item) for item in items if isinstance(item, Activation)}
        super().__init__(torch, msgspec.structs.replace(network, layers=tuple(items)), Augmentation())
        self.keep_statistics()

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels) of frames (n, c, h, w), whose channels are last in memory: convolutions are faster so."""
        return super().forward(x.contiguous(memory_format=self.torch.channels_last))

    def agreement_mirrored(self, frames: NDArray[np.uint8]) -> float:
        """The share of frames (n, h, w, c) whose label stays the same when they are mirrored."""
        with self.torch.no_grad():
            x = self.prepare(self.torch.from_numpy(np.array(frames)))
            labels, mirrored = (self.forward(each)[0].argmax(dim=1) for each in (x, x.flip(3)))
        return float((labels == mirrored).double().mean())

    def _run(self, layer: Layer | Item, part: Any, x: Any) -> Any:
        torch = self.torch
        if isinstance(layer, Activation):
            slope = self._slopes[layer]
            if slope is not None:
                return torch.nn.functional.prelu(x, slope.to(x.dtype))
            return torch.from_numpy(np.asarray(layer.function.apply(x.float().numpy()), dtype=np.float32))
        if isinstance(layer, MaxPool):
            top, left, bottom, right = layer.padding
            padded = torch.nn.functional.pad(x, (left, right, top, bottom), value=-math.inf)
            return torch.nn.functional.max_pool2d(padded, layer.kernel, layer.stride)
        return super()._run(layer, part, x)


def _slope(torch: Any, activation: Activation) -> Any:
    """The slopes (channels,) below zero of an activation that is the identity above it, as ReLU; None of others.

    PyTorch computes these a hundred times faster than NumPy does what the file says. It counts as such a function by
    its values on a few numbers.
    """
    numbers = np.array(_NUMBERS)
    values = activation.function.apply(np.broadcast_to(numbers, (1, activation.function.channels, len(numbers))))[0]
    below = values[:, numbers < 0] / numbers[numbers < 0]
    same = np.allclose(below, below[:, :1], atol=1e-9) and np.allclose(values[:, numbers >= 0], numbers[numbers >= 0])
    return torch.from_numpy(below[:, 0].astype(np.float32)) if same else None
