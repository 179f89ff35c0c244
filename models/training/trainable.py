"""What is trained: its recipe, and its layers as PyTorch modules."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import BatchNorm
from common.plan.network import Network

#: Frames that pass the network at a time where no gradients are kept.
_CHUNK = 1000

#: Called after each epoch with its number from 1 on, the number of epochs, and the mean loss.
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Recipe:
    """What every recipe sets. Each model's own adds how its frames are augmented."""

    batch: int = 256
    learning_rate: float = 2e-3
    #: The rate of Muon, which trains the model's `matrices`; AdamW trains everything else.
    matrix_rate: float = 0.0
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    gradient_norm: float = 1.0
    #: The part of the training in which the rate rises; after it, it falls to zero.
    rise: float = 0.3
    #: The part of the training after which batch norm keeps its statistics, and frames meet the network as it will be.
    settling: float = 1.0
    #: Weight of the penalty on activations' inputs beyond ±`range_limit`: the mean square of what is beyond.
    range_penalty: float = 0.0
    range_limit: float = 4.0
    #: Compute convolutions in bfloat16, which some processors do twice as fast.
    bfloat16: bool = False
    #: Where there is a teacher: the part of the loss that is the distance from its scores, and the temperature at which
    #: both are compared (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", section 2).
    distillation: float = 0.0
    temperature: float = 3.0


class Trainable(ABC):
    """Layers as PyTorch modules. Batch norm uses the batch's own statistics until they are settled."""

    #: Weights (outputs, inputs) of convolutions in front of batch norm, which makes their scale irrelevant: Muon trains
    #: them, and keeps the root mean square of their rows' norms at 1.
    matrices: Sequence[Any] = ()

    def __init__(self, torch: Any, parts: Iterable[Any]) -> None:
        self.torch = torch
        self.parts = torch.nn.ModuleList(parts)

    @abstractmethod
    def prepare(self, frames: Any) -> Any:
        """uint8 frames (n, h, w, c) as `forward` takes them."""

    @abstractmethod
    def augment(self, frames: Any) -> Any:
        """The same with random changes, for training."""

    @abstractmethod
    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels), and the inputs of the activations."""

    def settle_statistics(self, frames: Any) -> None:
        """Take batch norm's statistics anew from real frames, augmented ones have others, and keep to them.

        The frames are shuffled: data sets are often sorted by class, and a batch of one class varies less.
        """
        for part in self.parts.modules():
            if hasattr(part, "reset_running_stats"):
                part.reset_running_stats()
                part.momentum = None  # the plain mean over all batches
        order = self.torch.randperm(len(frames))
        with self.torch.no_grad():
            for batch in self.torch.tensor_split(order, math.ceil(len(frames) / _CHUNK)):
                self.forward(self.prepare(frames[batch]))
        self.parts.eval()


class Model(Trainable):
    """Layers that are those of a network."""

    @abstractmethod
    def to_network(self) -> Network:
        """The trained network, whose weights are exact in float32."""


def quadratic(x: Any, a: Any, b: Any) -> Any:
    """a·x² + b·x with coefficients for each channel."""
    shape = (-1, *(1,) * (x.ndim - 2))
    return (a.view(shape).to(x.dtype) * x + b.view(shape).to(x.dtype)) * x


def batch_norm(norm: Any) -> BatchNorm:
    """PyTorch's batch norm as a layer."""
    statistics = array(norm.running_mean), array(norm.running_var)
    return BatchNorm(*statistics, array(norm.weight), array(norm.bias), norm.eps)


def array(tensor: Any) -> NDArray[np.float64]:
    """PyTorch's tensor for a layer."""
    return np.asarray(tensor.detach().numpy(), dtype=np.float64)
