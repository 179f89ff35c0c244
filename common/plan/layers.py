"""The layers of a network, each with its plain forward pass.

The forward pass is the reference against which plans and encrypted runs are tested. Arrays
are batches: (n, channels, height, width) before Flatten, (n, features) after it.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError

Array = NDArray[np.float64]
Weights = NDArray[Any]
#: Places of elements in flattened tensors.
Indices = NDArray[np.int32]
Positive = Annotated[int, msgspec.Meta(ge=1)]
#: One number for both directions, or (down, across). Bounds on the numbers make msgspec crash here.
Pair = int | tuple[int, int]
#: One number for all four sides, or (top, left, bottom, right), the order of ONNX.
Padding = int | tuple[int, int, int, int]
#: Values of a convolution's windows that are copied at a time, over several frames.
_MOST_SEEN = 2**26
#: Products of a sparse matrix's weights that are held at a time, over several frames.
_MOST_PRODUCTS = 2**22


class Crop(msgspec.Struct, frozen=True, tag=True):
    """Keep a window of the frame: rows top … top + height, columns left … left + width."""

    top: int
    left: int
    height: Positive
    width: Positive

    def forward(self, x: Array) -> Array:
        window = x[:, :, self.top : self.top + self.height, self.left : self.left + self.width]
        if window.shape[2:] != (self.height, self.width):
            raise NetworkError(f"a crop of {self.height}×{self.width} doesn't fit in {x.shape[2]}×{x.shape[3]}")
        return window


class Pad2d(msgspec.Struct, frozen=True, tag=True):
    """Zeros around every channel."""

    padding: Padding

    def forward(self, x: Array) -> Array:
        _require_spatial("Pad2d", x)
        return pad(x, self.padding)


class Conv2d(msgspec.Struct, frozen=True, tag=True, eq=False):
    """Convolution; `weight` has shape (out, in / groups, kernel height, kernel width)."""

    weight: Weights
    bias: Weights
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: Positive = 1

    def forward(self, x: Array) -> Array:
        channels = self.weight.shape[1] * self.groups
        if x.ndim != 4 or x.shape[1] != channels:
            raise NetworkError(f"Conv2d takes {channels} channels, not an input of shape {x.shape[1:]}")
        view = windows(x, self.weight.shape[2:], self.stride, self.padding, self.dilation)
        some = max(1, _MOST_SEEN // max(1, int(np.prod(view.shape[1:]))))
        if some < len(x):
            return np.concatenate([self.forward(x[start : start + some]) for start in range(0, len(x), some)])
        groups = zip(np.split(view, self.groups, axis=1), np.split(self.weight, self.groups), strict=True)
        out: Array = np.concatenate(
            [np.einsum("nchwij,ocij->nohw", part, weight, optimize=True) for part, weight in groups], axis=1
        )
        out += np.asarray(self.bias)[:, None, None]
        return out


class AvgPool2d(msgspec.Struct, frozen=True, tag=True):
    """Mean over windows of `kernel`, `stride` apart; zeros of the padding count, unless told otherwise."""

    kernel: Pair
    stride: Pair
    padding: Padding = 0
    count_padding: bool = True

    def forward(self, x: Array) -> Array:
        _require_spatial("AvgPool2d", x)
        return self._sum(x) / self.divisors(x.shape[2:])

    def divisors(self, size: Sequence[int]) -> Array:
        """What each window's sum is divided by, shape (out height, out width), for channels of this size."""
        if not self.count_padding:
            inside: Array = self._sum(np.ones((1, 1, *size)))[0, 0]
            return inside
        height, width = pair(self.kernel)
        counted: Array = np.full(self._sum(np.zeros((1, 1, *size))).shape[2:], float(height * width))
        return counted

    def _sum(self, x: Array) -> Array:
        total: Array = windows(x, pair(self.kernel), self.stride, self.padding).sum(axis=(4, 5))
        return total


class GlobalAvgPool2d(msgspec.Struct, frozen=True, tag=True):
    """The mean of each channel, as (n, channels, 1, 1)."""

    def forward(self, x: Array) -> Array:
        _require_spatial("GlobalAvgPool2d", x)
        mean: Array = x.mean(axis=(2, 3), keepdims=True)
        return mean


class BatchNorm(msgspec.Struct, frozen=True, tag=True, eq=False):
    """Per-channel normalisation by the statistics of training."""

    mean: Weights
    variance: Weights
    gamma: Weights
    beta: Weights
    epsilon: float = 1e-5

    def forward(self, x: Array) -> Array:
        factor = self.gamma / np.sqrt(self.variance + self.epsilon)
        shift = self.beta - self.mean * factor
        return x * _per_channel(factor, x, "BatchNorm") + _per_channel(shift, x, "BatchNorm")


class Polynomial(msgspec.Struct, frozen=True, tag=True, eq=False):
    """The activation a·x² + b·x + c, per channel; each of a, b, c has shape (channels,)."""

    a: Weights
    b: Weights
    c: Weights

    def forward(self, x: Array) -> Array:
        a, b, c = (_per_channel(v, x, "Polynomial") for v in (self.a, self.b, self.c))
        return (a * x + b) * x + c


