"""Max pooling: exact in the original network, and linear layers in the imported one, which can't compare values."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from common.plan.layers import Array, AvgPool2d, BatchNorm, Crop, Pad2d, Plain, windows

#: What may stand for the largest value of a window: its mean, or the value in its middle.
Replacement = Literal["mean", "strided"]
REPLACEMENTS: tuple[Replacement, ...] = ("mean", "strided")


@dataclass(frozen=True)
class MaxPool:
    """The largest value of each window, `stride` apart; `padding` is (top, left, bottom, right), and never largest."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    replacement: Replacement

    def forward(self, x: Array) -> Array:
        """The exact values, of x (n, channels, height, width)."""
        top, left, bottom, right = self.padding
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=-np.inf)
        largest: Array = windows(padded, self.kernel, self.stride, 0).max(axis=(4, 5))
        return largest

    def layers(self, size: tuple[int, int]) -> tuple[Plain, ...]:
        """What stands for it, for channels of this height and width."""
        if self.replacement == "mean":
            return (AvgPool2d(self.kernel, self.stride, self.padding, count_padding=False),)
        top, height, above, below = self._middles(size[0], axis=0)
        left, width, before, behind = self._middles(size[1], axis=1)
        layers: list[Plain] = [AvgPool2d(1, self.stride)]
        if (top, left, height, width) != (0, 0, size[0] + above + below, size[1] + before + behind):
            layers.insert(0, Crop(top, left, height, width))
        if any((above, before, below, behind)):
            layers.insert(0, Pad2d((above, before, below, behind)))
        return tuple(layers)

    def _middles(self, size: int, axis: int) -> tuple[int, int, int, int]:
        """The first middle of a window, how far it is to the last, and the padding before and behind that they need.

        The first is counted in what is padded so. Where kernels are even, the middle is the value before it.
        """
        before, behind = self.padding[axis], self.padding[axis + 2]
        kernel, stride = self.kernel[axis], self.stride[axis]
        count = (size + before + behind - kernel) // stride + 1
        first, distance = (kernel - 1) // 2 - before, (count - 1) * stride
        needed = max(0, -first)
        return max(0, first), distance + 1, needed, max(0, first + distance + 1 - size)


def corrected(replaced: Array, exact: Array, weights: Array) -> BatchNorm:
    """The layer that brings what stands for maxima closest to them: least squares for each channel.

    Both are (channels, n), and `weights` (n,) say how much each value counts. A mean is smaller than the largest value,
    by about the same share everywhere.
    """
    middle, wanted = (np.average(values, axis=1, weights=weights) for values in (replaced, exact))
    apart, apart_exact = replaced - middle[:, None], exact - wanted[:, None]
    spread = np.average(apart**2, axis=1, weights=weights)
    shared = np.average(apart * apart_exact, axis=1, weights=weights)
    constant = spread <= 1e-12 * middle**2
    factor = np.where(constant, 1.0, shared / np.where(constant, 1.0, spread))
    return BatchNorm(middle, np.ones_like(middle), factor, wanted, epsilon=0.0)
