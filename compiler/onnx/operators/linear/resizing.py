"""Resize: nearest values cost nothing, and interpolation is a matrix along each dimension.

Coordinates are computed in single precision, as onnxruntime does: with some sizes they lie between two values.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.linear.axes import Along, along
from compiler.onnx.scope import Scope

_Coordinates = NDArray[np.float32]
#: Where an output stands in the input, of (its place, scale, input size, output size), by the mode of coordinates.
_COORDINATES: dict[str, Callable[[_Coordinates, np.float32, int, int], _Coordinates]] = {
    "half_pixel": lambda x, scale, size, out: _half_pixel(x, scale),
    "pytorch_half_pixel": lambda x, scale, size, out: _half_pixel(x, scale) if out > 1 else np.zeros_like(x),
    "half_pixel_symmetric": lambda x, scale, size, out: (
        np.float32(size / 2) * (1 - np.float32(out) / (scale * np.float32(size))) + _half_pixel(x, scale)
    ),
    "align_corners": lambda x, scale, size, out: (
        x * np.float32(size - 1) / np.float32(out - 1) if out > 1 else np.zeros_like(x)
    ),
    "asymmetric": lambda x, scale, size, out: x / scale,
    "tf_half_pixel_for_nn": lambda x, scale, size, out: (x + np.float32(0.5)) / scale,
}
#: The nearest value, by nearest_mode.
_NEAREST: dict[str, Callable[[_Coordinates], _Coordinates]] = {
    "round_prefer_floor": lambda x: np.ceil(x - np.float32(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


def resize(scope: Scope, node: Node) -> Tensor:
    """Resize to nearest, linearly or cubically interpolated values, by scales or sizes that are constant."""
    early = scope.graph.opset < 11
    for name in ("antialias", "keep_aspect_ratio_policy"):
        if node.attributes.get(name, 0) not in (0, "stretch"):
            raise NetworkError(f"it has {name} = {node.attributes[name]}, which isn't supported; leave it out")
    coordinates = "asymmetric" if early else node.attributes.get("coordinate_transformation_mode", "half_pixel")
    nearest = "floor" if early else node.attributes.get("nearest_mode", "round_prefer_floor")
    if coordinates not in _COORDINATES or nearest not in _NEAREST:
        raise NetworkError(f"its coordinates {coordinates!r} and {nearest!r} aren't supported; use half_pixel")
    scales, sizes = scope.optional(node, 1 if early else 2), None if early else scope.optional(node, 3)
    return _resized(scope, node, coordinates, nearest, scales, sizes)


def upsample(scope: Scope, node: Node) -> Tensor:
    """Upsample, which Resize was called before opset 10."""
    scales = scope.optional(node, 1)
    listed = node.attributes.get("scales") if scales is None else scales
    return _resized(scope, node, "asymmetric", "floor", None if listed is None else np.asarray(listed), None)


def _resized(
    scope: Scope, node: Node, coordinates: str, nearest: str, scales: Array | None, sizes: Array | None
) -> Tensor:
    x, mode = scope.tensor(node, 0), node.attributes.get("mode", "nearest")
    rank = len(x.dimensions) + 1
    axes = [int(axis) % rank for axis in node.attributes.get("axes") or range(rank)]
    given = sizes if sizes is not None and sizes.size else scales
    if given is None or given.size != len(axes) or given.min() <= 0 or not np.isfinite(given).all():
        raise NetworkError(f"its scales or sizes don't fit {scope.dimensions(x)}; give a positive one for each")
    for axis, number in zip(axes, given.reshape(-1), strict=True):
        size = scope.dimensions(x)[axis]
        wanted = number if given is sizes else np.floor(np.float32(size) * np.float32(number))
        require_room((int(min(wanted, 2**30)),))
        out, scale = int(wanted), np.float32(wanted / size if given is sizes else number)
        if out == size and scale == 1:
            continue
        if axis == 0:
            raise NetworkError("it resizes the batch; only what is behind it may be resized")
        where = _COORDINATES[coordinates](np.arange(out, dtype=np.float32), scale, size, out)
        if mode == "nearest":
            require_room((*x.dimensions[: axis - 1], out, *x.dimensions[axis:]))
            x = x.viewed(np.take(x.places, np.clip(_NEAREST[nearest](where), 0, size - 1).astype(int), axis - 1))
        else:
            x = along(scope, x, axis - 1, _interpolated(node, mode, where, size))
    return x


def _interpolated(node: Node, mode: str, where: _Coordinates, size: int) -> Along:
    if mode == "linear":
        where = np.clip(where, 0, size - 1)
        low = np.floor(where)
        share = (where - low).astype(np.float64)
        places, weights = np.stack([low, low + 1]), np.stack([1 - share, share])
    elif mode == "cubic":
        low = np.floor(where)
        share = (where - low).astype(np.float64)
        places = low + np.arange(-1, 3)[:, None]
        distance = np.abs(share - np.arange(-1, 3)[:, None])
        weights = _cubic(distance, float(node.attributes.get("cubic_coeff_a", -0.75)))
        if node.attributes.get("exclude_outside", 0):
            weights = np.where((places >= 0) & (places < size), weights, 0.0)
            weights /= weights.sum(axis=0)
    else:
        raise NetworkError(f"its mode is {mode!r}; it must be nearest, linear or cubic")
    rows = np.broadcast_to(np.arange(len(where)), places.shape)
    columns = np.clip(places, 0, size - 1).astype(np.int64)
    return Along(len(where), rows.reshape(-1), columns.reshape(-1), weights.reshape(-1))


def _cubic(distance: Array, a: float) -> Array:
    """Weights of values at a distance of up to 2 (Keys, Cubic Convolution Interpolation, 1981, equation 15)."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    weights: Array = np.where(distance <= 1, near, far)
    return weights


def _half_pixel(x: _Coordinates, scale: np.float32) -> _Coordinates:
    return (x + np.float32(0.5)) / scale - np.float32(0.5)
