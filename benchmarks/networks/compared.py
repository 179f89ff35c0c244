"""The networks that are compared: a convolution, a square, a dense layer, a square, the scores.

Their weights are in `*.npz` beside this file, float16, under the names `conv.weight`, `conv.bias`, `hidden.weight`,
`hidden.bias`, `scores.weight` and `scores.bias`: every contestant reads the same file.
`benchmarks.networks.train` made them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.plan.layers import Conv2d, Dense, Flatten, Layer, Polynomial
from common.plan.network import Network

FOLDER = Path(__file__).parent
SIZE = 28
LABELS = tuple("0123456789")


@dataclass(frozen=True)
class Architecture:
    """What tells the networks apart; frames are 28×28 grey, and nothing is padded."""

    name: str
    title: str
    channels: int
    kernel: int
    stride: int
    hidden: int

    @property
    def windows(self) -> int:
        """Places of the convolution's kernel."""
        return ((SIZE - self.kernel) // self.stride + 1) ** 2

    @property
    def layers(self) -> str:
        """The layers in a few words."""
        kernel = f"{self.channels}×{self.kernel}×{self.kernel}"
        return f"conv {kernel} stride {self.stride}, x², {self.hidden}, x², {len(LABELS)}"

    @property
    def weights(self) -> Path:
        """The file of weights."""
        return FOLDER / f"{self.name}.npz"


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("tenseal", "TenSEAL's tutorial CNN", 4, 7, 3, 64),
        Architecture("lola", "LoLA as Orion defines it", 5, 2, 2, 100),
        Architecture("helayers", "HElayers' example CNN", 8, 4, 3, 64),
    )
}


def load(architecture: Architecture) -> Network:
    """The network with its weights, in float64."""
    with np.load(architecture.weights) as file:
        weights = {name: file[name].astype(np.float64) for name in file.files}
    return Network(
        architecture.name,
        (SIZE, SIZE, 1),
        LABELS,
        (
            Conv2d(weights["conv.weight"], weights["conv.bias"], architecture.stride),
            square(architecture.channels),
            Flatten(),
            Dense(weights["hidden.weight"], weights["hidden.bias"]),
            square(architecture.hidden),
            Dense(weights["scores.weight"], weights["scores.bias"]),
        ),
    )


def square(channels: int) -> Layer:
    """The activation x² on this many channels."""
    return Polynomial(np.ones(channels), np.zeros(channels), np.zeros(channels))
