"""Operators that only move, leave out or repeat values, or nothing: other places of the same base, at no cost."""

from dataclasses import replace

import numpy as np

from common.errors import NetworkError
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.scope import Scope


def unchanged(scope: Scope, node: Node) -> Tensor:
    """Identity, Cast, ZipMap, and Dropout, which does nothing but in training."""
    training = scope.optional(node, 2) if node.operator == "Dropout" else None
    if training is not None and training.any():
        raise NetworkError("it has training_mode = 1; call model.eval() before the export")
    return scope.tensor(node, 0)


def cast_like(scope: Scope, node: Node) -> Tensor:
    """CastLike, to the type of what holds floats."""
    like = scope.value(node, 1)
    if not isinstance(like, Tensor) and like.dtype.kind != "f":
        raise NetworkError("it turns values into something else than floats, which rounds them; leave it out")
    return scope.tensor(node, 0)


def flatten(scope: Scope, node: Node) -> Tensor:
    """Flatten of each frame's values."""
    x = scope.tensor(node, 0)
    rank = len(x.dimensions) + 1
    axis = node.attributes.get("axis", 1)
    axis = axis + rank if axis < 0 else axis
    if axis != 1:
        raise NetworkError(f"its axis is {axis}; frames may only be flattened with axis = 1")
    return scope.draft.flatten(x)


