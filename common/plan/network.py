"""A network as data: layers with weights in order, and the file they are kept in."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.errors import FrameError, NetworkError
from common.files import read_arrays
from common.plan.layers import Array, Indices, Joining, Layer, Recall, Weights
from common.plan.shapes import frames_at_a_time, output_shape

#: Bytes of the largest network's weights.
_MOST_BYTES = 1 << 29
#: Values of the largest frame: far above any camera's, far below what fills the memory.
_LARGEST_FRAME = 2**24


class Network(msgspec.Struct, frozen=True, eq=False):
    """Layers in order, the frames they take and the labels they give.

    `frame_shape` is (height, width, channels) of uint8 frames, which enter as value / 255.
    """

    name: str
    frame_shape: tuple[int, int, int]
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]

    def __repr__(self) -> str:
        """Short: the weights would fill pages."""
        height, width, channels = self.frame_shape
        return f"<Network {self.name}: {len(self.layers)} layers, {height}×{width}×{channels} → {len(self.labels)}>"

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
        height, width, channels = self.frame_shape
        some = frames_at_a_time(self.layers, (channels, height, width))
        return np.concatenate(
            [self.forward(self.input_values(frames[i : i + some])) for i in range(0, len(frames), some)]
        )

    def save(self, path: Path) -> None:
        """Write the network as one file: a description and its arrays, no code."""
        arrays: list[Weights] = []

        def extract(value: object) -> object:
            if isinstance(value, np.ndarray):
                arrays.append(value.astype(np.int32 if value.dtype.kind == "i" else np.float32))
                return len(arrays) - 1
            raise TypeError(type(value))

        description = msgspec.json.encode(self, enc_hook=extract)
        buffer = io.BytesIO()
        named: dict[str, Any] = {f"a{index}": array for index, array in enumerate(arrays)}
        np.savez(buffer, description=np.frombuffer(description, np.uint8), **named)
        path.write_bytes(buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Network":
        """Read `save`'s file. Raises `NetworkError` when it can't be read, or its layers don't fit together."""
        try:
            arrays = read_arrays(path, _MOST_BYTES)

            def restore(kind: Any, index: object) -> Weights:
                array: Weights = arrays[f"a{index}"]
                return array if kind == Indices else array.astype(np.float64)

            network = msgspec.json.decode(arrays["description"].tobytes(), type=cls, dec_hook=restore)
        except (OSError, ValueError, KeyError, RecursionError) as error:  # msgspec's are a kind of ValueError
            raise NetworkError(f"{path} isn't a network file: {error}. Train or import the model again") from error
        try:
            network.check()
        except NetworkError as error:
            raise NetworkError(f"{path} holds no network that can be run: {error}. Train or import it again") from error
        return network

    def check(self) -> None:
        """Raise `NetworkError` where frames or layers are of impossible shapes, or too large."""
        height, width, channels = self.frame_shape
        if min(self.frame_shape) < 1 or height * width * channels > _LARGEST_FRAME:
            raise NetworkError(f"frame_shape is {self.frame_shape}; it must have 1 to {_LARGEST_FRAME:,} values")
        output_shape(self.layers, (channels, height, width))


def run_layers(layers: Sequence[Layer], x: Array) -> Array:
    """Apply layers in order; raises `NetworkError` naming the layer that doesn't fit."""
    outputs = {-1: x}
    sources = {layer.layer for layer in layers if isinstance(layer, Joining)}
    for index, layer in enumerate(layers):
        try:
            x = _run_layer(layer, x, outputs)
        except (NetworkError, ValueError, IndexError) as error:
            raise NetworkError(f"layer {index} ({type(layer).__name__}): {error}") from error
        if index in sources:
            outputs[index] = x
    return x


def _run_layer(layer: Layer, x: Array, outputs: Mapping[int, Array]) -> Array:
    if not isinstance(layer, Joining):
        return layer.forward(x)
    if layer.layer not in outputs:
        raise NetworkError(f"there is no layer {layer.layer} before it")
    other = outputs[layer.layer]
    if not isinstance(layer, Recall) and other.shape != x.shape:
        raise NetworkError(f"it joins shapes {x.shape[1:]} and {other.shape[1:]} (layer {layer.layer})")
    joined: Array = layer.joined(x, other)
    return joined


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
