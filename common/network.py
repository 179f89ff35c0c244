"""A network as data: a list of layers with weights, and its plain forward pass.

The forward pass is the reference against which plans and encrypted runs are tested. Arrays
are batches: (n, channels, height, width) before Flatten, (n, features) after it.
"""

import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.errors import FrameError, NetworkError

Array = NDArray[np.float64]
Weights = NDArray[Any]
Positive = Annotated[int, msgspec.Meta(ge=1)]
#: What NumPy and its zip reader raise for a damaged file, or one of another kind.
_DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


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


class Conv2d(msgspec.Struct, frozen=True, tag=True, eq=False):
    """Convolution; `weight` has shape (out, in, kernel height, kernel width)."""

    weight: Weights
    bias: Weights
    stride: Positive = 1
    padding: int = 0

    def forward(self, x: Array) -> Array:
        if x.ndim != 4 or x.shape[1] != self.weight.shape[1]:
            raise NetworkError(f"Conv2d takes {self.weight.shape[1]} channels, not an input of shape {x.shape[1:]}")
        windows = _windows(x, self.weight.shape[2:], self.stride, self.padding)
        out: Array = np.einsum("nchwij,ocij->nohw", windows, self.weight, optimize=True)
        out += np.asarray(self.bias)[:, None, None]
        return out


class AvgPool2d(msgspec.Struct, frozen=True, tag=True):
    """Mean over kernel × kernel windows, `stride` apart."""

    kernel: Positive
    stride: Positive

    def forward(self, x: Array) -> Array:
        if x.ndim != 4:
            raise NetworkError(f"AvgPool2d takes channels × height × width, not an input of shape {x.shape[1:]}")
        pooled: Array = _windows(x, (self.kernel, self.kernel), self.stride, 0).mean(axis=(4, 5))
        return pooled


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
    """Channels × height × width to features, in that order."""

    def forward(self, x: Array) -> Array:
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


Layer = Crop | Conv2d | AvgPool2d | BatchNorm | Polynomial | Flatten | Dense


class Network(msgspec.Struct, frozen=True, eq=False):
    """Layers in order, the frames they take and the labels they give.

    `frame_shape` is (height, width, channels) of uint8 frames, which enter as value / 255.
    """

    name: str
    frame_shape: tuple[int, int, int]
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]

    def input_values(self, frames: NDArray[np.uint8]) -> Array:
        """Frames (n, h, w[, c]) as the first layer takes them, shape (n, c, h, w).

        Raises `FrameError` when a frame has another size, depth or number of channels.
        """
        return frames_to_values(frames, self.frame_shape)

    def forward(self, x: Array) -> Array:
        """Scores (n, labels) for a batch of input values."""
        return run_layers(self.layers, x)

    def scores(self, frames: NDArray[np.uint8]) -> Array:
        """Scores (n, labels) for frames."""
        return np.concatenate(
            [self.forward(self.input_values(frames[i : i + 500])) for i in range(0, len(frames), 500)]
        )

    def save(self, path: Path) -> None:
        """Write the network as one file: a description and its arrays, no code."""
        arrays: list[Weights] = []

        def extract(value: object) -> object:
            if isinstance(value, np.ndarray):
                arrays.append(value.astype(np.float32))
                return len(arrays) - 1
            raise TypeError(type(value))

        description = msgspec.json.encode(self, enc_hook=extract)
        buffer = io.BytesIO()
        named: dict[str, Any] = {f"a{index}": array for index, array in enumerate(arrays)}
        np.savez(buffer, description=np.frombuffer(description, np.uint8), **named)
        path.write_bytes(buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Network":
        """Read `save`'s file. Raises `NetworkError` when it can't be read."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}

            def restore(_: type, index: object) -> Weights:
                weights: Weights = arrays[f"a{index}"].astype(np.float64)
                return weights

            return msgspec.json.decode(arrays["description"].tobytes(), type=cls, dec_hook=restore)
        except (*_DAMAGE, msgspec.DecodeError) as error:
            raise NetworkError(f"{path} isn't a network file: {error}. Train or import the model again") from error


def run_layers(layers: Sequence[Layer], x: Array) -> Array:
    """Apply layers in order; raises `NetworkError` naming the layer that doesn't fit."""
    for index, layer in enumerate(layers):
        try:
            x = layer.forward(x)
        except (NetworkError, ValueError, IndexError) as error:
            raise NetworkError(f"layer {index} ({type(layer).__name__}): {error}") from error
    return x


def frames_to_values(frames: NDArray[np.uint8], frame_shape: tuple[int, int, int]) -> Array:
    """uint8 frames (n, h, w[, c]) as values in [0, 1], shape (n, c, h, w)."""
    if frames.ndim == 3:
        frames = frames[..., None]
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != frame_shape:
        height, width, channels = frame_shape
        raise FrameError(
            f"frames have shape {frames.shape[1:]} and type {frames.dtype}; the model takes {height}×{width} "
            f"with {channels} channel{'s' if channels > 1 else ''}, uint8"
        )
    return np.moveaxis(frames, 3, 1).astype(np.float64) / 255.0


def _windows(x: Array, kernel: Sequence[int], stride: int, padding: int) -> Array:
    if padding:
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    if x.shape[2] < kernel[0] or x.shape[3] < kernel[1]:
        raise NetworkError(f"a kernel of {kernel[0]}×{kernel[1]} doesn't fit in {x.shape[2]}×{x.shape[3]}")
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


def _per_channel(values: Weights, x: Array, name: str) -> Array:
    if len(values) != x.shape[1]:
        raise NetworkError(f"{name} has {len(values)} channels, its input {x.shape[1]}")
    return np.asarray(values, dtype=np.float64).reshape((1, -1) + (1,) * (x.ndim - 2))