def reshape(scope: Scope, node: Node) -> Tensor:
    """Reshape of each frame's values."""
    x = scope.tensor(node, 0)
    dimensions = scope.dimensions(x)
    wanted = scope.sizes(node, "shape")
    if not node.attributes.get("allowzero", 0):
        if any(size == 0 and place >= len(dimensions) for place, size in enumerate(wanted)):
            raise NetworkError(f"its shape {wanted} copies a dimension that isn't there")
        wanted = [dimensions[place] if size == 0 else size for place, size in enumerate(wanted)]
    total, known = int(np.prod(dimensions)), int(np.prod([size for size in wanted if size != -1]))
    if wanted.count(-1) > 1 or known < 1 or (-1 in wanted and total % known):
        raise NetworkError(f"its shape {wanted} doesn't fit {dimensions}")
    return _arranged(scope, x, tuple(total // known if size == -1 else size for size in wanted))


def squeeze(scope: Scope, node: Node) -> Tensor:
    """Squeeze: dimensions of 1 left out."""
    x = scope.tensor(node, 0)
    dimensions = scope.dimensions(x)
    axes = scope.axes(node, len(dimensions))
    if axes is None:
        axes = [axis for axis, size in enumerate(dimensions) if size == 1 and axis]
    if any(dimensions[axis] != 1 for axis in axes):
        raise NetworkError(f"its axes {axes} of {dimensions} aren't all 1")
    return _arranged(scope, x, tuple(size for axis, size in enumerate(dimensions) if axis not in axes))


def unsqueeze(scope: Scope, node: Node) -> Tensor:
    """Unsqueeze: dimensions of 1 put in, as for the channel of grey frames."""
    x = scope.tensor(node, 0)
    rest = list(scope.dimensions(x))
    axes_input = scope.optional(node, 1)
    count = len(node.attributes.get("axes", ()) if axes_input is None else axes_input.reshape(-1))
    for axis in sorted(scope.axes(node, len(rest) + count) or []):
        rest.insert(axis, 1)
    return _arranged(scope, x, tuple(rest))


def transpose(scope: Scope, node: Node) -> Tensor:
    """Transpose, of the batch too as long as it comes back."""
    x = scope.tensor(node, 0, batch_first=False)
    rank = len(x.dimensions) + 1
    order = list(node.attributes.get("perm") or range(rank - 1, -1, -1))
    if sorted(order) != list(range(rank)):
        raise NetworkError(f"it permutes {scope.dimensions(x)} by {order}")
    batch = order.index(x.batch)
    places = [axis - (axis > x.batch) for axis in order if axis != x.batch]
    return replace(x, places=x.places.transpose(places), batch=batch)


def tile(scope: Scope, node: Node) -> Tensor:
    """Tile of all dimensions but the batch."""
    x = scope.tensor(node, 0)
    repeats = scope.sizes(node, "repeats")
    if len(repeats) != len(x.dimensions) + 1 or repeats[0] != 1:
        raise NetworkError(f"it repeats {scope.dimensions(x)} by {repeats}; the batch must stay as it is")
    require_room(tuple(size * count for size, count in zip(x.dimensions, repeats[1:], strict=True)))
    return x.viewed(np.tile(x.places, repeats[1:]))


def expand(scope: Scope, node: Node) -> Tensor:
    """Expand: dimensions of 1 repeated."""
    x = scope.tensor(node, 0)
    wanted = tuple(scope.sizes(node, "shape"))
    if min(wanted, default=1) < 1:
        raise NetworkError(f"its shape is {wanted}; sizes must be from 1 on")
    try:
        target = np.broadcast_shapes(scope.dimensions(x), wanted)
    except ValueError as error:
        raise NetworkError(f"its shape {wanted} doesn't fit {scope.dimensions(x)}") from error
    if len(target) > len(x.dimensions) + 1 or target[0] != scope.graph.batch:
        raise NetworkError(f"it turns {scope.dimensions(x)} into {target}, which mixes frames; keep the batch first")
    return x.expanded(target[1:])


def depth_to_space(scope: Scope, node: Node) -> Tensor:
    """DepthToSpace, whose channels become blocks of pixels."""
    x = scope.tensor(node, 0)
    block, mode = int(node.attributes.get("blocksize", 0)), node.attributes.get("mode", "DCR")
    if len(x.dimensions) != 3 or block < 1 or x.dimensions[0] % block**2 or mode not in ("DCR", "CRD"):
        raise NetworkError(f"blocks of {block}×{block} in mode {mode!r} don't fit {x.dimensions} of each frame")
    channels, height, width = x.dimensions
    parts = channels // block**2
    if mode == "DCR":
        places = x.places.reshape(block, block, parts, height, width).transpose(2, 3, 0, 4, 1)
    else:
        places = x.places.reshape(parts, block, block, height, width).transpose(0, 3, 1, 4, 2)
    return x.viewed(places.reshape(parts, height * block, width * block))


def space_to_depth(scope: Scope, node: Node) -> Tensor:
    """SpaceToDepth, whose blocks of pixels become channels."""
    x = scope.tensor(node, 0)
    block, mode = int(node.attributes.get("blocksize", 0)), node.attributes.get("mode", "DCR")
    if len(x.dimensions) != 3 or block < 1 or x.dimensions[1] % block or x.dimensions[2] % block:
        raise NetworkError(f"blocks of {block}×{block} don't fit {x.dimensions} of each frame")
    if mode not in ("DCR", "CRD"):
        raise NetworkError(f"its mode is {mode!r}; it must be DCR or CRD")
    channels, height, width = x.dimensions
    rows, columns = height // block, width // block
    places = x.places.reshape(channels, rows, block, columns, block)
    places = places.transpose((2, 4, 0, 1, 3) if mode == "DCR" else (0, 2, 4, 1, 3))
    return x.viewed(places.reshape(channels * block**2, rows, columns))


def _arranged(scope: Scope, x: Tensor, target: tuple[int, ...]) -> Tensor:
    if not target or target[0] != scope.graph.batch:
        raise NetworkError(f"it turns {scope.dimensions(x)} into {target}, which mixes frames; keep the batch first")
    if int(np.prod(target[1:])) != x.size:
        raise NetworkError(f"it turns {scope.dimensions(x)} into {target}, which has another number of values")
    return scope.draft.flatten(x) if len(target) == 2 else x.reshaped(target[1:])