class Flatten(msgspec.Struct, frozen=True, tag=True):
    """Channels × height × width to features, in that order; or height × width × channels."""

    channels_last: bool = False

    def forward(self, x: Array) -> Array:
        if self.channels_last:
            _require_spatial("Flatten", x)
            x = np.moveaxis(x, 1, 3)
        return x.reshape(len(x), -1)


class Dense(msgspec.Struct, frozen=True, tag=True, eq=False):
    """Fully connected; `weight` has shape (out, in)."""

    weight: Weights
    bias: Weights

    def forward(self, x: Array) -> Array:
        if x.ndim != 2 or x.shape[1] != self.weight.shape[1]:
            raise NetworkError(
                f"Dense takes {self.weight.shape[1]} features, not an input of shape {x.shape[1:]}; "
                "put Flatten before it"
            )
        out: Array = x @ np.asarray(self.weight, dtype=np.float64).T + self.bias
        return out


class Linear(msgspec.Struct, frozen=True, tag=True, eq=False):
    """Any affine map, as a sparse matrix: output `rows[i]` takes `values[i]` times input `columns[i]`, and its `bias`.

    Rows and columns are places in the flattened output and input, rows in ascending order. `shape` is the output's:
    (channels, height, width) or (features,); `bias` has a value for each of its elements.
    """

    rows: Indices
    columns: Indices
    values: Weights
    bias: Weights
    shape: tuple[int, ...]

    def forward(self, x: Array) -> Array:
        flat = x.reshape(len(x), -1)
        out = np.tile(np.asarray(self.bias, dtype=np.float64), (len(x), 1))
        starts = np.flatnonzero(np.diff(self.rows, prepend=-1))
        step = max(1, _MOST_PRODUCTS // max(1, len(self.rows)))
        for first in range(0, len(x) if len(starts) else 0, step):
            products = flat[first : first + step, self.columns] * self.values
            out[first : first + step, self.rows[starts]] += np.add.reduceat(products, starts, axis=1)
        return out.reshape(len(x), *self.shape)


class Recall(msgspec.Struct, frozen=True, tag=True):
    """The output of the earlier layer at this place in the network, -1 for the network's input."""

    layer: Annotated[int, msgspec.Meta(ge=-1)]

    def joined(self, _: Any, other: Any) -> Any:
        return other


class Add(msgspec.Struct, frozen=True, tag=True):
    """The sum with the output of the earlier layer at this place in the network: a residual connection."""

    layer: Annotated[int, msgspec.Meta(ge=-1)]

    def joined(self, x: Any, other: Any) -> Any:
        return x + other


class Multiply(msgspec.Struct, frozen=True, tag=True):
    """The product with the output of the earlier layer at this place in the network, value by value: a gate."""

    layer: Annotated[int, msgspec.Meta(ge=-1)]

    def joined(self, x: Any, other: Any) -> Any:
        return x * other


#: Layers that need their input alone.
Plain = Crop | Pad2d | Conv2d | AvgPool2d | GlobalAvgPool2d | BatchNorm | Polynomial | Flatten | Dense | Linear
#: Layers that read an earlier layer's output, and join their input to it: arrays, or PyTorch's tensors.
Joining = Recall | Add | Multiply
Layer = Plain | Joining


def pair(value: Pair) -> tuple[int, int]:
    """A number for both directions, or one for each."""
    return (value, value) if isinstance(value, int) else value


def pad(x: Array, padding: Padding) -> Array:
    """`x` (n, c, h, w) with zeros around."""
    top, left, bottom, right = (padding,) * 4 if isinstance(padding, int) else padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def windows(x: Array, kernel: Sequence[int], stride: Pair, padding: Padding, dilation: Pair = 1) -> Array:
    """What a kernel sees at each place: (n, c, out height, out width, kernel height, kernel width)."""
    x = pad(x, padding)
    down, across = pair(dilation)
    spans = ((kernel[0] - 1) * down + 1, (kernel[1] - 1) * across + 1)
    if x.shape[2] < spans[0] or x.shape[3] < spans[1]:
        raise NetworkError(f"a kernel of {spans[0]}×{spans[1]} doesn't fit in {x.shape[2]}×{x.shape[3]}")
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(2, 3))
    rows, columns = pair(stride)
    return view[:, :, ::rows, ::columns, ::down, ::across]


def _per_channel(values: Weights, x: Array, name: str) -> Array:
    if len(values) != x.shape[1]:
        raise NetworkError(f"{name} has {len(values)} channels, its input {x.shape[1]}")
    return np.asarray(values, dtype=np.float64).reshape((1, -1) + (1,) * (x.ndim - 2))


def _require_spatial(name: str, x: Array) -> None:
    if x.ndim != 4:
        raise NetworkError(f"{name} takes channels × height × width, not an input of shape {x.shape[1:]}")
